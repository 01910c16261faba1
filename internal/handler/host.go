package handler

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/resilience"
)

// host gives scripts what Caddy knows of a request.
type host struct{ *Handler }

// ClientIP implements luart.Host.
func (host) ClientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

// IsTrusted implements luart.Host, by trusted_proxies.
func (host) IsTrusted(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// Var implements luart.Host: a placeholder of the request.
func (host) Var(r *http.Request, name string) (any, bool) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil, false
	}
	return repl.Get(name)
}

// SetVar implements luart.Host.
func (host) SetVar(r *http.Request, name string, value any) {
	caddyhttp.SetVar(r.Context(), name, value)
}

// LogField implements luart.Host: a field of the access log.
func (host) LogField(r *http.Request, name string, value any) {
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Add(zap.Any(name, value))
	}
}

// Serve implements luart.Host: next is the caddyhttp.Handler behind the directive, or a file.
func (h host) Serve(next any, to *luart.ProxyTo, w http.ResponseWriter, r *http.Request) error {
	target := h.nextHandler(next)
	if addresses := luart.UpstreamsOf(r.Context()); addresses != nil {
		upstream.Choose(r.Context(), addresses)
	}
	if to == nil {
		return leftUpload(r, target.ServeHTTP(w, r))
	}
	if to.Mirror { // whatever the proxy block makes of the answer, nothing comes of it
		target = caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	}
	return leftUpload(r, h.proxy.Serve(w, r, target, upstream.NewTarget(to)))
}

// ErrorStatus implements luart.Host.
func (host) ErrorStatus(err error) int {
	var herr caddyhttp.HandlerError
	if errors.As(err, &herr) && herr.StatusCode != 0 {
		return herr.StatusCode
	}
	return http.StatusInternalServerError
}

// Unsent implements luart.Host. Of several tries the last one counts: after one whose request may
// have been sent there is none but of a method that may be repeated.
func (host) Unsent(err error) bool {
	var dial reverseproxy.DialError
	var open *resilience.OpenError
	var herr caddyhttp.HandlerError
	return errors.As(err, &dial) || errors.As(err, &open) ||
		errors.As(err, &herr) && herr.Err != nil && herr.Err.Error() == noUpstreams
}

// noUpstreams is the error of Caddy's reverse_proxy where all upstreams are down, which it does not
// export.
const noUpstreams = "no upstreams available"

// Upstream implements luart.Host.
func (host) Upstream(r *http.Request) (address string, tries int) { return upstream.Asked(r.Context()) }

// Interface guard
var _ luart.Host = host{}
