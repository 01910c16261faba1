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

// Forwarded says it, too. Where it and X-Forwarded-Proto differ, one of them is the client's own.
func TestProtocolForwarded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx) return ctx.protocol end
		return api`)
	for _, c := range []struct {
		forwarded []string
		proto     string
		want      string
	}{
		{[]string{"proto=https"}, "", "https"},
		{[]string{"for=192.0.2.60;Proto=HTTPS;by=203.0.113.43"}, "", "https"},
		{[]string{`for="[2001:db8::1]:4711" ; proto="https"`}, "", "https"},
		{[]string{"proto=https, for=10.0.0.1;proto=https"}, "", "https"},
		{[]string{"proto=https, proto=http"}, "", "http"},
		{[]string{"proto=https", "proto=http"}, "", "http"},
		{[]string{"proto=https"}, "https", "https"},
		{[]string{"proto=https"}, "http", "http"},
		{[]string{"proto=http"}, "https", "http"},
		{[]string{"for=192.0.2.60"}, "", "http"},
		{[]string{"for=192.0.2.60"}, "https", "https"},
		{[]string{"proto=wss"}, "https", "http"},
		{[]string{"proto=https;proto=https"}, "", "http"}, // what cannot be read says nothing
		{[]string{"proto=https for=1"}, "", "http"},
		{[]string{`proto="https`}, "", "http"},
		{[]string{"proto"}, "", "http"},
		{[]string{"for=2001:db8::1;proto=https"}, "", "http"},
		{[]string{"for=2001:db8::1;proto=http"}, "https", "https"},
	} {
		for _, s.trusted = range []bool{true, false} {
			r := newRequest("/")
			r.Header["Forwarded"] = c.forwarded
			if c.proto != "" {
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			want := "200 http"
			if s.trusted {
				want = "200 " + c.want
			}
			if got := s.send(r); got != want {
				t.Errorf("%+v, trusted %v: %s, want %s", c, s.trusted, got, want)
			}
		}
	}
}
