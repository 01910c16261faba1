package upstream

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

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

// What the proxy block says about retries holds; a list that is too short begins again. tries says how
// many upstreams the list has, not how often it is gone through.
func TestProxyRetriesOfTheBlock(t *testing.T) {
	a, dead := named(t, "a"), refused(t)
	for _, c := range []struct {
		block   string
		list    []string
		tries   int
		status  int
		retries any
	}{
		{`{"load_balancing":{"retries":1}}`, []string{dead, dead, a}, 0, 502, 1},
		{`{"load_balancing":{"retries":4}}`, []string{dead, dead}, 0, 502, 4},
		{`{"load_balancing":{"retries":4}}`, []string{dead, a}, 1, 502, 4},
		{`{"load_balancing":{"retries":4}}`, []string{dead, dead, a}, 3, 200, 2},
		{`{"load_balancing":{"try_duration":60000000000,"try_interval":1,"retries":20}}`, []string{dead}, 0, 502, 20},
		{`{"load_balancing":{"try_duration":60000000000,"try_interval":1}}`, []string{dead, a}, 0, 200, 1},
		{`{"load_balancing":{"try_interval":3600000000000}}`, []string{dead, dead}, 0, 502, maxTries},
	} {
		status, _, retries := request(t, testProxy(t, c.block), "GET", "", luart.ProxyTo{Upstreams: c.list, Tries: c.tries})
		if status != c.status || retries != c.retries {
			t.Errorf("%s: %d after %v retries, want %d after %v", c.block, status, retries, c.status, c.retries)
		}
	}
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
		{LoadBalancing: &reverseproxy.LoadBalancing{SelectionPolicyRaw: json.RawMessage(`{"policy":"first"}`)}},
		{HealthChecks: &reverseproxy.HealthChecks{Active: &reverseproxy.ActiveHealthChecks{URI: "/"}}},
	} {
		if _, err := NewProxy(testContext(t), cfg, true); err == nil || !strings.Contains(err.Error(), "the script chooses the upstreams") {
			t.Errorf("error %v", err)
		}
	}
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
	const timeout = 2
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
			<-time.After((1000*timeout + 100) * time.Millisecond) // the stream outlives the timeout
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

// Lean connections are those of a proxy block that names no transport and does not say lean off.
func TestProxyLeanTransport(t *testing.T) {
	a := named(t, "a")
	for _, c := range []struct {
		block      string
		lean, want bool
	}{
		{"", true, true},
		{"", false, false},
		{`{"flush_interval": -1}`, true, true},
		{`{"transport": {"protocol": "http"}}`, true, false},
		{`{"transport": {"protocol": "rover_lean"}}`, false, true},
	} {
		p := testProxyLean(t, c.block, c.lean)
		_, got := p.handler.Transport.(*headTransport).RoundTripper.(*LeanTransport)
		if got != c.want {
			t.Errorf("%q with lean %v: lean connections are used: %v", c.block, c.lean, got)
		}
		if status, got, _ := request(t, p, "POST", "payload", luart.ProxyTo{Upstreams: []string{a}}); status != 200 || got != "a payload <nil>" {
			t.Errorf("%q with lean %v: %d %q", c.block, c.lean, status, got)
		}
	}
}

// The requests that reverse_proxy makes of a server's are for lean connections: those that are not
// go another way, and nobody sees it.
func TestLeanTakesRequestsOfReverseProxy(t *testing.T) {
	a := named(t, "a")
	p := testProxyLean(t, "", true)
	head := p.handler.Transport.(*headTransport)
	transport := head.RoundTripper.(*LeanTransport)
	taken := 0
	p.forward = nil // it would not ask the transport
	head.RoundTripper = roundTripFunc(func(req *http.Request) (*http.Response, error) {
		if transport.SetScheme(req); transport.lean.Can(req) {
			taken++
		}
		return transport.RoundTrip(req)
	})
	for _, r := range [][2]string{{"GET", ""}, {"HEAD", ""}, {"POST", ""}, {"POST", "payload"}, {"GET", "payload"}} {
		taken = 0
		if status, _, _ := request(t, p, r[0], r[1], luart.ProxyTo{Upstreams: []string{a}}); status != 200 || taken != 1 {
			t.Errorf("%s with the body %q: status %d, taken %d times", r[0], r[1], status, taken)
		}
	}
}

// The connections that are kept do not outlive the config.
func TestProxyCleanup(t *testing.T) {
	for _, lean := range []bool{true, false} {
		t.Run(fmt.Sprintf("lean %v", lean), func(t *testing.T) { testProxyCleanup(t, lean) })
	}
}

func testProxyCleanup(t *testing.T, lean bool) {
	closed := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	s.Start()
	defer s.Close()
	p, err := NewProxy(testContext(t), nil, lean)
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

// A request that was under way when its configuration was replaced leaves no idle
// connection behind, which nobody would use again.
func TestProxyKeepsNoConnectionAfterCleanup(t *testing.T) {
	for _, lean := range []bool{true, false} {
		t.Run(fmt.Sprintf("lean %v", lean), func(t *testing.T) { testKeepsNoConnection(t, lean) })
	}
}

func testKeepsNoConnection(t *testing.T, lean bool) {
	closed := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "late") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	p := testProxyLean(t, "", lean)
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
