package upstream

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/internal/upstream/lean"
)

func init() {
	caddy.RegisterModule(new(LeanTransport))
}

// LeanTransport is the transport http of reverse_proxy, with its options, but for plain requests to
// servers without TLS: these go by connections that take about half the CPU time. Upgrades, TLS,
// HTTP/2, the PROXY protocol, forward proxies and limits of connections are as with the transport
// http.
type LeanTransport struct {
	reverseproxy.HTTPTransport

	lean *lean.Transport // nil: an option that it does not know
}

// CaddyModule returns the Caddy module information.
func (*LeanTransport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.rover_lean",
		New: func() caddy.Module { return new(LeanTransport) },
	}
}

// Provision implements caddy.Provisioner.
func (t *LeanTransport) Provision(ctx caddy.Context) error {
	if err := t.HTTPTransport.Provision(ctx); err != nil {
		return err
	}
	http3 := len(t.Versions) == 1 && t.Versions[0] == "3"
	if !http3 && t.ProxyProtocol == "" {
		t.lean = lean.New(t.Transport)
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (t *LeanTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.lean == nil {
		return t.HTTPTransport.RoundTrip(req)
	}
	t.SetScheme(req)
	return t.lean.RoundTrip(req)
}

// CloseIdleConnections closes the connections that nobody uses.
func (t *LeanTransport) CloseIdleConnections() {
	if t.lean != nil {
		t.lean.CloseIdleConnections()
	} else if t.Transport != nil {
		t.Transport.CloseIdleConnections()
	}
}

// Cleanup implements caddy.CleanerUpper.
func (t *LeanTransport) Cleanup() error {
	t.CloseIdleConnections()
	return t.HTTPTransport.Cleanup()
}

// Interface guards
var (
	_ http.RoundTripper     = (*LeanTransport)(nil)
	_ caddy.Provisioner     = (*LeanTransport)(nil)
	_ caddy.CleanerUpper    = (*LeanTransport)(nil)
	_ caddyfile.Unmarshaler = (*LeanTransport)(nil)

	_ reverseproxy.TLSTransport                        = (*LeanTransport)(nil)
	_ reverseproxy.H2CTransport                        = (*LeanTransport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*LeanTransport)(nil)
	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*LeanTransport)(nil)
)
