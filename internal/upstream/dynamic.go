package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart/spelling"
)

func init() {
	caddy.RegisterModule(new(Upstreams))
}

// Upstreams has a reverse_proxy use the upstreams that the script of a rover directive
// before it set for the request with ctx:upstream(…): in that order, one after the other,
// for as many tries as lb_retries or lb_try_duration allow. If the reverse_proxy has a load
// balancing policy, that chooses among them instead.
type Upstreams struct {
	// What is used when no script set upstreams for the request: addresses as in
	// ctx:upstream, all of one scheme. Without any, an error is logged and the static
	// upstreams of the reverse_proxy are used; if it has none either, 503.
	Fallback []string `json:"fallback,omitempty"`

	fallback []upstream
	ordered  bool                      // the policy is inOrder
	srv      reverseproxy.SRVUpstreams // provisioned, without a name
}

// CaddyModule returns the Caddy module information.
func (*Upstreams) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.upstreams.rover",
		New: func() caddy.Module { return new(Upstreams) },
	}
}

// UnmarshalCaddyfile parses the source. Syntax:
//
//	dynamic rover {
//		fallback <address...>
//	}
func (u *Upstreams) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume source name
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "fallback" {
			return d.Errf("unrecognized subdirective '%s'%s", d.Val(),
				spelling.OrDidYouMean(spelling.Nearest(d.Val(), []string{"fallback"})))
		}
		if u.Fallback != nil {
			return d.Err("option 'fallback' given twice")
		}
		if u.Fallback = d.RemainingArgs(); len(u.Fallback) == 0 {
			return d.ArgErr()
		}
		if _, err := parseAddresses(u.Fallback); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

// Provision checks the addresses.
func (u *Upstreams) Provision(ctx caddy.Context) error {
	var err error
	if u.fallback, err = parseAddresses(u.Fallback); err != nil {
		return fmt.Errorf("fallback: %w", err)
	}
	if err := u.srv.Provision(ctx); err != nil {
		return fmt.Errorf("provisioning SRV lookups: %w", err)
	}
	u.ordered = keepOrder(ctx)
	return nil
}

// chosenVar is the variable of a request that holds what a script gave to
// ctx:upstream: addresses that have been checked.
const chosenVar = "rover.upstreams"

// Choose has a reverse_proxy behind use a list of addresses, which have been checked, for the
// request of a context.
func Choose(ctx context.Context, addresses []string) {
	caddyhttp.SetVar(ctx, chosenVar, addresses)
}

// Chosen returns the list that choose was given, nil for none.
func Chosen(ctx context.Context) []string {
	addresses, _ := caddyhttp.GetVar(ctx, chosenVar).([]string)
	return addresses
}

var errNoneChosen = errors.New("no script has called ctx:upstream for this request: call it in a rover directive before this reverse_proxy and pass the request on, or set fallback in the dynamic rover block")

// GetUpstreams implements reverseproxy.UpstreamSource. r is the request for the upstream.
func (u *Upstreams) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	list := u.fallback
	if set := Chosen(r.Context()); len(set) > 0 {
		var err error
		if list, err = parseAddresses(set); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, errNoneChosen
	}
	r.URL.Scheme = list[0].scheme
	pool := make([]*reverseproxy.Upstream, 0, len(list))
	for _, to := range list {
		if !to.srv {
			pool = append(pool, &reverseproxy.Upstream{Dial: to.dial})
			continue
		}
		found, err := lookUpSRV(u.srv, to.dial, r)
		if err != nil {
			return nil, err
		}
		for _, target := range found {
			pool = append(pool, &reverseproxy.Upstream{Dial: target.Dial})
		}
	}
	if u.ordered && orderOf(r) == nil {
		caddyhttp.SetVar(r.Context(), orderVar, &order{r: r})
	}
	return pool, nil
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Upstreams)(nil)
	_ caddyfile.Unmarshaler       = (*Upstreams)(nil)
	_ reverseproxy.UpstreamSource = (*Upstreams)(nil)
)
