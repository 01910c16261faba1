package handler

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
)

// Serve implements luart.Host: next is the caddyhttp.Handler behind the directive.
func (h host) Serve(next any, to *luart.ProxyTo, w http.ResponseWriter, r *http.Request) error {
	onward := next.(caddyhttp.Handler)
	if set := luart.UpstreamsOf(r.Context()); set != nil {
		upstream.Choose(r.Context(), set)
	}
	if to != nil && to.Mirror { // whatever the proxy block makes of the answer, nothing comes of it
		onward = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	}
	if to == nil {
		return onward.ServeHTTP(w, r)
	}
	return h.proxy.Serve(w, r, onward, upstream.NewTarget(to))
}

// ErrorStatus implements luart.Host.
func (host) ErrorStatus(err error) int {
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.StatusCode != 0 {
		return herr.StatusCode
	}
	return http.StatusInternalServerError
}
