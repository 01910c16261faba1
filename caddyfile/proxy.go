package caddyfile

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// What ends every refusal of an option that cannot work where a script names the upstreams, in JSON and
// in a Caddyfile.
const (
	scriptChooses = "the script chooses the upstreams, with api.proxy"
	scriptOrders  = scriptChooses + ", in the order of its list: see balancing in docs/proxying.md"
	scriptProbes  = scriptChooses + ", and Caddy probes only those that its config names: use passive health checks " +
		"(fail_duration, unhealthy_status, unhealthy_latency), a breaker, or rover.every with rover.http in the script: " +
		"see probing in docs/proxying.md"
)

// refusal returns why the block does not take an option of reverse_proxy, or what others call it; "" if it
// does.
func refusal(option string) string {
	switch {
	case option == "to", option == "dynamic", option == "upstream", option == "upstreams":
		return scriptChooses
	case option == "lb_policy":
		return scriptOrders
	case strings.HasPrefix(option, "health_"): // all of them, and no others, are of active health checks
		return scriptProbes
	}
	return ""
}

// Proxy is the block proxy: the options of reverse_proxy, and ours.
type Proxy struct {
	reverseproxy.Handler

	// Whether plain requests to upstreams without TLS go the short way, which takes less CPU time: see
	// docs/proxying.md. False has Caddy's own handler and transport take all. A transport of the block is
	// used as it is. Default: true.
	Lean *bool `json:"lean,omitempty"`
}

// parseProxy gives the block to reverse_proxy's own parser, which skips the first
// token whatever it is: here "proxy", there the directive's name.
func (c *Config) parseProxy(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		if slices.Contains(proxyBlock.options, d.Val()) {
			return d.Errf("'%s' is an option of proxy: options stand in a block, { … }, each in a line of its own", d.Val())
		}
		return d.Errf("upstream '%s' in proxy: %s", d.Val(), scriptChooses)
	}
	block := d.NewFromNextSegment()
	c.Proxy = new(Proxy)
	if err := c.Proxy.takeOwn(block); err != nil {
		return err
	}
	block.Reset()
	if err := c.Proxy.UnmarshalCaddyfile(block); err != nil {
		return withMeant(err, block)
	}
	return nil
}

// takeOwn takes our own option out of the block before reverse_proxy reads it. It looks for the options
// that are refused, too, because afterwards their line is not known any more. Deeper blocks are left
// alone: a handle_response may well proxy elsewhere.
func (p *Proxy) takeOwn(block *caddyfile.Dispenser) error {
	transport := "" // that the block names
	block.Next()    // "proxy"
	for block.NextBlock(0) {
		option := block.Val()
		args := block.RemainingArgs() // one may have the name of an option
		if block.Nesting() != 1 {
			continue
		}
		if why := refusal(option); why != "" {
			return block.Errf("option '%s' in proxy: %s", option, why)
		}
		switch option {
		case "lean":
			if err := p.parseLean(block, args); err != nil {
				return err
			}
		case "transport": // of two reverse_proxy takes the last one
			if transport != "" {
				return block.Errf("option 'transport' in proxy given twice: '%s' and '%s'", transport, strings.Join(args, " "))
			}
			transport = strings.Join(args, " ")
		default:
			continue
		}
		if p.contradicts(transport) {
			return block.Err(leanTwoWays)
		}
		if option == "lean" {
			block.DeleteN(1 + len(args))
		}
	}
	return nil
}

// leanTransport is the transport of lean connections for others than the short way.
const leanTransport = "rover_lean"

const leanTwoWays = "proxy has 'lean off', for Caddy's own connections, and 'transport " + leanTransport + "', for others: one of them is meant"

// contradicts reports whether the block says lean off, and names the transport that is lean.
func (p *Proxy) contradicts(transport string) bool {
	return transport == leanTransport && p.Lean != nil && !*p.Lean
}

func (p *Proxy) parseLean(d *caddyfile.Dispenser, args []string) error {
	if p.Lean != nil {
		return d.Err("option 'lean' in proxy given twice")
	}
	if len(args) != 1 || args[0] != "on" && args[0] != "off" {
		return d.Errf("bad lean value '%s' in proxy: on or off expected", strings.Join(args, " "))
	}
	lean := args[0] == "on"
	p.Lean = &lean
	return nil
}

// Block returns the options of reverse_proxy, and whether plain requests go the short way.
func (p *Proxy) Block() (h *reverseproxy.Handler, lean bool) {
	if p == nil {
		return nil, true
	}
	return &p.Handler, p.Lean == nil || *p.Lean
}

// checkProxy refuses in JSON what takeOwn refuses in a Caddyfile. It looks at what is configured only,
// not at h.DynamicUpstreams and the like: there the handler puts what the script chose.
func checkProxy(h *Proxy) error {
	switch {
	case h == nil:
		return nil
	case len(h.Upstreams) > 0:
		return errors.New("proxy has upstreams: " + scriptChooses)
	case h.DynamicUpstreamsRaw != nil:
		return errors.New("proxy has dynamic_upstreams: " + scriptChooses)
	case h.LoadBalancing != nil && h.LoadBalancing.SelectionPolicyRaw != nil:
		return errors.New("proxy has load_balancing.selection_policy: " + scriptOrders)
	case h.HealthChecks != nil && h.HealthChecks.Active != nil:
		return errors.New("proxy has health_checks.active: " + scriptProbes)
	}
	var transport struct{ Protocol string }
	if json.Unmarshal(h.TransportRaw, &transport) == nil && h.contradicts(transport.Protocol) { // what is no JSON, Caddy says
		return errors.New(leanTwoWays)
	}
	return nil
}
