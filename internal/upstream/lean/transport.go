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
	t.pool.timeout = base.IdleConnTimeout
	t.never = base.Dial != nil || base.MaxConnsPerHost > 0 || //nolint:staticcheck // of others
		base.MaxResponseHeaderBytes < 0 || base.Protocols != nil && !base.Protocols.HTTP1()
	return t
}

// Can reports whether it sends a request itself: it is for a server without TLS, by no proxy, is no
// upgrade or CONNECT, announces no trailers, waits for no 100 Continue, and it is known whether it
// has a body. Trailers that come with the end of the body, unannounced, it sends.
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

// CloseIdleConnections closes the connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	t.pool.closeAll()
	t.base.CloseIdleConnections()
}

// heads are buffers for the heads of requests.
var heads = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// maxPooledHead is how large a buffer may be that is kept.
const maxPooledHead = 64 << 10

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	f, ok := t.takes(req)
	if !ok {
		return t.base.RoundTrip(req)
	}
	gzip := !t.base.DisableCompression && req.Method != http.MethodHead && req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == ""
	extra := ""
	if gzip {
		extra = "Accept-Encoding: gzip\r\n"
	}
	if t.base.DisableKeepAlives && !req.Close && !httpguts.HeaderValuesContainsToken(req.Header["Connection"], "close") {
		extra += "Connection: close\r\n"
	}
	head := heads.Get().(*[]byte)
	defer func() {
		if cap(*head) <= maxPooledHead {
			heads.Put(head)
		}
	}()
	var err error
	if *head, err = appendHead((*head)[:0], req, f, extra); err != nil {
		closeBody(req)
		return nil, fmt.Errorf("lean: %w", err)
	}
	resp, err := t.send(req, f, *head)
	if err == nil && gzip && resp.Body != http.NoBody && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		gunzip(resp)
	}
	return resp, err
}

// send sends a request, once more if a connection of the pool turns out to be closed.
func (t *Transport) send(req *http.Request, f framing, head []byte) (*http.Response, error) {
	ctx := req.Context()
	for {
		if ctx.Err() != nil {
			closeBody(req)
			return nil, context.Cause(ctx)
		}
		c, err := t.connect(ctx, req)
		if err != nil {
			closeBody(req)
			return nil, err
		}
		x := &exchange{t: t, c: c, req: req, trace: httptrace.ContextClientTrace(ctx)}
		resp, err := x.run(f, head)
		if err == nil {
			return resp, nil
		}
		x.end(false)
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		x.up.wait() // whoever sends the request once more reads its body
		if !x.stale(err) {
			return nil, err
		}
		if req, err = rewind(req); err != nil {
			return nil, err
		}
	}
}

// connect returns a connection to the server of a request: one of the pool that lives, or a new one.
func (t *Transport) connect(ctx context.Context, req *http.Request) (*conn, error) {
	host := req.URL.Host
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(withPort(host))
	}
	c := t.pool.get(host)
	if c == nil {
		nc, err := t.dial(ctx, "tcp", withPort(host))
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
	c.begin(t.readSize, t.maxHead)
	return c, nil
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
