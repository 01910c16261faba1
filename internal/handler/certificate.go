package handler

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/handshake"
)

func init() {
	caddy.RegisterModule(new(Certificates))
}

// Certificates has a Lua function give the certificate of a TLS handshake: one that the script of a
// rover handler registered with
//
//	rover.tls_certificate("vault", function(name) return { certificate = pem, key = pem } end)
//
// name is lowercase and in ASCII: the one that the client asks for, or the address that it has
// connected to. The function may wait. nil refuses the handshake, and false leaves it to others: to
// Caddy's own certificates on demand, for one. A certificate that is
// not valid now, is for other names, or has another key is refused, and so is the handshake when
// the function fails, takes too long, or the VM has no room.
type Certificates struct {
	functionRef
	names asker[handshake.Shown]
}

// CaddyModule returns the Caddy module information.
func (*Certificates) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "tls.get_certificate.rover",
		New: func() caddy.Module { return new(Certificates) },
	}
}

// UnmarshalCaddyfile parses the module. Syntax:
//
//	get_certificate rover <function> [<vm>]
func (c *Certificates) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume module name
	return c.unmarshal(d)
}

// Provision checks the name.
func (c *Certificates) Provision(ctx caddy.Context) error {
	c.names.init(ctx)
	return c.provision(ctx, luart.CertificateFunction)
}

// GetCertificate asks the function, unless its answer for the name is remembered. It returns nil
// where the script leaves the name to others, or the client says none and has connected to no
// address.
func (c *Certificates) GetCertificate(ctx context.Context, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name, sni := hello.ServerName, hello.ServerName != ""
	if !sni {
		var ok bool
		if name, ok = handshake.LocalName(hello.Conn); !ok {
			return nil, nil
		}
	}
	return c.get(ctx, name, sni)
}

func (c *Certificates) get(ctx context.Context, name string, sni bool) (*tls.Certificate, error) {
	name, err := handshake.Name(name)
	if err != nil {
		return nil, err
	}
	shown, err := c.names.get(ctx, &c.functionRef, name, func(ctx context.Context, f *function, name string) (handshake.Answer[handshake.Shown], error) {
		return f.certify(ctx, name, sni)
	})
	switch {
	case err != nil:
	case shown.Certificate != nil: // a client that says no name has the same as one that says it
		err = handshake.Check(shown.Certificate, name, sni, time.Now())
	case !shown.Others:
		err = handshake.ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("asking rover %s %q for %s: %w", c.kind, c.Function, name, err)
	}
	return shown.Certificate, nil
}

// certify asks the function for a certificate that may be shown now.
func (f *function) certify(ctx context.Context, name string, sni bool) (handshake.Answer[handshake.Shown], error) {
	given, others, err := f.Certify(ctx, name)
	answer := handshake.Answer[handshake.Shown]{Value: handshake.Shown{Others: others}, For: given.For}
	if err != nil || given.Value == nil {
		return answer, err
	}
	cert, err := given.Value.Parse()
	now := f.handler.fakes.clock().Now()
	if err == nil {
		err = handshake.Check(cert, name, sni, now)
	}
	if err != nil {
		return answer, err
	}
	answer.Value.Certificate, answer.Good = cert, true
	answer.For = min(given.For, cert.Leaf.NotAfter.Sub(now))
	answer.Until = now.Add(answer.For + handshake.StaleFor)
	return answer, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Certificates)(nil)
	_ caddyfile.Unmarshaler = (*Certificates)(nil)
	_ certmagic.Manager     = (*Certificates)(nil)
)
