package upstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

func TestProxyTimeout(t *testing.T) {
	p := testProxy(t, "")
	a := named(t, "a")
	t.Run("GET", func(t *testing.T) {
		hang, _ := hanging(t)
		if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{hang}, Timeout: 0.05}); status != 504 {
			t.Errorf("status %d", status)
		}
		inTime(t, "200 a  <nil>", func(timeout float64) string {
			status, got, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{hang, a}, Timeout: timeout})
			return fmt.Sprint(status, " ", got)
		})
	})
	t.Run("a request that may have been sent is not repeated", func(t *testing.T) {
		inTime(t, "504, sent 1 times", func(timeout float64) string {
			first, requests := hanging(t)
			status, _, _ := request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{first, a}, Timeout: timeout})
			return fmt.Sprintf("%d, sent %d times", status, requests.Load())
		})
	})
	t.Run("no connection in time", func(t *testing.T) {
		silent := "https://" + mute(t)
		inTime(t, "200 a x <nil>", func(timeout float64) string { // nothing was sent: the next upstream is tried
			status, got, _ := request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{silent, a}, Timeout: timeout})
			return fmt.Sprint(status, " ", got)
		})
		if status, _, _ := request(t, p, "POST", "x", luart.ProxyTo{Upstreams: []string{silent}, Timeout: 0.05}); status != 504 {
			t.Errorf("status %d", status)
		}
	})
	t.Run("a client that has left", func(t *testing.T) {
		first, _ := hanging(t)
		w := httptest.NewRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil).WithContext(ctx), w)
		err := p.Serve(w, r, nil, NewTarget(&luart.ProxyTo{Upstreams: []string{first, a}, Timeout: 60}))
		if err != nil || w.Code != 499 {
			t.Errorf("%d, %v", w.Code, err)
		}
	})
	t.Run("a body that has begun is not cut", func(t *testing.T) {
		inTime(t, "200 late", func(timeout float64) string {
			slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_ = http.NewResponseController(w).Flush()
				<-time.After(time.Duration(4 * timeout * float64(time.Second)))
				_, _ = io.WriteString(w, "late")
			}))
			defer slow.Close()
			status, got, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{slow.Listener.Addr().String()}, Timeout: timeout})
			return fmt.Sprint(status, " ", got)
		})
	})
}

// inTime calls try with a timeout, and with longer ones while the answer is not the wanted one:
// on a busy machine even an upstream that answers at once may take longer than a little.
func inTime(t *testing.T, want string, try func(timeout float64) string) {
	t.Helper()
	var got string
	for timeout := 0.05; timeout < 30; timeout *= 4 {
		if got = try(timeout); got == want {
			return
		}
	}
	t.Errorf("got %q, want %q", got, want)
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
