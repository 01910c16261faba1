package rover

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
)

// Serve implements luart.Host: next is the caddyhttp.Handler behind the directive.
func (h host) Serve(next any, to *luart.ProxyTo, w http.ResponseWriter, r *http.Request) error {
	onward := next.(caddyhttp.Handler)
	if set := luart.UpstreamsOf(r.Context()); set != nil {
		caddyhttp.SetVar(r.Context(), upstreamsVar, set)
	}
	if to != nil && to.Mirror { // whatever the proxy block makes of the answer, nothing comes of it
		onward = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	}
	if to == nil {
		return onward.ServeHTTP(w, r)
	}
	return h.proxy.serve(w, r, onward, proxyTarget(to))
}

// ErrorStatus implements luart.Host.
func (host) ErrorStatus(err error) int {
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.StatusCode != 0 {
		return herr.StatusCode
	}
	return http.StatusInternalServerError
}

// Apart implements luart.Host. It returns r with what Caddy keeps about a request (variables, placeholders) apart
// from the request's own, since several handings over of one request may be under way.
// Variables begin with the values that they have, and other placeholders keep them; what
// handlers behind set is seen behind only.
func (host) Apart(w http.ResponseWriter, r *http.Request) *http.Request {
	was := r.Context()
	server, ok := was.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return r
	}
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, server)
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	old, _ := was.Value(caddyhttp.VarsCtxKey).(map[string]any)
	maps.Copy(vars, old)
	if oldRepl, ok := was.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(oldRepl.Get) // those of map, for instance
	}
	original := was.Value(caddyhttp.OriginalRequestCtxKey)
	ctx := context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
	if groups, ok := was.Value(routeGroups).(map[string]struct{}); ok {
		ctx = context.WithValue(ctx, routeGroups, maps.Clone(groups))
	}
	return r.WithContext(ctx)
}

// routeGroups is where Caddy notes which groups of routes a request has gone through: of the
// handle blocks of a Caddyfile only the first that matches is for it. Each handing over begins
// with those of the request, the block of rover itself included.
const routeGroups = caddy.CtxKey("route_group")
