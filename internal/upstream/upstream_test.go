package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// testContext is the context of an empty config whose logs are dropped.
func testContext(t testing.TB) caddy.Context {
	ctx, err := caddyenv.Context()
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// testProxy is a proxy with the JSON of a proxy block; "" is none.
func testProxy(t testing.TB, block string) *Proxy { return testProxyLean(t, block, true) }

func testProxyLean(t testing.TB, block string, lean bool) *Proxy {
	t.Helper()
	var cfg *reverseproxy.Handler
	if block != "" {
		cfg = new(reverseproxy.Handler)
		if err := json.Unmarshal([]byte(block), cfg); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewProxy(testContext(t), cfg, lean)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// request serves one request and returns the status that the client would see, the
// body, and how often the proxy tried again.
func request(t testing.TB, p *Proxy, method, body string, to luart.ProxyTo) (status int, got string, retries any) {
	t.Helper()
	w := httptest.NewRecorder()
	r := caddyenv.Prepare(httptest.NewRequest(method, "http://site.example/at?q=1", strings.NewReader(body)), w)
	err := p.Serve(w, r, nil, NewTarget(&to))
	status = w.Code
	if err != nil {
		var herr caddyhttp.HandlerError
		if !errors.As(err, &herr) {
			t.Fatalf("not a handler error: %v", err)
		}
		status = herr.StatusCode
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	retries, _ = repl.Get("http.reverse_proxy.retries")
	return status, w.Body.String(), retries
}

// named is an upstream that answers with its name and the request's body.
func named(t testing.TB, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %v", name, body, err)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// hanging is an upstream that reads a request and sends nothing; it counts requests.
func hanging(t testing.TB) (address string, requests *atomic.Int64) {
	requests = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), requests
}

// refused is an address where nobody listens.
func refused(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// mute is an address that accepts connections and never says anything, so that no TLS
// connection to it gets ready.
func mute(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// again is a body that a script has read. Closing it closes the first reader only, as with
// the body of an exchange.
type again struct {
	io.Reader
	data   string
	closed bool
}

func (a *again) Read(p []byte) (int, error) {
	if a.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return a.Reader.Read(p)
}

func (a *again) Close() error { a.closed = true; return nil }

func (a *again) NewReader() io.ReadCloser {
	return &again{Reader: strings.NewReader(a.data), data: a.data}
}

// resetting is an upstream that takes a connection, reads some of the request, and resets.
func resetting(t testing.TB) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 100_000))
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// seen is what an upstream got.
type seen struct {
	uri, host string
	header    http.Header
}

func recording(t testing.TB, start func(http.Handler) *httptest.Server) (*httptest.Server, *seen) {
	got := new(seen)
	s := start(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		*got = seen{uri: r.RequestURI, host: r.Host, header: r.Header}
	}))
	t.Cleanup(s.Close)
	return s, got
}
