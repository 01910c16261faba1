package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/internal/upstream/lean"
)

// forwarder is the short way of a request: what Caddy's reverse proxy does for a plain one, with nothing
// that only another one needs. Both must not be told apart, by clients, upstreams, scripts, handlers or
// logs. What each step of reverseproxy.go is here:
//
//	ServeHTTP, proxyLoopIteration  serve, try
//	GetUpstreams, Select           Target.choose
//	prepareRequest, directRequest  forward_request.go
//	placeholders                   forward_placeholders.go
//	countRequest, dynamic hosts    forward_hosts.go
//	reverseProxy, RoundTrip        try, headTransport, lean
//	Got1xxResponse                 forwarding.Informed
//	finalizeResponse, copyResponse forward_response.go
//	tryAgain, statusError          tryAgain, statusError
type forwarder struct {
	source  trySource
	lean    *lean.Transport
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	head    headTransport    // for each request with a RoundTripper of its own
	headers *headers.Handler // nil: header_up and header_down change nothing
	trusted []netip.Prefix   // trusted_proxies of the block
	logger  *zap.Logger      // as that of the reverse proxy
	hosts   hosts
}

// newForwarder returns nil where the block asks for what only Caddy's reverse proxy does.
func newForwarder(ctx caddy.Context, h *reverseproxy.Handler) *forwarder {
	head, ok := h.Transport.(*headTransport)
	if !ok {
		return nil
	}
	t, ok := head.RoundTripper.(*LeanTransport)
	if !ok || t.lean == nil || t.TLS != nil {
		return nil
	}
	f := &forwarder{
		source: h.DynamicUpstreams.(trySource), lean: t.lean, dial: t.Transport.DialContext, //nolint:forcetypeassert // of NewProxy
		head: *head, headers: h.Headers, logger: ctx.Logger(), hosts: hosts{proxy: h},
	}
	if f.logger.Core().Enabled(zapcore.DebugLevel) {
		return nil // it says a lot of each request
	}
	for _, text := range h.TrustedProxies { // Caddy has checked them
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		f.trusted = append(f.trusted, prefix)
	}
	return f
}

// isPlain reports whether the proxy block says nothing but what a forwarder does, too. An option that
// this does not know is Caddy's. It is asked before the block is provisioned.
func isPlain(h *reverseproxy.Handler) bool {
	if h == nil {
		return true
	}
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		switch field.Name {
		case "TransportRaw", "Transport", // newForwarder looks at it
			"Headers", "TrustedProxies",
			"StreamTimeout", "StreamBufferSize", "StreamCloseDelay", // of upgrades
			"ProxyStatusName": // of requests that are refused because there are buffers
			continue
		}
		if field.IsExported() && !v.Field(i).IsZero() {
			return false
		}
	}
	return true
}

// takes reports whether a request can go the short way. All others are for Caddy's reverse proxy.
func (f *forwarder) takes(r *http.Request, to *Target) bool {
	switch {
	case to.mirror, r.Method == http.MethodConnect, len(r.Trailer) > 0,
		r.TLS != nil && !r.TLS.HandshakeComplete: // Early-Data
		return false
	case r.ContentLength < 0 && !maybeWithoutBody(r.Method):
		return false
	}
	h := r.Header
	if h["Upgrade"] != nil || h["Expect"] != nil || h["Incremental"] != nil {
		return false
	}
	for _, option := range h["Connection"] { // others name headers that go no further
		if !strings.EqualFold(option, "keep-alive") && !strings.EqualFold(option, "close") || h["Close"] != nil {
			return false
		}
	}
	for _, u := range to.upstreams {
		if !canForward(u) {
			return false
		}
	}
	return true
}

// canForward reports whether an upstream is one without TLS whose address is known.
func canForward(u upstream) bool { return !u.srv && u.scheme != "https" }

// maybeWithoutBody reports whether a request of unknown length may well have no body. Those of HTTP/3
// do not say.
func maybeWithoutBody(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions || method == http.MethodDelete
}

// errNoUpstream is that of the reverse proxy, which it does not export.
var errNoUpstream = errors.New("no upstreams available")

// serve answers a request. It reports false if the try that is next is for Caddy's reverse proxy.
func (f *forwarder) serve(w http.ResponseWriter, r *http.Request, to *Target) (took bool, err error) {
	to.show(r)
	start := time.Now()
	defer func() {
		if !to.kept {
			to.told.setDuration(time.Since(start))
		}
	}()
	body := newForwardBody(r)
	for retries := 0; ; retries++ {
		to.failing.sleep(r.Context())
		failed := to.choose(r, f.source)
		switch {
		case failed != nil:
			f.logger.Error("failed getting dynamic upstreams; falling back to static upstreams", zap.Error(failed))
			fallthrough
		case !to.offered && !to.over:
			if err == nil {
				err = caddyhttp.Error(http.StatusServiceUnavailable, errNoUpstream)
			}
			if failed == nil { // nothing changes that any more
				to.setRetries(r, retries)
				return true, statusError(err)
			}
		case to.over:
			to.setRetries(r, retries)
			return true, errNonePicked // settled says why
		case !canForward(to.current):
			return to.leave(), nil
		default:
			err = f.try(w, r, to, body)
			if errors.Is(err, errOther) {
				return to.leave(), nil
			}
			if errors.Is(err, context.Canceled) { // the client has left
				w.WriteHeader(statusClientClosed)
				err = nil
			}
		}
		if err == nil || !tryAgain(r, err, retries) {
			to.setRetries(r, retries)
			if err != nil {
				err = statusError(err)
			}
			return true, err
		}
	}
}

const statusClientClosed = 499

// leave has the reverse proxy make the try that has been chosen.
func (to *Target) leave() bool {
	to.kept = true
	to.hide()
	return false
}

// errOther says that a try is none for a forwarder.
var errOther = errors.New("not for the short way")

// setRetries remembers how many tries there were after the first one. What Asked says is else.
func (to *Target) setRetries(r *http.Request, n int) {
	to.told.setRetries(n)
	if tries := to.tried - to.refused; tries != n+1 && tries > 0 {
		if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
			repl.Set(triesKey, tries)
		}
	}
}

// tryAgain reports whether there is to be another try, by the rules of the reverse proxy where the
// block says nothing: always when nothing can have been sent, else if it is a GET.
func tryAgain(r *http.Request, err error, retries int) bool {
	if retries >= maxTries {
		return false
	}
	var dial reverseproxy.DialError
	return errors.As(err, &dial) || errors.Is(err, errNoUpstream) || r.Method == http.MethodGet
}

// statusError is the error that a request ends with.
func statusError(err error) error {
	status := http.StatusBadGateway
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as the reverse proxy does: it is not for wrapped ones
		status = http.StatusGatewayTimeout
	}
	if errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "operation was canceled") {
		status = statusClientClosed
	}
	return caddyhttp.Error(status, err)
}

// try sends a request to the current upstream, and its answer to the client. An error says that nothing
// has been sent to the client.
func (f *forwarder) try(w http.ResponseWriter, r *http.Request, to *Target, body *forwardBody) error {
	start := time.Now()
	at := f.hosts.of(to.current.dial, start)
	if at == nil {
		return errOther
	}
	to.told.setUpstream(at)
	x := newForwarding(f, w, at)
	x.prepare(r, body)
	if !f.lean.Can(&x.req) { // header_up makes an upgrade of it, for instance
		x.free()
		return errOther
	}
	at.requests.Add(1)
	defer at.requests.Add(-1)
	head := f.head
	head.RoundTripper = x
	resp, err := head.roundTrip(to, &x.req)
	if err != nil {
		x.free()
		return err
	}
	to.told.setResponse(resp, time.Since(start))
	x.answer(resp, to, start)
	x.free()
	return nil
}
