package upstream

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
func testProxy(t testing.TB, block string) *Proxy {
	t.Helper()
	var cfg *reverseproxy.Handler
	if block != "" {
		cfg = new(reverseproxy.Handler)
		if err := json.Unmarshal([]byte(block), cfg); err != nil {
			t.Fatal(err)
		}
	}
	p, err := NewProxy(testContext(t), cfg)
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

func TestProxyList(t *testing.T) {
	p := testProxy(t, "")
	a, b, dead := named(t, "a"), named(t, "b"), refused(t)
	for _, c := range []struct {
		name, method string
		to           luart.ProxyTo
		status       int
		body         string
	}{
		{"order", "GET", luart.ProxyTo{Upstreams: []string{a, b}}, 200, "a"},
		{"failover", "GET", luart.ProxyTo{Upstreams: []string{dead, b, a}}, 200, "b"},
		{"failover with a body", "POST", luart.ProxyTo{Upstreams: []string{dead, "unix//nowhere/x", a}}, 200, "a"},
		{"the longest list", "POST", luart.ProxyTo{Upstreams: append(slices.Repeat([]string{dead}, maxTries-1), b)}, 200, "b"},
		{"all down", "GET", luart.ProxyTo{Upstreams: []string{dead, dead}}, 502, ""},
		{"all down with a body", "POST", luart.ProxyTo{Upstreams: []string{dead}}, 502, ""},
		{"tries", "GET", luart.ProxyTo{Upstreams: []string{dead, a}, Tries: 1}, 502, ""},
		{"more tries than upstreams", "GET", luart.ProxyTo{Upstreams: []string{dead, a}, Tries: 9}, 200, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, want := "", c.body
			if c.method == "POST" {
				body = "payload"
			}
			if want != "" {
				want += " " + body + " <nil>"
			}
			status, got, _ := request(t, p, c.method, body, c.to)
			if status != c.status || got != want {
				t.Errorf("%d %q, want %d %q", status, got, c.status, want)
			}
		})
	}
}

// What the proxy block says about retries holds; a list that is too short begins again.
func TestProxyRetriesOfTheBlock(t *testing.T) {
	a, dead := named(t, "a"), refused(t)
	for _, c := range []struct {
		block   string
		list    []string
		status  int
		retries any
	}{
		{`{"load_balancing":{"retries":1}}`, []string{dead, dead, a}, 502, 1},
		{`{"load_balancing":{"retries":4}}`, []string{dead, dead}, 502, 4},
		{`{"load_balancing":{"try_duration":60000000000,"try_interval":1,"retries":20}}`, []string{dead}, 502, 20},
		{`{"load_balancing":{"try_duration":60000000000,"try_interval":1}}`, []string{dead, a}, 200, 1},
		{`{"load_balancing":{"try_interval":3600000000000}}`, []string{dead, dead}, 502, maxTries},
		{`{"load_balancing":{"selection_policy":{"policy":"ip_hash"}}}`, []string{dead, a}, 200, 1},
	} {
		status, _, retries := request(t, testProxy(t, c.block), "GET", "", luart.ProxyTo{Upstreams: c.list})
		if status != c.status || retries != c.retries {
			t.Errorf("%s: %d after %v retries, want %d after %v", c.block, status, retries, c.status, c.retries)
		}
	}
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

// A body that the script has read goes to the next upstream whole, even if the one before
// has had some of it.
func TestProxySendsTheBodyAgain(t *testing.T) {
	p := testProxy(t, "")
	body := strings.Repeat("0123456789", 50_000)
	for _, chunked := range []bool{false, true} {
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", &again{Reader: strings.NewReader(body), data: body}), w)
		r.ContentLength = int64(len(body))
		if chunked {
			r.ContentLength = -1
		}
		err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Upstreams: []string{resetting(t), resetting(t), named(t, "b")}}))
		if err != nil || w.Body.String() != "b "+body+" <nil>" {
			t.Errorf("chunked %v: %v, %d bytes: %.40q", chunked, err, w.Body.Len(), w.Body)
		}
	}
}

func TestProxyBlockWithUpstreams(t *testing.T) {
	for _, cfg := range []*reverseproxy.Handler{
		{Upstreams: reverseproxy.UpstreamPool{{Dial: "a:80"}}},
		{DynamicUpstreamsRaw: json.RawMessage(`{"source":"a","name":"a"}`)},
	} {
		if _, err := NewProxy(testContext(t), cfg); err == nil || !strings.Contains(err.Error(), "the script chooses the upstreams") {
			t.Errorf("error %v", err)
		}
	}
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

func TestProxyOptions(t *testing.T) {
	p := testProxy(t, `{"headers":{"request":{"set":{"X-Block":["block"]}}}}`)
	s, got := recording(t, httptest.NewServer)
	for _, c := range []struct {
		to        luart.ProxyTo
		uri, host string
		header    map[string]string
	}{
		{luart.ProxyTo{}, "/a%2Fb?q=1", "site.example", map[string]string{"X-Old": "old"}},
		{luart.ProxyTo{Path: "/n%2Fw"}, "/n%2Fw?q=1", "site.example", nil},
		{luart.ProxyTo{Path: "/new?z=2"}, "/new?z=2", "site.example", nil},
		{luart.ProxyTo{Path: "/new?"}, "/new", "site.example", nil},
		{luart.ProxyTo{Host: "other.example"}, "/a%2Fb?q=1", "other.example", nil},
		{
			luart.ProxyTo{Header: http.Header{"Host": {"third.example"}, "X-Old": {"new"}, "X-Forwarded-Proto": {"https"}, "Connection": {"x"}}},
			"/a%2Fb?q=1", "third.example",
			map[string]string{"X-Old": "new", "X-Forwarded-Proto": "https", "Connection": ""},
		},
	} {
		c.to.Upstreams = []string{refused(t), s.Listener.Addr().String()}
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/a%2Fb?q=1", nil), w)
		r.Header.Set("X-Old", "old")
		before := r.Clone(r.Context())
		if err := p.Serve(w, r, nil, NewTarget(&c.to)); err != nil {
			t.Fatal(err)
		}
		if got.uri != c.uri || got.host != c.host {
			t.Errorf("%+v: %s %s, want %s %s", c.to, got.host, got.uri, c.host, c.uri)
		}
		for name, want := range c.header {
			if v := got.header.Get(name); v != want {
				t.Errorf("%+v: %s is %q, want %q", c.to, name, v, want)
			}
		}
		for name, want := range map[string]string{"X-Forwarded-Host": "site.example", "X-Forwarded-For": "192.0.2.1", "X-Block": "block"} {
			if v := got.header.Get(name); v != want {
				t.Errorf("%+v: %s is %q, want %q", c.to, name, v, want)
			}
		}
		if r.URL.String() != before.URL.String() || r.RequestURI != before.RequestURI || r.Host != before.Host || !reflect.DeepEqual(r.Header, before.Header) {
			t.Errorf("%+v: the request has changed: %s %s %v", c.to, r.Host, r.URL, r.Header)
		}
	}
}

func TestProxyUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })}
	go s.Serve(l)
	defer s.Close()
	status, got, _ := request(t, testProxy(t, ""), "GET", "", luart.ProxyTo{Upstreams: []string{"unix/" + path}})
	if status != 200 || got != "site.example" {
		t.Errorf("%d %q", status, got)
	}
}

func TestProxyUpgrade(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	}))
	defer upstream.Close()
	p := testProxy(t, "")
	const timeout = 0.5
	for _, to := range []luart.ProxyTo{{}, {Timeout: timeout, Path: "/x", Host: "x"}} {
		to.Upstreams = []string{upstream.Listener.Addr().String()}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := p.Serve(w, caddyenv.Prepare(r, w), nil, NewTarget(&to)); err != nil {
				t.Error(err)
			}
		}))
		conn, err := net.Dial("tcp", front.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: site\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		br := bufio.NewReader(conn)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "echo" {
			t.Fatalf("%+v, %v", resp, err)
		}
		if to.Timeout > 0 {
			<-time.After(600 * time.Millisecond) // the stream outlives the timeout
		}
		for _, s := range []string{"one", "two"} {
			got := make([]byte, len(s))
			_, _ = io.WriteString(conn, s)
			if _, err := io.ReadFull(br, got); err != nil || string(got) != s {
				t.Errorf("%q, %v, want %q", got, err, s)
			}
		}
		conn.Close()
		front.Close()
	}
}

// The connections that are kept do not outlive the config.
func TestProxyCleanup(t *testing.T) {
	closed := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	s.Start()
	defer s.Close()
	p, err := NewProxy(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}}); status != 200 {
		t.Fatalf("status %d", status)
	}
	if err := p.Cleanup(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the idle connection is still open")
	}
}

// BenchmarkProxyOverhead is what it costs to let the script choose: the same request
// through reverse_proxy with its upstream in the config, and through proxy, to a
// transport that answers at once; and the steps that only the latter has.
func BenchmarkProxyOverhead(b *testing.B) {
	answer := roundTripFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}, Proto: "HTTP/1.1"}, nil
	})
	const address = "10.0.0.5:80"
	target := &luart.ProxyTo{Upstreams: []string{address}}
	r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
	w := &discard{header: http.Header{}}

	b.Run("reverse_proxy", func(b *testing.B) {
		h := &reverseproxy.Handler{Transport: answer, Upstreams: reverseproxy.UpstreamPool{{Dial: address}}}
		if err := h.Provision(testContext(b)); err != nil {
			b.Fatal(err)
		}
		defer h.Cleanup()
		b.ReportAllocs()
		for b.Loop() {
			clear(w.header)
			if err := h.ServeHTTP(w, r, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, timeout := range map[string]float64{"proxy": 0, "proxy_timeout": 60} {
		b.Run(name, func(b *testing.B) {
			p := testProxy(b, "")
			p.handler.Transport.(*headTransport).RoundTripper = answer
			target := &luart.ProxyTo{Upstreams: target.Upstreams, Timeout: timeout}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				if err := p.Serve(w, r, nil, NewTarget(target)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("target", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NewTarget(target)
		}
	})
	b.Run("GetUpstreams", func(b *testing.B) {
		source := testProxy(b, "").handler.DynamicUpstreams
		to := NewTarget(target)
		caddyhttp.SetVar(r.Context(), targetVar, to)
		b.ReportAllocs()
		for b.Loop() {
			to.tried = 0
			if _, err := source.GetUpstreams(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// A request that was under way when its configuration was replaced leaves no idle
// connection behind, which nobody would use again.
func TestProxyKeepsNoConnectionAfterCleanup(t *testing.T) {
	closed := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "late") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	p := testProxy(t, "")
	if err := p.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if status, got, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}}); status != 200 || got != "late" {
		t.Errorf("%d %s", status, got)
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("the connection was kept")
	}
}
