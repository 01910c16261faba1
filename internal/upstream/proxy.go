package upstream

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// Proxy hands requests over to the upstreams that a script chose, through Caddy's own
// reverse proxy: retries, streaming, upgrades, passive health checks and headers are its.
type Proxy struct {
	handler   *reverseproxy.Handler
	transport caddy.CleanerUpper // ours to clean up; nil: Caddy does it
	closeIdle func()             // closes idle connections
	closed    atomic.Bool        // cleaned up; requests that were under way may still come
	limit     tryLimit           // what the proxy block says about retries
	forward   *forwarder         // takes plain requests; nil: the handler takes all
	decided   []string           // names of headers of requests, by the proxy block
}

// NewProxy provisions cfg, the proxy block; nil if there is none. lean says that plain requests may go
// by lean connections, where the block names no transport.
func NewProxy(ctx caddy.Context, cfg *reverseproxy.Handler, lean bool) (*Proxy, error) {
	h := cfg
	if h == nil {
		h = new(reverseproxy.Handler)
	}
	lb := h.LoadBalancing
	if lb == nil {
		lb = new(reverseproxy.LoadBalancing)
	}
	if len(h.Upstreams) > 0 || h.DynamicUpstreamsRaw != nil || lb.SelectionPolicyRaw != nil || h.HealthChecks != nil && h.HealthChecks.Active != nil {
		// Whoever has read the configuration has refused them before, and said where they are.
		return nil, errors.New("proxy: the script chooses the upstreams (api.proxy); remove upstreams, lb_policy and active health checks from the proxy block")
	}
	p := &Proxy{handler: h, decided: decidedNames(h.Headers)}
	plain := lean && isPlain(h)
	if h.TransportRaw == nil {
		t := newTransport(lean)
		if err := t.Provision(ctx); err != nil {
			return nil, fmt.Errorf("provisioning transport: %w", err)
		}
		h.Transport, p.transport = t, t
	}
	var err error
	if h.TransportRaw, err = withIdleConns(h.TransportRaw); err != nil {
		return nil, err
	}
	h.LoadBalancing = lb
	source := trySource{retries: lb.Retries > 0 || lb.TryDuration > 0}
	if source.retries {
		p.limit.until = time.Duration(lb.TryDuration)
		if lb.Retries > 0 {
			p.limit.tries = lb.Retries + 1
		}
	} else {
		// Enough for the longest list; the source stops offering upstreams before.
		lb.Retries = maxTries
		lb.TryInterval = 0 // without retries Caddy never waits for it; it would after the last upstream
	}
	lb.SelectionPolicy = endingSelection{}
	if err := source.srv.Provision(ctx); err != nil {
		return nil, fmt.Errorf("provisioning SRV lookups: %w", err)
	}
	h.DynamicUpstreams = source
	if err := h.Provision(ctx); err != nil {
		return nil, fmt.Errorf("provisioning proxy: %w", err)
	}
	switch t := h.Transport.(type) {
	case *LeanTransport:
		p.closeIdle = t.CloseIdleConnections
	case *reverseproxy.HTTPTransport:
		p.closeIdle = t.Transport.CloseIdleConnections
	default:
		p.closeIdle = func() {}
	}
	h.Transport = &headTransport{RoundTripper: h.Transport, keepHost: setsHost(h.Headers)}
	if plain {
		p.forward = newForwarder(ctx, h)
	}
	return p, nil
}

// setsHost reports whether the request headers of the proxy block decide about Host.
func setsHost(h *headers.Handler) bool {
	if h == nil || h.Request == nil {
		return false
	}
	names := slices.Collect(maps.Keys(h.Request.Set))
	names = slices.AppendSeq(names, maps.Keys(h.Request.Add))
	names = slices.AppendSeq(names, maps.Keys(h.Request.Replace))
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, "Host") })
}

// Cleanup closes upgraded connections and the idle ones of a transport of our own.
func (p *Proxy) Cleanup() error {
	p.closed.Store(true) // first: whoever does not see it comes before the idle ones are closed
	err := p.handler.Cleanup()
	if p.transport != nil {
		err = errors.Join(err, p.transport.Cleanup())
	}
	return err
}

// Serve hands r over. What it returns is what the reverse_proxy handler returns: nil,
// or an error for the site's error routes (502 when no upstream was reached).
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, to *Target) error {
	targetOf(r.Context()).hide() // what it says is that of the last handing over
	caddyhttp.SetVar(r.Context(), targetVar, to)
	r = p.withoutTrailers(r)
	if to.body, _ = r.Body.(reqbody.Rereadable); to.body != nil && len(r.Trailer) > 0 {
		to.trailer = r.Trailer
	}
	to.upload, _ = caddyhttp.GetVar(r.Context(), reqbody.UploadVar).(*reqbody.Watched)
	if to.path != "" || to.header != nil {
		r = to.rewrite(r)
	}
	if to.failing.block = p.limit; p.limit.until > 0 {
		to.failing.block.begin = time.Now() // by which Caddy goes
	}
	err := to.settled(w, p.hand(w, r, next, to))
	if p.closed.Load() { // nobody will use the connection again
		p.closeIdle()
	}
	return err
}

// hand has a request served the short way if it can be, else by Caddy's reverse proxy.
func (p *Proxy) hand(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, to *Target) error {
	if p.forward != nil && p.forward.takes(r, to) {
		if took, err := p.forward.serve(w, r, to); took {
			return err
		}
	}
	defer to.countTries(r.Context())
	return p.handler.ServeHTTP(w, r, next)
}
