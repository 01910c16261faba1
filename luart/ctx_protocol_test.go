package luart

import (
	"crypto/tls"
	"testing"
)

// ctx.protocol is what the client speaks, by a peer that is trusted; ctx.scheme is the connection's.
func TestProtocol(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx) return ctx.scheme .. " " .. ctx.protocol end
		return api`)
	for _, c := range []struct {
		tls     bool
		said    []string
		trusted string // what a trusted peer makes it
	}{
		{false, nil, "http http"},
		{true, nil, "https https"},
		{false, []string{"https"}, "http https"},
		{true, []string{"http"}, "https http"},
		{false, []string{"HTTPS"}, "http https"},
		{false, []string{"https, https"}, "http https"},
		{true, []string{"https, http"}, "https http"},
		{true, []string{"http", "https"}, "https http"},
		{false, []string{"https", "https"}, "http https"},
		{true, []string{"wss"}, "https https"},
		{false, []string{"https, wss"}, "http http"},
		{false, []string{""}, "http http"},
	} {
		for _, s.trusted = range []bool{true, false} {
			r := newRequest("/")
			r.Header["X-Forwarded-Proto"] = c.said
			scheme := "http"
			if c.tls {
				r.TLS, scheme = &tls.ConnectionState{}, "https"
			}
			want := "200 " + scheme + " " + scheme
			if s.trusted {
				want = "200 " + c.trusted
			}
			if got := s.send(r); got != want {
				t.Errorf("%+v, trusted %v: %s, want %s", c, s.trusted, got, want)
			}
		}
	}
}
