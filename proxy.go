package rover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/clock"
)

// idleConnsPerHost is how many idle connections to an upstream are kept, where the
// proxy block configures no transport. Caddy's default of 32 closes and reopens
// connections as soon as more requests than that run at once: at 512 clients it cost a
// third of the throughput.
const idleConnsPerHost = 1024

// proxy hands requests over to the upstreams that a script chose, through Caddy's own
// reverse proxy: retries, streaming, upgrades, health checks and headers are its.
type proxy struct {
	handler   *reverseproxy.Handler
	transport *reverseproxy.HTTPTransport // ours to clean up; nil: Caddy does it
	closeIdle func()                      // closes idle connections
	closed    atomic.Bool                 // cleaned up; requests that were under way may still come
}

// newProxy provisions cfg, the proxy block; nil if there is none.
func newProxy(ctx caddy.Context, cfg *reverseproxy.Handler) (*proxy, error) {
	h := cfg
	if h == nil {
		h = new(reverseproxy.Handler)
	}
	if len(h.Upstreams) > 0 || h.DynamicUpstreamsRaw != nil {
		return nil, errors.New("proxy: the script chooses the upstreams (api.proxy); remove them from the proxy block")
	}
	p := &proxy{handler: h}
	if h.TransportRaw == nil {
		t := &reverseproxy.HTTPTransport{KeepAlive: &reverseproxy.KeepAlive{MaxIdleConnsPerHost: idleConnsPerHost}}
		if err := t.Provision(ctx); err != nil {
			return nil, fmt.Errorf("provisioning transport: %w", err)
		}
		h.Transport, p.transport = t, t
	}
	lb := h.LoadBalancing
	if lb == nil {
		lb = new(reverseproxy.LoadBalancing)
		h.LoadBalancing = lb
	}
	source := upstreamSource{again: lb.Retries > 0 || lb.TryDuration > 0}
	if !source.again {
		// Enough for the longest list; the source stops offering upstreams before.
		lb.Retries = maxTries
		lb.TryInterval = 0 // without retries Caddy never waits for it; it would after the last upstream
	}
	if lb.SelectionPolicyRaw == nil {
		lb.SelectionPolicy = reverseproxy.FirstSelection{} // the source offers one at a time
	}
	if err := source.srv.Provision(ctx); err != nil {
		return nil, fmt.Errorf("provisioning SRV lookups: %w", err)
	}
	h.DynamicUpstreams = source
	if err := h.Provision(ctx); err != nil {
		return nil, fmt.Errorf("provisioning proxy: %w", err)
	}
	lb.SelectionPolicy = endingSelection{lb.SelectionPolicy}
	p.closeIdle = func() {}
	if t, ok := h.Transport.(*reverseproxy.HTTPTransport); ok {
		p.closeIdle = t.Transport.CloseIdleConnections
	}
	h.Transport = &headTransport{RoundTripper: h.Transport, keepHost: setsHost(h.Headers)}
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

// cleanup closes upgraded connections and the idle ones of a transport of our own.
func (p *proxy) cleanup() error {
	p.closed.Store(true) // first: whoever does not see it comes before the idle ones are closed
	err := p.handler.Cleanup()
	if p.transport != nil {
		err = errors.Join(err, p.transport.Cleanup())
	}
	return err
}

// proxyTo is where one request goes, and how far it has got: it serves one request.
type proxyTo struct {
	upstreams []upstream
	tries     int           // the longest that upstreams may become; 0: no matter
	timeout   time.Duration // until the response head is there; 0: none
	path      string
	host      string
	header    http.Header

	mirror bool // nobody wants the answer

	pick func(ctx context.Context, attempt int, last *luart.TryError) (string, error) // nil: no script is asked

	tried   int
	current upstream
	offered bool             // to Caddy, which has not sent the request there yet
	last    *luart.TryError  // with pick: how the last try ended
	status  int              // likewise: what the client gets for it
	over    bool             // there is no further try
	failed  error            // because pick failed
	body    luart.Replayable // the request's, if the script has read it
	sent    int              // round trips that were begun

	// One upstream is the common case: these spare allocations.
	one   [1]upstream
	offer [1]*reverseproxy.Upstream
}

// proxyVar is where a request's proxyTo is found, among Caddy's variables of the
// request: a context of its own would cost two allocations.
const proxyVar = "rover.proxy_to"

func proxyToOf(ctx context.Context) *proxyTo {
	to, _ := caddyhttp.GetVar(ctx, proxyVar).(*proxyTo)
	return to
}

// proxyTarget makes a proxyTo of what a script gave to api.proxy, whose addresses have
// been checked.
func proxyTarget(p *luart.ProxyTo) *proxyTo {
	to := &proxyTo{
		timeout: time.Duration(min(p.Timeout, maxProxyTimeout.Seconds()) * float64(time.Second)),
		tries:   p.Tries, path: p.Path, host: p.Host, header: p.Header, pick: p.Pick, mirror: p.Mirror,
	}
	if h := to.header.Get("Host"); h != "" {
		to.host = h
	}
	n := len(p.Upstreams)
	if p.Tries > 0 {
		n = min(n, p.Tries)
	}
	to.upstreams = to.one[:0]
	if n > len(to.one) {
		to.upstreams = make([]upstream, 0, n)
	}
	for _, address := range p.Upstreams[:n] {
		if u, err := parseUpstream(address); err == nil {
			to.upstreams = append(to.upstreams, u)
		}
	}
	return to
}

const maxProxyTimeout = 24 * time.Hour

// serve hands r over. What it returns is what the reverse_proxy handler returns: nil,
// or an error for the site's error routes (502 when no upstream was reached).
func (p *proxy) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, to *proxyTo) error {
	caddyhttp.SetVar(r.Context(), proxyVar, to)
	to.body, _ = r.Body.(luart.Replayable)
	if to.path != "" || to.header != nil {
		r = to.change(r)
	}
	err := p.handler.ServeHTTP(w, r, next)
	if to.over {
		err = to.end()
	}
	if p.closed.Load() { // nobody will use the connection again
		p.closeIdle()
	}
	return err
}

// change returns r with the path and headers for the upstream. r itself stays as it
// was, for error routes and the access log. The host is not changed here, because
// X-Forwarded-Host is the client's.
func (to *proxyTo) change(r *http.Request) *http.Request {
	c := *r
	if to.path != "" {
		u := *r.URL
		path, query, hasQuery := strings.Cut(to.path, "?")
		u.Path, _ = url.PathUnescape(path) // api.proxy has tried it
		u.RawPath = path
		if hasQuery {
			u.RawQuery = query
		}
		c.URL = &u
		c.RequestURI = u.RequestURI()
	}
	if to.header != nil {
		c.Header = r.Header.Clone()
		for name, values := range to.header {
			if name != "Host" {
				c.Header[name] = values
			}
		}
	}
	return &c
}

// headTransport is the transport of the proxy. A body that the script has read is sent
// whole with every try. It knows what the script said about the upstream at hand: how long to wait for the response's head, which headers Caddy is not
// to overwrite, and that an https upstream gets its own address as Host, as from
// reverse_proxy with a TLS transport.
type headTransport struct {
	http.RoundTripper
	keepHost bool         // the proxy block sets the Host header
	clock    *clock.Clock // nil: the system's
}

// forwardedHeaders are those that Caddy sets after the script did, because it does not
// trust the client's.
var forwardedHeaders = [...]string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}

// RoundTrip implements http.RoundTripper. req is the reverse proxy's own for this try,
// but for the header map, which all tries share.
func (t *headTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	to := proxyToOf(req.Context())
	if to == nil {
		return t.RoundTripper.RoundTrip(req)
	}
	if to.sent++; to.sent > 1 && to.body != nil && req.Body != nil && req.Body != http.NoBody {
		req.Body = to.body.Again() // the try before has read from the first
	}
	switch {
	case to.host != "": // also where the transport or the proxy block has set another
		req.Host = to.host
	case to.current.scheme == "https" && !t.keepHost:
		req.Host = to.current.dial // not URL.Host: with proxy_protocol that is no host
	}
	if to.header != nil {
		req.Header = to.forwarded(req.Header)
	}
	to.offered = false
	var resp *http.Response
	var err error
	if to.timeout == 0 {
		resp, err = t.RoundTripper.RoundTrip(req)
	} else {
		resp, err = t.roundTripWithin(to.timeout, req)
	}
	if to.pick != nil {
		to.note(resp, err)
	}
	if to.mirror && err == nil {
		drain(resp)
	}
	return resp, err
}

// drainBytes of an answer that nobody wants are read, so that the connection can be used
// again; a longer one is cut.
const drainBytes = 256 << 10

func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes)
	_ = resp.Body.Close()
	resp.Body = http.NoBody
	resp.Trailer = nil
}

// forwarded returns h with the script's X-Forwarded headers.
func (to *proxyTo) forwarded(h http.Header) http.Header {
	cloned := false
	for _, name := range forwardedHeaders {
		values, ok := to.header[name]
		if !ok {
			continue
		}
		if !cloned {
			h, cloned = h.Clone(), true
		}
		h[name] = values
	}
	return h
}

// roundTripWithin ends a round trip whose response head is not there in time.
func (t *headTransport) roundTripWithin(timeout time.Duration, req *http.Request) (*http.Response, error) {
	// Only a transport that reports both tells whether the request can have been sent.
	var asked, connected atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	// The context must outlive the head: the body is read under it. It ends with the
	// request's, or here.
	ctx, cancel := context.WithCancelCause(ctx)
	timer := t.clock.AfterFunc(timeout, func() { cancel(errHeadTimeout) })
	resp, err := t.RoundTripper.RoundTrip(req.WithContext(ctx))
	if timer.Stop() {
		if err != nil {
			cancel(nil)
		}
		return resp, err
	}
	if err == nil {
		_ = resp.Body.Close() // the timer was faster, the body is cut
	}
	if asked.Load() && !connected.Load() {
		return nil, errConnectTimeout
	}
	return nil, errHeadTimeout
}

// ProxyProtocolEnabled and RequiresContentLength are asked of a transport by the
// reverse proxy.
func (t *headTransport) ProxyProtocolEnabled() bool {
	pp, ok := t.RoundTripper.(reverseproxy.ProxyProtocolTransport)
	return ok && pp.ProxyProtocolEnabled()
}

func (t *headTransport) RequiresContentLength() bool {
	cl, ok := t.RoundTripper.(reverseproxy.ContentLengthRequiredTransport)
	return ok && cl.RequiresContentLength()
}

// headTimeoutError is a net.Error, so that the reverse proxy answers with 504, and not
// context.Canceled, which it takes for a client that has left.
type headTimeoutError struct{}

func (headTimeoutError) Error() string {
	return "timeout while waiting for the upstream's response head"
}
func (headTimeoutError) Timeout() bool   { return true }
func (headTimeoutError) Temporary() bool { return true }

// connectTimeoutError is the timeout while there was no connection yet. To the reverse
// proxy it is a dial error: nothing was sent, so any request may go to the next upstream.
type connectTimeoutError struct{ headTimeoutError }

func (connectTimeoutError) Error() string { return "timeout while connecting to the upstream" }
func (connectTimeoutError) Unwrap() error { return reverseproxy.NewDialError(errHeadTimeout) }

var (
	errHeadTimeout    error = headTimeoutError{}
	errConnectTimeout error = connectTimeoutError{}
)
