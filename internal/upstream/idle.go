package upstream

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// idleConnsPerHost is how many idle connections to an upstream are kept, where the proxy block does not
// say it. Caddy's default of 32 closes and reopens connections as soon as more requests than that run at
// once: at 512 clients it cost a third of the throughput.
const idleConnsPerHost = 1024

// newTransport returns the transport of a proxy block that names none.
func newTransport(lean bool) interface {
	http.RoundTripper
	caddy.Provisioner
	caddy.CleanerUpper
} {
	options := reverseproxy.HTTPTransport{KeepAlive: &reverseproxy.KeepAlive{MaxIdleConnsPerHost: idleConnsPerHost}}
	if lean {
		return &LeanTransport{HTTPTransport: options}
	}
	return &options
}

// withIdleConns adds idleConnsPerHost to the transport that the block configures, where it is http or
// rover_lean and leaves the number to us. Provisioning would put Caddy's default there, which cannot be
// told from a number that somebody has written. All else stays as it is, for Caddy to judge.
func withIdleConns(raw json.RawMessage) (json.RawMessage, error) {
	var named struct {
		Protocol  string                  `json:"protocol"`
		KeepAlive *reverseproxy.KeepAlive `json:"keep_alive"`
	}
	if json.Unmarshal(raw, &named) != nil || named.Protocol != "http" && named.Protocol != "rover_lean" {
		return raw, nil
	}
	if k := named.KeepAlive; k != nil && (k.MaxIdleConnsPerHost != 0 || k.Enabled != nil && !*k.Enabled) {
		return raw, nil
	}
	// By their names, so that Caddy sees fields that it does not know.
	var transport, keepAlive map[string]json.RawMessage
	if err := json.Unmarshal(raw, &transport); err != nil {
		return nil, fmt.Errorf("proxy: transport: %w", err)
	}
	if text := transport["keep_alive"]; text != nil {
		if err := json.Unmarshal(text, &keepAlive); err != nil {
			return nil, fmt.Errorf("proxy: keep_alive of the transport: %w", err)
		}
	}
	if keepAlive == nil {
		keepAlive = map[string]json.RawMessage{}
	}
	keepAlive["max_idle_conns_per_host"] = json.RawMessage(strconv.Itoa(idleConnsPerHost))
	var err error
	if transport["keep_alive"], err = json.Marshal(keepAlive); err != nil {
		return nil, err
	}
	return json.Marshal(transport)
}
