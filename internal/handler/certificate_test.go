package handler

import (
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/luart"
)

// localConn is a connection that somebody has made to an address.
type localConn struct {
	net.Conn
	addr net.Addr
}

func (c localConn) LocalAddr() net.Addr { return c.addr }

// What names the functions are asked for, whatever a client has written there.
func TestTLSNames(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), `
		local api, asked = rover.server {}, {}
		local function ask(name) asked[#asked + 1] = name return false, 0 end
		rover.matcher("m", function() return true end)
		rover.tls_permission("p", ask)
		rover.tls_certificate("c", function(name) return ask(name) end)
		function api.get() local all = table.concat(asked, " ") asked = {} return all end
		return api`)
	r := run(t, rovercaddyfile.Config{Script: path})
	defer r.end(t)
	ctx, cancel := caddy.NewContext(emptyContext(t))
	defer cancel()
	p, c := new(Permission), new(Certificates)
	p.names.init(ctx)
	c.names.init(ctx)
	p.Function, p.kind, p.app = "p", luart.PermissionFunction, r.app
	c.Function, c.kind, c.app = "c", luart.CertificateFunction, r.app
	for _, name := range []string{"A.example", "a.example", "10.0.0.1", "::ffff:10.0.0.1", "*.example", "a b", "", "x\x00"} {
		if err := p.CertificateAllowed(ctx, name); !errors.Is(err, caddytls.ErrPermissionDenied) {
			t.Errorf("%q: %v", name, err)
		}
		hello := &tls.ClientHelloInfo{ServerName: name, Conn: localConn{addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7)}}}
		if cert, err := c.GetCertificate(ctx, hello); cert != nil || err != nil && !strings.Contains(err.Error(), "no name of a host") {
			t.Errorf("%q: %v, %v", name, cert, err)
		}
	}
	// On a unix socket there is nobody to ask for.
	hello := &tls.ClientHelloInfo{Conn: localConn{addr: &net.UnixAddr{Name: "/run/x.sock"}}}
	if cert, err := c.GetCertificate(ctx, hello); cert != nil || err != nil {
		t.Error(cert, err)
	}
	// The answers of the certificate function are remembered, those of the other are not.
	want := "a.example a.example a.example 10.0.0.1 10.0.0.1 10.0.0.1 192.0.2.7"
	if got := get(t, r.handler, "/"); got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
}

func TestTLSUnmarshal(t *testing.T) {
	for text, want := range map[string]string{
		"rover":                "wrong argument count",
		"rover a":              "",
		"rover a vm":           "",
		"rover a vm more":      "wrong argument count",
		"rover a {\n\tx\n}":    "a block is not allowed",
		"rover a vm {\n\ty\n}": "a block is not allowed",
	} {
		for _, u := range []caddyfile.Unmarshaler{new(Permission), new(Certificates)} {
			err := u.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text))
			if (err == nil) != (want == "") || err != nil && !strings.Contains(strings.ToLower(err.Error()), want) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}
