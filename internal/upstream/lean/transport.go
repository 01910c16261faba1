package lean

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Transport is an http.RoundTripper for what http.Transport does over HTTP/1.1 without TLS. Any
// goroutine may call its methods.
type Transport struct {
	base *http.Transport // whose options it has, and which takes what it does not know
	pool pool

	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	never    bool // an option of base that it does not know
	maxHead  int64
	readSize int
}

// New returns a Transport that follows the options of another one, which must not change any more, and
// hands to it what it does not know.
func New(base *http.Transport) *Transport {
	t := &Transport{base: base, dial: base.DialContext}
	if t.dial == nil {
		t.dial = new(net.Dialer).DialContext
	}
	t.maxHead = cmp.Or(base.MaxResponseHeaderBytes, 10<<20)
	t.readSize = max(base.ReadBufferSize, 16)
	if base.ReadBufferSize <= 0 {
		t.readSize = defaultReadBuffer
	}
	t.pool.perHost = cmp.Or(base.MaxIdleConnsPerHost, http.DefaultMaxIdleConnsPerHost)
	t.pool.max = base.MaxIdleConns
	t.pool.timeout, t.pool.every = base.IdleConnTimeout, sweepEvery
	t.never = base.Dial != nil || base.MaxConnsPerHost > 0 || //nolint:staticcheck // of others
		base.MaxResponseHeaderBytes < 0 || base.Protocols != nil && !base.Protocols.HTTP1()
	return t
}

// Can reports whether it sends a request itself: it is for a server without TLS, by no proxy, is no
// upgrade or CONNECT, announces no trailers, and waits for no 100 Continue.
func (t *Transport) Can(req *http.Request) bool {
	_, ok := t.takes(req)
	return ok
}

func (t *Transport) takes(req *http.Request) (framing, bool) {
	if t.never || req.URL == nil || req.URL.Scheme != "http" || req.URL.Host == "" || req.Header == nil ||
		req.Method == http.MethodConnect || len(req.Trailer) > 0 || req.Cancel != nil || //nolint:staticcheck // of others
		req.Header["Upgrade"] != nil || req.Header["Expect"] != nil {
		return framing{}, false
	}
	if req.URL.Hostname() == "" || !ascii(req.URL.Host) {
		return framing{}, false
	}
	if proxy := t.base.Proxy; proxy != nil {
		if u, err := proxy(req); u != nil || err != nil {
			return framing{}, false
		}
	}
	return framingOf(req)
}

// Caller is whoever has one request sent, and wants to have a say in it.
type Caller interface {
	// Dial connects to the server of the request: what DialContext of the transport's options does
	// otherwise.
	Dial(ctx context.Context) (net.Conn, error)
	// Informed is told of an informational response, as httptrace.ClientTrace.Got1xxResponse is
	// otherwise.
	Informed(code int, header http.Header) error
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	t.pool.closeAll()
	t.base.CloseIdleConnections()
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.RoundTripFor(nil, req)
}

// RoundTripFor is RoundTrip for a caller, who may be nil. He must not need what he has given it once the
// body of the response is closed, or an error has been returned; but the request's body may still be
// read, until it is closed.
func (t *Transport) RoundTripFor(caller Caller, req *http.Request) (*http.Response, error) {
	f, ok := t.takes(req)
	if !ok {
		return t.base.RoundTrip(req)
	}
	gzip := !t.base.DisableCompression && req.Method != http.MethodHead && req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == ""
	var h head
	defer h.free()
	if gzip {
		h.extra = "Accept-Encoding: gzip\r\n"
	}
	if t.base.DisableKeepAlives && !req.Close && !httpguts.HeaderValuesContainsToken(req.Header["Connection"], "close") {
		h.extra += "Connection: close\r\n"
	}
	if err := h.write(req, f); err != nil {
		closeBody(req)
		return nil, err
	}
	resp, err := t.send(caller, req, f, &h)
	if err == nil && gzip && resp.Body != http.NoBody && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		gunzip(resp)
	}
	return resp, err
}

// head is the head of a request.
type head struct {
	text  *[]byte // of heads; nil: it is not written, or has been sent
	extra string  // lines for its end
}

// heads are buffers that nobody uses.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// maxPooledHead is how large a buffer may be that is kept.
const maxPooledHead = 64 << 10

// free gives its buffer back.
func (h *head) free() {
	if h.text != nil && cap(*h.text) <= maxPooledHead {
		heads.Put(h.text)
	}
	h.text = nil
}

func (h *head) write(req *http.Request, f framing) (err error) {
	if h.text == nil {
		h.text = heads.Get().(*[]byte)
	}
	if *h.text, err = appendHead((*h.text)[:0], req, f, h.extra); err != nil {
		return fmt.Errorf("lean: %w", err)
	}
	return nil
}

// send sends a request, once more if a connection of the pool turns out to be closed.
func (t *Transport) send(caller Caller, req *http.Request, f framing, h *head) (*http.Response, error) {
	ctx := req.Context()
	for {
		if ctx.Err() != nil {
			closeBody(req)
			return nil, context.Cause(ctx)
		}
		trace := httptrace.ContextClientTrace(ctx)
		c, err := t.connect(ctx, req, caller, trace, asks(f, trace))
		if err != nil {
			closeBody(req)
			return nil, err
		}
		x := &exchange{t: t, c: c, req: req, caller: caller, trace: trace}
		if f.unknown { // nothing of it has been read where there is no connection
			if req, f = probe(req); f == (framing{}) {
				if err := h.write(req, f); err != nil {
					x.end(false)
					return nil, err
				}
			}
			x.req = req
		}
		if h.text == nil { // sent, on a connection that was closed
			if err := h.write(req, f); err != nil {
				x.end(false)
				return nil, err
			}
		}
		resp, err := x.run(f, h)
		if err == nil {
			return resp, nil
		}
		x.end(false)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if !x.stale(err) {
			return nil, err
		}
		if req, err = rewind(req); err != nil {
			return nil, err
		}
	}
}

// connect returns a connection to the server of a request: one of the pool that lives, or a new one. asks
// says that whoever uses it asks it.
func (t *Transport) connect(ctx context.Context, req *http.Request, caller Caller, trace *httptrace.ClientTrace, asks bool) (*conn, error) {
	host := req.URL.Host
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(withPort(host))
	}
	c := t.pool.get(host, asks)
	if c == nil {
		nc, err := aside(func() (net.Conn, error) { return t.dialFor(ctx, caller, host) })
		if err != nil {
			return nil, err
		}
		c = newConn(nc, host)
	}
	if trace != nil && trace.GotConn != nil {
		info := httptrace.GotConnInfo{Conn: c.Conn, Reused: c.reused, WasIdle: c.reused}
		if c.reused {
			info.IdleTime = time.Since(c.idle)
		}
		trace.GotConn(info)
	}
	c.begin(t.maxHead)
	return c, nil
}

func (t *Transport) dialFor(ctx context.Context, caller Caller, host string) (net.Conn, error) {
	if caller != nil {
		return caller.Dial(ctx)
	}
	return t.dial(ctx, "tcp", withPort(host))
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "80")
}

func ascii(text string) bool {
	for _, c := range []byte(text) {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// rewind returns a request to be sent once more: its body must begin anew.
func rewind(req *http.Request) (*http.Request, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	again := *req
	again.Body = body
	return &again, nil
}

// replayable reports whether a request may be sent once more though the server may have got it.
func replayable(req *http.Request) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false
	}
	if slices.Contains([]string{"", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace}, req.Method) {
		return true
	}
	return req.Header["Idempotency-Key"] != nil || req.Header["X-Idempotency-Key"] != nil
}
