package rover

import (
	"bufio"
	"context"
	"encoding/base64"
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
	"golang.org/x/net/dns/dnsmessage"

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
func testProxy(t testing.TB, block string) *proxy {
	t.Helper()
	var cfg *reverseproxy.Handler
	if block != "" {
		cfg = new(reverseproxy.Handler)
		if err := json.Unmarshal([]byte(block), cfg); err != nil {
			t.Fatal(err)
		}
	}
	p, err := newProxy(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.cleanup(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// request serves one request and returns the status that the client would see, the
// body, and how often the proxy tried again.
func request(t testing.TB, p *proxy, method, body string, to luart.ProxyTo) (status int, got string, retries any) {
	t.Helper()
	w := httptest.NewRecorder()
	r := caddyenv.Prepare(httptest.NewRequest(method, "http://site.example/at?q=1", strings.NewReader(body)), w)
	err := p.serve(w, r, nil, proxyTarget(&to))
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
func (a *again) Close() error         { a.closed = true; return nil }
func (a *again) Again() io.ReadCloser { return &again{Reader: strings.NewReader(a.data), data: a.data} }

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
func TestProxyReplaysTheBody(t *testing.T) {
	p := testProxy(t, "")
	body := strings.Repeat("0123456789", 50_000)
	for _, chunked := range []bool{false, true} {
		w := httptest.NewRecorder()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "http://site.example/", &again{Reader: strings.NewReader(body), data: body}), w)
		r.ContentLength = int64(len(body))
		if chunked {
			r.ContentLength = -1
		}
		err := p.serve(w, r, nil, proxyTarget(&luart.ProxyTo{Upstreams: []string{resetting(t), resetting(t), named(t, "b")}}))
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
		if _, err := newProxy(testContext(t), cfg); err == nil || !strings.Contains(err.Error(), "the script chooses the upstreams") {
			t.Errorf("error %v", err)
		}
	}
}

func TestProxyTimeout(t *testing.T) {
	p := testProxy(t, "")
	a := named(t, "a")
	const timeout = 0.05
	t.Run("GET", func(t *testing.T) {
		hang, _ := hanging(t)
		if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{hang}, Timeout: timeout}); status != 504 {
			t.Errorf("status %d", status)
		}
		if _, got, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{hang, a}, Timeout: timeout}); got != "a  <nil>" {
			t.Errorf("%q, want the next upstream's", got)
		}
	})
	t.Run("a request that may have been sent is not repeated", func(t *testing.T) {
		first, requests := hanging(t)
		status, _, _ := request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{first, a}, Timeout: timeout})
		if status != 504 || requests.Load() != 1 {
			t.Errorf("status %d after %d requests", status, requests.Load())
		}
	})
	t.Run("no connection in time", func(t *testing.T) {
		silent := "https://" + mute(t)
		status, got, _ := request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{silent, a}, Timeout: timeout})
		if status != 200 || got != "a x <nil>" {
			t.Errorf("%d %q: nothing was sent, so the next upstream is to be tried", status, got)
		}
		if status, _, _ = request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{silent}, Timeout: timeout}); status != 504 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("a client that has left", func(t *testing.T) {
		first, _ := hanging(t)
		w := httptest.NewRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil).WithContext(ctx), w)
		err := p.serve(w, r, nil, proxyTarget(&luart.ProxyTo{Upstreams: []string{first, a}, Timeout: 60}))
		if err != nil || w.Code != 499 {
			t.Errorf("%d, %v", w.Code, err)
		}
	})
	t.Run("a body that has begun is not cut", func(t *testing.T) {
		slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-time.After(200 * time.Millisecond)
			_, _ = io.WriteString(w, "late")
		}))
		defer slow.Close()
		status, got, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{slow.Listener.Addr().String()}, Timeout: timeout})
		if status != 200 || got != "late" {
			t.Errorf("%d %q", status, got)
		}
	})
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
		if err := p.serve(w, r, nil, proxyTarget(&c.to)); err != nil {
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

func TestProxyHTTPS(t *testing.T) {
	secure, got := recording(t, httptest.NewTLSServer)
	ca := base64.StdEncoding.EncodeToString(secure.Certificate().Raw)
	transport := fmt.Sprintf(`"transport":{"protocol":"http","tls":{"ca":{"provider":"inline","trusted_ca_certs":[%q]}}}`, ca)
	address := secure.Listener.Addr().String()

	// What reverse_proxy sends to an https upstream is what we send.
	plain := new(reverseproxy.Handler)
	if err := json.Unmarshal([]byte("{"+transport+`,"upstreams":[{"dial":"`+address+`"}]}`), plain); err != nil {
		t.Fatal(err)
	}
	if err := plain.Provision(testContext(t)); err != nil {
		t.Fatal(err)
	}
	defer plain.Cleanup()
	w := httptest.NewRecorder()
	if err := plain.ServeHTTP(w, caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), w), nil); err != nil {
		t.Fatal(err)
	}
	wantHost := got.host

	p := testProxy(t, "{"+transport+"}")
	for _, c := range []struct {
		block string
		to    luart.ProxyTo
		host  string
	}{
		{"", luart.ProxyTo{}, wantHost},
		{"", luart.ProxyTo{Host: "example.com"}, "example.com"},
		{`,"headers":{"request":{"set":{"Host":["set.example"]}}}`, luart.ProxyTo{}, "set.example"},
		{`,"headers":{"request":{"replace":{"Host":[{"search":"127.0.0.1","replace":"localhost"}]}}}`, luart.ProxyTo{}, strings.Replace(wantHost, "127.0.0.1", "localhost", 1)},
		{`,"headers":{"request":{"set":{"Host":["set.example"]}}}`, luart.ProxyTo{Host: "example.com"}, "example.com"},
	} {
		c.to.Upstreams = []string{"https://" + refused(t), "https://" + address}
		status, _, _ := request(t, testProxy(t, "{"+transport+c.block+"}"), "GET", "", c.to)
		if status != 200 || got.host != c.host {
			t.Errorf("block %s, option %q: %d, host %q, want %q", c.block, c.to.Host, status, got.host, c.host)
		}
	}

	// The scheme is the upstream's, whatever the transport or the upstream before has.
	a := named(t, "a")
	for _, list := range [][]string{{"http://" + a}, {"https://" + refused(t), "http://" + a}} {
		if status, body, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: list}); status != 200 || body != "a  <nil>" {
			t.Errorf("%v: %d %q", list, status, body)
		}
	}
	if status, _, _ := request(t, testProxy(t, ""), "GET", "", luart.ProxyTo{Upstreams: []string{"https://" + address}}); status != 502 {
		t.Errorf("a certificate that nobody trusts: %d", status)
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// With proxy_protocol, Caddy puts the client's address into the URL's host.
func TestProxyHTTPSHostWithProxyProtocol(t *testing.T) {
	p := testProxy(t, `{"transport":{"protocol":"http","proxy_protocol":"v2","tls":{}}}`)
	var host string
	wrapped := p.handler.Transport.(*headTransport)
	inner := wrapped.RoundTripper
	wrapped.RoundTripper = struct {
		http.RoundTripper
		reverseproxy.ProxyProtocolTransport
	}{roundTripFunc(func(r *http.Request) (*http.Response, error) {
		host = r.Host
		return &http.Response{StatusCode: 204, Body: http.NoBody, Header: http.Header{}, Proto: "HTTP/1.1"}, nil
	}), inner.(reverseproxy.ProxyProtocolTransport)}
	status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{"https://a.example"}})
	if status != 204 || host != "a.example:443" {
		t.Errorf("%d, host %q", status, host)
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
	const timeout = 0.05
	for _, to := range []luart.ProxyTo{{}, {Timeout: timeout, Path: "/x", Host: "x"}} {
		to.Upstreams = []string{upstream.Listener.Addr().String()}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := p.serve(w, caddyenv.Prepare(r, w), nil, proxyTarget(&to)); err != nil {
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
			<-time.After(100 * time.Millisecond) // the stream outlives the timeout
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
	p, err := newProxy(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}}); status != 200 {
		t.Fatalf("status %d", status)
	}
	if err := p.cleanup(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the idle connection is still open")
	}
}

// serveSRV makes net.DefaultResolver ask a server that knows these SRV records, all
// with target 127.0.0.1 by way of its name local.test.
func serveSRV(t *testing.T, records map[string][]uint16) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.Authoritative, m.Additionals = true, true, nil
			q := m.Questions[0]
			ports, known := records[q.Name.String()]
			switch {
			case q.Type == dnsmessage.TypeSRV && known:
				for i, port := range ports {
					m.Answers = append(m.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.SRVResource{Priority: uint16(i), Port: port, Target: dnsmessage.MustNewName("local.test.")},
					})
				}
			case q.Type == dnsmessage.TypeA && q.Name.String() == "local.test.":
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
				}}
			case q.Name.String() != "local.test.":
				m.RCode = dnsmessage.RCodeNameError
			}
			if reply, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	if err := new(reverseproxy.SRVUpstreams).ResetCache(nil); err != nil { // one for the process
		t.Fatal(err)
	}
	old := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = old
		conn.Close()
		<-done
	})
}

func port(t *testing.T, address string) uint16 {
	a, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(a.Port)
}

func TestProxySRV(t *testing.T) {
	a, dead := named(t, "a"), refused(t)
	serveSRV(t, map[string][]uint16{
		"_one._tcp.test.":   {port(t, a)},
		"_two._tcp.test.":   {port(t, dead), port(t, a)},
		"_empty._tcp.test.": {},
	})
	p := testProxy(t, "")
	for _, c := range []struct {
		to      luart.ProxyTo
		status  int
		retries any
	}{
		{luart.ProxyTo{Upstreams: []string{"srv+http://_one._tcp.test."}}, 200, 0},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}}, 200, 1},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}, Tries: 1}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{dead, "srv+http://_two._tcp.test."}, Tries: 2}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_none._tcp.test."}}, 503, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_empty._tcp.test."}}, 503, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_none._tcp.test.", a}}, 200, 1},
		{luart.ProxyTo{Upstreams: []string{dead, "srv+http://_none._tcp.test."}}, 502, maxTries},
		{luart.ProxyTo{Upstreams: []string{"srv+http://_two._tcp.test."}, Timeout: 60, Host: "h", Path: "/p"}, 200, 1},
	} {
		for range 2 { // the second time from Caddy's cache
			status, _, retries := request(t, p, "POST", "x", c.to)
			if status != c.status || retries != c.retries {
				t.Errorf("%+v: %d after %v retries, want %d after %v", c.to, status, retries, c.status, c.retries)
			}
		}
	}
}

func TestProxySRVError(t *testing.T) {
	serveSRV(t, map[string][]uint16{"_empty._tcp.test.": {}})
	source := testProxy(t, "").handler.DynamicUpstreams
	for name, want := range map[string]string{
		"_empty._tcp.test.": "looking up SRV _empty._tcp.test.: ",
		"_none._tcp.test.":  "looking up SRV _none._tcp.test.: ",
	} {
		r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
		caddyhttp.SetVar(r.Context(), proxyVar, proxyTarget(&luart.ProxyTo{Upstreams: []string{"srv+http://" + name}}))
		_, err := source.GetUpstreams(r)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestParseUpstream(t *testing.T) {
	for address, want := range map[string]upstream{
		"10.0.0.5:80":           {dial: "10.0.0.5:80"},
		"backend":               {dial: "backend:80"},
		"backend:8080":          {dial: "backend:8080"},
		"http://backend":        {dial: "backend:80", scheme: "http"},
		"https://backend":       {dial: "backend:443", scheme: "https"},
		"https://backend:8443":  {dial: "backend:8443", scheme: "https"},
		"[::1]:80":              {dial: "[::1]:80"},
		"[::1]":                 {dial: "[::1]:80"},
		"https://[::1]":         {dial: "[::1]:443", scheme: "https"},
		"unix//run/app.sock":    {dial: "unix//run/app.sock"},
		"srv+http://_app._tcp":  {dial: "_app._tcp", scheme: "http", srv: true},
		"srv+https://app.local": {dial: "app.local", scheme: "https", srv: true},
		"HTTPS://backend":       {dial: "backend:443", scheme: "https"},
		"my_app-1.internal.:81": {dial: "my_app-1.internal.:81"},
		"[fe80::1%eth0]:80":     {dial: "[fe80::1%eth0]:80"},
		"http://[fe80::1%25e0]": {dial: "[fe80::1%e0]:80", scheme: "http"},
	} {
		for range 2 { // parsed, and from the cache
			if got, err := parseUpstream(address); err != nil || got != want {
				t.Errorf("%q: %+v, %v", address, got, err)
			}
		}
	}
	for address, want := range map[string]string{
		"":                    "is not a host",
		":80":                 "is not a host",
		"a:0":                 "port",
		"a:65536":             "port",
		"a:http":              "port",
		"::1":                 "brackets",
		"[x:y]:80":            "IPv6",
		"http://a/path":       "nothing else",
		"http://a?x":          "nothing else",
		"http://u:p@a":        "nothing else",
		"http://a/":           "nothing else",
		"http://a#":           "nothing else",
		"http://a?":           "nothing else",
		"http://@a":           "nothing else",
		"http://":             "is not a host",
		"[a]:80":              "IPv6",
		"[10.0.0.1]:80":       "IPv6",
		"a:80-90":             "port",
		"tcp/a:80":            "is not a host",
		"unix+h2c//a":         "is not a host",
		"fd/3":                "is not a host",
		"a%20b:80":            "is not a host",
		"münchen.example":     "is not a host",
		"srv+http://":         "a name",
		"srv+http://a/b":      "nothing else",
		"unix//a|99":          "permission",
		"h2c://a":             "versions h2c",
		"ftp://a":             "scheme",
		"unix/relative":       "absolute",
		"a b":                 "spaces",
		"a\r\nb":              "control",
		"{http.request.host}": "braces",
		"srv+http://name:80":  "without port",
		"a/b:80":              "is not a host",
		"http://[::1":         "missing ']'",
	} {
		_, err := parseUpstream(address)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "invalid upstream") {
			t.Errorf("%q: error %v, want %q", address, err, want)
		}
	}
}

func FuzzParseUpstream(f *testing.F) {
	for _, s := range []string{"a:80", "https://[::1]:443", "unix//a", "srv+http://x", "http://u@h", "[::1", "{x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseUpstream(s)
		if err != nil {
			return
		}
		if u.dial == "" || strings.ContainsAny(u.dial, "\r\n\x00 {}") || strings.ContainsAny(u.scheme, ":/") {
			t.Errorf("%q became %+v", s, u)
		}
		if a, err := caddy.ParseNetworkAddress(u.dial); !u.srv && (err != nil || a.PortRangeSize() != 1) {
			t.Errorf("%q became %q, which Caddy does not dial: %v", s, u.dial, err)
		}
		again, err := parseUpstream(s)
		if err != nil || again != u {
			t.Errorf("%q: first %+v, then %+v, %v", s, u, again, err)
		}
	})
}

// A name that is found at last, in a list that has begun again.
func TestProxySRVLate(t *testing.T) {
	serveSRV(t, map[string][]uint16{"_late._tcp.test.": {81, 82}})
	source := testProxy(t, `{"load_balancing":{"retries":9}}`).handler.DynamicUpstreams
	r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
	to := proxyTarget(&luart.ProxyTo{Upstreams: []string{"srv+http://_late._tcp.test.", "b"}})
	to.tried = 2
	caddyhttp.SetVar(r.Context(), proxyVar, to)
	for _, want := range []string{"local.test.:81", "local.test.:82", "b:80", "local.test.:81"} {
		got, err := source.GetUpstreams(r)
		if err != nil || len(got) != 1 || got[0].Dial != want {
			t.Errorf("%v, %v, want %s", got, err, want)
		}
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
				if err := p.serve(w, r, nil, proxyTarget(target)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("target", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			proxyTarget(target)
		}
	})
	b.Run("GetUpstreams", func(b *testing.B) {
		source := testProxy(b, "").handler.DynamicUpstreams
		to := proxyTarget(target)
		caddyhttp.SetVar(r.Context(), proxyVar, to)
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
	if err := p.cleanup(); err != nil {
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
