package caddyfile

import (
	"errors"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// scriptChooses ends every refusal of an upstream, in JSON and in a Caddyfile.
const scriptChooses = "the script chooses the upstreams, with api.proxy"

// parseProxy gives the block to reverse_proxy's own parser, which skips the first
// token whatever it is: here "proxy", there the directive's name.
func (c *Config) parseProxy(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.Errf("upstream '%s' in proxy: %s", d.Val(), scriptChooses)
	}
	block := d.NewFromNextSegment()
	if err := refuseUpstreams(block); err != nil {
		return err
	}
	block.Reset()
	c.Proxy = new(reverseproxy.Handler)
	return c.Proxy.UnmarshalCaddyfile(block)
}

// refuseUpstreams looks for the options that name upstreams before reverse_proxy
// reads them, because afterwards their line is not known any more. Deeper blocks
// are left alone: a handle_response may well proxy elsewhere.
func refuseUpstreams(block *caddyfile.Dispenser) error {
	block.Next() // "proxy"
	for block.NextBlock(0) {
		option := block.Val()
		if block.Nesting() == 1 && (option == "to" || option == "dynamic") {
			return block.Errf("option '%s' in proxy: %s", option, scriptChooses)
		}
		block.RemainingArgs() // an argument may have such a name
	}
	return nil
}

// checkProxy looks at the configured sources of upstreams only, not at
// h.DynamicUpstreams: that is where the handler puts what the script chose.
func checkProxy(h *reverseproxy.Handler) error {
	switch {
	case h == nil:
		return nil
	case len(h.Upstreams) > 0:
		return errors.New("proxy has upstreams: " + scriptChooses)
	case h.DynamicUpstreamsRaw != nil:
		return errors.New("proxy has dynamic_upstreams: " + scriptChooses)
	}
	return nil
}
