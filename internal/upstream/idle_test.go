package upstream

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
)

// transportOf returns the transport of net/http below that of a proxy.
func transportOf(t *testing.T, p *Proxy) *http.Transport {
	t.Helper()
	switch tr := p.handler.Transport.(*headTransport).RoundTripper.(type) { //nolint:forcetypeassert // of NewProxy
	case *LeanTransport:
		return tr.Transport
	case *reverseproxy.HTTPTransport:
		return tr.Transport
	default:
		t.Fatalf("transport %T", tr)
		return nil
	}
}

// A transport keeps as many idle connections as the proxy block says, else 1024, whether it is named or
// not. All its other options stay.
func TestProxyIdleConnections(t *testing.T) {
	for _, c := range []struct {
		transport string
		want      int
	}{
		{"", 1024},
		{`{"protocol":"rover_lean"}`, 1024},
		{`{"protocol":"http"}`, 1024},
		{`{"protocol":"http","versions":["h2c","2"]}`, 1024},
		{`{"protocol":"rover_lean","keep_alive":null}`, 1024},
		{`{"protocol":"http","keep_alive":{"max_idle_conns":99}}`, 1024},
		{`{"protocol":"rover_lean","keep_alive":{"max_idle_conns_per_host":0}}`, 1024},
		{`{"protocol":"rover_lean","keep_alive":{"max_idle_conns_per_host":32}}`, 32},
		{`{"protocol":"http","keep_alive":{"max_idle_conns_per_host":4096}}`, 4096},
		{`{"protocol":"http","keep_alive":{"max_idle_conns_per_host":-1}}`, -1},
		{`{"protocol":"http","keep_alive":{"enabled":true}}`, 1024},
		{`{"protocol":"http","keep_alive":{"enabled":false}}`, 32}, // Caddy's, which nobody asks for
	} {
		for _, lean := range []bool{true, false} {
			block := ""
			if c.transport != "" {
				block = `{"transport":` + c.transport + `}`
			}
			got := transportOf(t, testProxyLean(t, block, lean))
			if got.MaxIdleConnsPerHost != c.want || got.DisableKeepAlives != strings.Contains(c.transport, "false") {
				t.Errorf("%s: %d idle connections, keep-alive off: %v; want %d", block, got.MaxIdleConnsPerHost, got.DisableKeepAlives, c.want)
			}
			if strings.Contains(c.transport, "99") && got.MaxIdleConns != 99 {
				t.Errorf("%s: max_idle_conns %d", block, got.MaxIdleConns)
			}
		}
	}
}

// What we do not know is Caddy's to judge, as if it had not been looked at.
func TestProxyTransportsThatAreNotOurs(t *testing.T) {
	for _, raw := range []string{`{"protocol":"fastcgi","root":"/"}`, `{"protocol":1}`, `[]`, `{`, ``, `{"protocol":"http","keep_alive":7}`} {
		if got, err := withIdleConns(json.RawMessage(raw)); err != nil || string(got) != raw {
			t.Errorf("%s: %s, %v", raw, got, err)
		}
	}
	cfg := &reverseproxy.Handler{TransportRaw: json.RawMessage(`{"protocol":"http","keep_alive":{"max_idle":7}}`)}
	if _, err := NewProxy(testContext(t), cfg, true); err == nil || !strings.Contains(err.Error(), "max_idle") {
		t.Errorf("a field that there is not: %v", err)
	}
}

// With -1 no connection is kept; with 0 as many as without the option.
func TestProxyKeepsNoIdleConnections(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for _, c := range []struct{ perHost, want int64 }{{-1, 3}, {0, 1}} {
		for _, protocol := range []string{"http", "rover_lean"} {
			opened.Store(0)
			p := testProxy(t, fmt.Sprintf(`{"transport":{"protocol":%q,"keep_alive":{"max_idle_conns_per_host":%d}}}`, protocol, c.perHost))
			for range 3 {
				if status, _, _ := request(t, p, "GET", "", luart.ProxyTo{Upstreams: []string{s.Listener.Addr().String()}}); status != 200 {
					t.Errorf("status %d", status)
				}
			}
			if got := opened.Load(); got != c.want {
				t.Errorf("%s, %d: %d connections for 3 requests, want %d", protocol, c.perHost, got, c.want)
			}
		}
	}
}
