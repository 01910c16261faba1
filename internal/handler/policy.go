package handler

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/policy"
)

func init() {
	caddy.RegisterModule(new(Policy))
}

// Policy has a Lua function choose the upstream: one that the script of a rover handler
// registered with
//
//	rover.policy("least", function(ctx, upstreams) return upstreams[1] end)
//
// upstreams are those that are available, never none. The function returns one of them,
// its number in the list, or its dial; nil is none of them. It is asked again for every
// try, may wait, but not change the request. When it fails, or the VM is overloaded, no
// upstream is chosen: 503, as when none is available.
type Policy struct {
	functionRef

	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (*Policy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.selection_policies.rover",
		New: func() caddy.Module { return new(Policy) },
	}
}

// UnmarshalCaddyfile parses the policy. Syntax:
//
//	lb_policy rover <function> [<vm>]
func (p *Policy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume policy name
	return p.unmarshal(d)
}

// Provision checks the name.
func (p *Policy) Provision(ctx caddy.Context) error {
	p.logger = ctx.Logger()
	return p.provision(ctx, luart.PolicyFunction)
}

// policyFailedVar is the variable of a request that holds the Policy whose function
// failed for it: that is not asked again for every further try.
const policyFailedVar = "rover.policy_failed"

// Select asks the function. r is the request for the upstream.
func (p *Policy) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	if failed, _ := caddyhttp.GetVar(r.Context(), policyFailedVar).(*Policy); failed == p {
		return nil
	}
	available := make([]policy.Upstream, 0, len(pool))
	for i, u := range pool {
		if u.Available() {
			available = append(available, policy.Upstream{
				Dial: u.Dial, Host: dialHost(u.Dial), Place: i + 1,
				Requests: u.NumRequests(), MaxRequests: u.MaxRequests, Fails: u.Fails(),
			})
		}
	}
	if len(available) == 0 {
		return nil
	}
	f, err := p.find(r.Context())
	if err != nil { // the config will not start
		p.logger.Error("no upstream chosen", zap.Error(err))
		return nil
	}
	chosen, err := f.choose(r, available)
	if err != nil {
		var herr caddyhttp.HandlerError
		if errors.As(err, &herr) && herr.StatusCode == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.handler.vm.RetryAfter()/time.Second)))
		} else {
			caddyhttp.SetVar(r.Context(), policyFailedVar, p)
		}
		return nil
	}
	if chosen < 0 {
		return nil
	}
	return pool[available[chosen].Place-1]
}

// choose asks the function for one of the upstreams. It returns the index, or -1 for none of them.
func (f *function) choose(r *http.Request, available []policy.Upstream) (int, error) {
	chosen, err := f.Select(r, host{f.handler}, f.handler.priority(r), available)
	return chosen, f.handler.functionError(f.Route(), err)
}

// dialHost returns the host of a dial address: all of it if that is a socket.
func dialHost(dial string) string {
	host, _, err := net.SplitHostPort(dial)
	if err != nil {
		return dial
	}
	return host
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Policy)(nil)
	_ caddyfile.Unmarshaler = (*Policy)(nil)
	_ reverseproxy.Selector = (*Policy)(nil)
)
