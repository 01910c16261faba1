package admin

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/internal/scripts"
)

// Eval is refused wherever the admin API may be reached from elsewhere.
func TestEvalIsLocal(t *testing.T) {
	for _, tt := range []struct {
		addr  net.Addr
		local bool
	}{
		{&net.UnixAddr{Name: "/run/caddy/admin.sock", Net: "unix"}, true},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2019}, true},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 2019}, true},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 2019}, false},
		{&net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 2021}, false},
		{nil, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/rover/eval", strings.NewReader("1"))
		if tt.addr != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, tt.addr))
		}
		if got := isLocal(r); got != tt.local {
			t.Errorf("%v: local %v", tt.addr, got)
		}
		if tt.local {
			continue
		}
		err := eval(&scripts.Group{Options: scripts.Options{Eval: true}}, httptest.NewRecorder(), r)
		if err == nil || !strings.Contains(err.Error(), "unix socket or a loopback address only") {
			t.Errorf("%v: %v", tt.addr, err)
		}
	}
}
