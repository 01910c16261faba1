package admin

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/scripts"
)

// loadRoute is POST /load, which is Caddy's. A config that is to be loaded whether it has changed
// or not (caddy reload --force) loads the scripts whether they have changed or not: Caddy does not
// tell modules of it. It is nil if Caddy has no such endpoint.
func loadRoute() *caddy.AdminRoute {
	const path = "/load"
	info, err := caddy.GetModule("admin.api.load")
	if err != nil {
		return nil
	}
	router, ok := info.New().(caddy.AdminRouter)
	if !ok {
		return nil
	}
	for _, route := range router.Routes() {
		if route.Pattern != path {
			continue
		}
		return &caddy.AdminRoute{
			Pattern: http.MethodPost + " " + path, // goes before the pattern without a method
			Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
				if isForced(r) {
					defer scripts.LoadAll()()
				}
				return route.Handler.ServeHTTP(w, r)
			}),
		}
	}
	return nil
}

// isForced reports whether a request says what caddy reload --force does.
func isForced(r *http.Request) bool {
	for _, value := range r.Header.Values("Cache-Control") {
		for token := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "must-revalidate") {
				return true
			}
		}
	}
	return false
}
