package caddyfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/spelling"
)

// block is a place in which options stand.
type block struct {
	name    string // as errors call it: "the rover directive"
	of      string // behind an unknown option, if the name of the file and line do not tell: " in store"
	options []string
	blocks  []string // the options that take a block
}

// blocks are all of them. In the script options stand, too: somebody looks for these here.
var (
	directiveBlock = &block{name: "the rover directive", blocks: []string{"library", "persist", "proxy", "store"}}
	globalBlock    = &block{name: "the global option rover", of: " of the global option rover", blocks: []string{"store"}}
	storeBlock     = &block{name: "store", of: " in store", options: slices.Sorted(maps.Keys(storeOptions))}
	persistBlock   = &block{name: "persist", of: " in persist", options: []string{"max_size"}}
	proxyBlock     = &block{name: "the proxy block", options: append(reverseProxyOptions, "lean")}
	transportBlock = &block{name: "a transport in the proxy block", options: transportOptions}
	scriptOptions  = &block{name: "api.proxy in the script", options: proxy.Options["api.proxy"].Names()}

	blocks = []*block{directiveBlock, globalBlock, storeBlock, persistBlock, proxyBlock, transportBlock, scriptOptions}
)

func init() { // which the functions in these tables ask for the blocks
	directiveBlock.options = slices.Sorted(maps.Keys(options))
	globalBlock.options = slices.Sorted(maps.Keys(globalOptions))
}

// reverseProxyOptions are those of Caddy's reverse_proxy that may stand in proxy. Its own parser is
// the judge: these are for what to say of a name that it does not know, or that stands elsewhere.
var reverseProxyOptions = []string{
	"lb_retries", "lb_try_duration", "lb_try_interval", "lb_retry_match",
	"max_fails", "fail_duration", "unhealthy_request_count", "unhealthy_status", "unhealthy_latency",
	"flush_interval", "request_buffers", "response_buffers", "stream_buffer_size", "stream_timeout", "stream_close_delay",
	"trusted_proxies", "header_up", "header_down", "method", "rewrite", "transport", "handle_response", "replace_status", "verbose_logs",
}

// transportOptions are those of Caddy's transport http, and so of rover_lean.
var transportOptions = []string{
	"read_buffer", "write_buffer", "read_timeout", "write_timeout", "max_response_header", "proxy_protocol", "network_proxy",
	"dial_timeout", "dial_fallback_delay", "response_header_timeout", "expect_continue_timeout", "resolvers",
	"tls", "tls_client_auth", "tls_insecure_skip_verify", "tls_curves", "tls_timeout", "tls_server_name", "tls_renegotiation",
	"tls_except_ports", "tls_trust_pool", "keepalive", "keepalive_interval", "keepalive_idle_conns", "keepalive_idle_conns_per_host",
	"versions", "compression", "max_conns_per_host", "local_address",
}

// unknown refuses the option that d stands on, which is none of b.
func (b *block) unknown(d *caddyfile.Dispenser) error {
	if isBrace(d.Val()) {
		return d.Err("unexpected block" + b.whichTakeOne())
	}
	return d.Errf("unrecognized subdirective '%s'%s%s", d.Val(), b.of, b.meant(d.Val()))
}

// isBrace reports whether an option is none but of a block behind another one; } is what Caddy has of { }
// in one line.
func isBrace(option string) bool { return option == "{" || option == "}" }

// whichTakeOne says which options take a block.
func (b *block) whichTakeOne() string {
	switch len(b.blocks) {
	case 0:
		return ": no option" + b.of + " takes one"
	case 1:
		return ": of the options" + b.of + " only " + b.blocks[0] + " takes one"
	default:
		return ": of the options" + b.of + " only " + listed(b.blocks, "") + " take one"
	}
}

// meant says of a name that is no option of b where it is one, or which is meant; "": nobody knows.
func (b *block) meant(name string) string {
	if why := refusal(name); why != "" {
		return "; " + why
	}
	var elsewhere []string
	for _, other := range blocks {
		if other != b && slices.Contains(other.options, name) {
			elsewhere = append(elsewhere, other.name)
		}
	}
	if len(elsewhere) > 0 {
		return "; it is an option of " + listed(elsewhere, "of ")
	}
	if near := spelling.Nearest(name, b.options); near != "" || len(b.options) > 5 { // more is a page of the docs
		return spelling.OrDidYouMean(near)
	}
	if len(b.options) == 1 {
		return "; there is " + b.options[0]
	}
	return "; there are " + listed(b.options, "")
}

// listed writes names as "a, b and c". again stands before each but the first.
func listed(names []string, again string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", "+again) + " and " + again + names[last]
}

// withMeant adds to an error of a parser of Caddy's what is meant by the option that it does not know.
// d is where reverse_proxy's parser has left it: at the option, or at the end of the one whose block has it.
func withMeant(err error, d *caddyfile.Dispenser) error {
	said := errors.Unwrap(err) // without the place
	if said == nil {
		return err
	}
	name, ok := strings.CutPrefix(said.Error(), "unrecognized subdirective ")
	if !ok {
		return err
	}
	hint := ""
	switch {
	case isBrace(name):
		hint = "; the option before it takes no block"
	case name == d.Val():
		hint = proxyBlock.meant(name)
	case optionBefore(d) == "transport":
		hint = transportBlock.meant(name)
	}
	return fmt.Errorf("%w%s%s", said, hint, strings.TrimPrefix(err.Error(), said.Error()))
}

// optionBefore goes back to the name of the option whose block ends at d.
func optionBefore(d *caddyfile.Dispenser) (name string) {
	depth := 0
	for at := true; at; at = depth > 0 && d.Prev() {
		switch d.Val() {
		case "}":
			depth++
		case "{":
			depth--
		}
	}
	for line := d.Line(); d.Prev() && d.Line() == line; {
		name = d.Val()
	}
	return name
}
