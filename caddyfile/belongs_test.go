package caddyfile

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// An option that is none where it stands is refused with where it is one, or with the one that is meant.
func TestOptionsInTheWrongBlock(t *testing.T) {
	const of = "; it is an option of "
	for _, test := range []struct {
		name  string
		lines []string
		want  string // behind "unrecognized subdirective "
	}{
		{"an option of the global option", []string{"gc_floor 64MiB"}, "'gc_floor'" + of + "the global option rover, at Testfile:2"},
		{"an option of the proxy block, ours", []string{"lean off"}, "'lean'" + of + "the proxy block, at Testfile:2"},
		{"an option of the proxy block", []string{"debug", "header_up -X"}, "'header_up'" + of + "the proxy block, at Testfile:3"},
		{"a block of the proxy block", []string{"transport http {", "}"}, "'transport'" + of + "the proxy block, at Testfile:2"},
		{"an option of a transport", []string{"keepalive_idle_conns_per_host 5"}, "'keepalive_idle_conns_per_host'" + of + "a transport in the proxy block, at Testfile:2"},
		{"an option of the script", []string{"pick least"}, "'pick'" + of + "api.proxy in the script, at Testfile:2"},
		{"upstreams", []string{"upstream a:80"}, "'upstream'; the script chooses the upstreams, with api.proxy, at Testfile:2"},
		{"an option that nothing takes", []string{"lb_policy first"}, "'lb_policy'; " + scriptOrders + ", at Testfile:2"},
		{"an option of store", []string{"password x"}, "'password'" + of + "store, at Testfile:2"},

		{"in store", []string{"store redis://h {", "memory 1MiB", "}"}, "'memory' in store" + of + "the rover directive, at Testfile:3"},
		{"in persist", []string{"persist {", "store memory", "}"}, "'store' in persist" + of + "the rover directive and of the global option rover, at Testfile:3"},
		{"in persist, and nowhere", []string{"persist {", "size 1", "}"}, "'size' in persist; there is max_size, at Testfile:3"},

		{"several others", []string{"proxy {", "timeout 5s", "}"}, "timeout" + of + "the rover directive, of store and of api.proxy in the script, at Testfile:3"},
		{"of the directive, in proxy", []string{"proxy {", "batch 5", "}"}, "batch" + of + "the rover directive, at Testfile:3"},
		{"of the script, in proxy", []string{"proxy {", "lb_retries 1", "retry 5", "}"}, "retry" + of + "api.proxy in the script, at Testfile:4"},
		{"of the global option, in proxy", []string{"proxy {", "gc_floor off", "}"}, "gc_floor" + of + "the global option rover, at Testfile:3"},
		{"of a transport, in proxy", []string{"proxy {", "dial_timeout 1s", "}"}, "dial_timeout" + of + "a transport in the proxy block, at Testfile:3"},
		{"a slip of ours, in proxy", []string{"proxy {", "laen off", "}"}, "laen; did you mean lean?, at Testfile:3"},
		{"a slip of Caddy's, in proxy", []string{"proxy {", "lb_retries 2", "headerup -X", "}"}, "headerup; did you mean header_up?, at Testfile:4"},
		{"nothing near, in proxy", []string{"proxy {", "cache 5", "}"}, "cache, at Testfile:3"},
		{"in a transport", []string{"proxy {", "transport http {", "dial_timeout 1s", "header_up -X", "}", "}"}, "header_up" + of + "the proxy block, at Testfile:5"},
		{"a slip in a transport", []string{"proxy {", "transport http {", "tls_trust_pool file {", "pem_file a.pem", "}", "dail_timeout 1s", "}", "}"}, "dail_timeout; did you mean dial_timeout?, at Testfile:7"},
		{"a block after an option of a transport", []string{"proxy {", "transport http {", "dial_timeout 1s {", "}", "}", "}"}, "{; the option before it takes no block, at Testfile:4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := unmarshal(rover(test.lines...))
			if got, want := errorText(err), "unrecognized subdirective "+test.want; got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
		})
	}
}

// Behind an error of an imported file its imports are still said.
func TestOptionsInTheWrongBlockOfAnImport(t *testing.T) {
	_, err := adapt(t, "site/Caddyfile", "(lua) {\n rover app.lua {\n proxy {\n laen off\n }\n }\n}\nhttp:// {\n import lua\n}\n")
	want := "unrecognized subdirective laen; did you mean lean?, at site/Caddyfile:4 import chain ['site/Caddyfile:9 (import lua)']"
	if got := errorText(err); !strings.HasSuffix(got, want) {
		t.Errorf("\n got %q\nwant … %q", got, want)
	}
}

// Caddy knows each name that we say it has.
func TestOptionsOfCaddyAreThere(t *testing.T) {
	for _, name := range reverseProxyOptions {
		err := new(reverseproxy.Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("reverse_proxy {\n" + name + "\n}"))
		if strings.HasPrefix(errorText(err), "unrecognized subdirective") || refusal(name) != "" {
			t.Errorf("reverse_proxy: %s: %v %s", name, err, refusal(name))
		}
	}
	for _, name := range transportOptions {
		err := new(reverseproxy.HTTPTransport).UnmarshalCaddyfile(caddyfile.NewTestDispenser("http {\n" + name + "\n}"))
		if strings.HasPrefix(errorText(err), "unrecognized subdirective") {
			t.Errorf("transport http: %v", err)
		}
	}
}
