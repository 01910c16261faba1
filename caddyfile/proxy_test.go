package caddyfile

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func TestProxyRefusesUpstreams(t *testing.T) {
	for _, test := range []struct {
		name  string
		input string
		want  string
	}{
		{
			"an address", rover("proxy 10.0.0.1:80"),
			"upstream '10.0.0.1:80' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:2",
		},
		{
			"an address before the block", rover("debug", "proxy localhost:80 {", "lb_retries 2", "}"),
			"upstream 'localhost:80' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:3",
		},
		{
			"an option in the line of proxy", rover("proxy lean off"),
			"'lean' is an option of proxy: options stand in a block, { … }, each in a line of its own, at Testfile:2",
		},
		{
			"an option of reverse_proxy in the line of proxy", rover("proxy header_up X-A b"),
			"'header_up' is an option of proxy: options stand in a block, { … }, each in a line of its own, at Testfile:2",
		},
		{
			"to", rover("proxy {", "lb_retries 2", "to localhost:80", "}"),
			"option 'to' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:4",
		},
		{
			"upstream, as others call it", rover("proxy {", "upstream localhost:80", "}"),
			"option 'upstream' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:3",
		},
		{
			"to after a block", rover("proxy {", "transport http {", "dial_timeout 1s", "}", "to localhost:80", "}"),
			"option 'to' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:6",
		},
		{
			"dynamic", rover("proxy {", "dynamic srv example.com", "}"),
			"option 'dynamic' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:3",
		},
		{
			"dynamic with a block", rover("proxy {", "dynamic a {", "name example.com", "}", "}"),
			"option 'dynamic' in proxy: the script chooses the upstreams, with api.proxy, at Testfile:3",
		},
		{
			"a policy", rover("proxy {", "lb_retries 2", "lb_policy ip_hash", "}"),
			"option 'lb_policy' in proxy: " + scriptOrders + ", at Testfile:4",
		},
		{
			"a policy with a block", rover("proxy {", "lb_policy header X {", "fallback first", "}", "}"),
			"option 'lb_policy' in proxy: " + scriptOrders + ", at Testfile:3",
		},
		{
			"a probe", rover("proxy {", "transport http {", "dial_timeout 1s", "}", "health_uri /health", "}"),
			"option 'health_uri' in proxy: " + scriptProbes + ", at Testfile:6",
		},
		{
			"an option of probes alone", rover("proxy {", "fail_duration 5s", "health_headers {", "X-A b", "}", "}"),
			"option 'health_headers' in proxy: " + scriptProbes + ", at Testfile:4",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := unmarshal(test.input)
			if got := errorText(err); got != test.want {
				t.Errorf("\n got %q\nwant %q", got, test.want)
			}
		})
	}
}

// Whatever of reverse_proxy sets up active health checks is refused, and nothing of the passive ones is.
func TestProxyRefusesEachOptionOfActiveHealthChecks(t *testing.T) {
	for option, args := range map[string]string{
		"health_uri": "/h", "health_path": "/h", "health_upstream": "a:80", "health_port": "81", "health_headers": "{\nX a\n}",
		"health_method": "HEAD", "health_request_body": "x", "health_interval": "5s", "health_timeout": "5s",
		"health_status": "200", "health_body": "ok", "health_follow_redirects": "", "health_passes": "2", "health_fails": "2",
		"max_fails": "2", "fail_duration": "5s", "unhealthy_request_count": "2", "unhealthy_status": "5xx", "unhealthy_latency": "2s",
	} {
		line := option + " " + args
		other := new(reverseproxy.Handler)
		if err := other.UnmarshalCaddyfile(caddyfile.NewTestDispenser("reverse_proxy {\n" + line + "\n}")); err != nil || other.HealthChecks == nil {
			t.Fatalf("%s: reverse_proxy itself: %v", line, err)
		}
		want := ""
		if other.HealthChecks.Active != nil {
			want = "option '" + option + "' in proxy: " + scriptProbes + ", at Testfile:3"
		}
		if _, err := unmarshal(rover("proxy {", line, "}")); errorText(err) != want {
			t.Errorf("%s:\n got %q\nwant %q", line, errorText(err), want)
		}
	}
}

func TestProxyTakesWordsOfRefusedOptionsAsArguments(t *testing.T) {
	c, err := unmarshal(rover("proxy {", "header_up to dynamic", "header_down lb_policy health_uri", "transport http {", "tls_server_name to", "}", "}"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Proxy.Headers.Request.Set.Get("to") != "dynamic" {
		t.Errorf("headers: %+v", c.Proxy.Headers.Request)
	}
}

func TestProxyWithoutOptions(t *testing.T) {
	for _, lines := range [][]string{{"proxy", "debug"}, {"proxy {", "}", "debug"}} {
		c, err := unmarshal(rover(lines...))
		if err != nil {
			t.Fatalf("%q: %v", lines, err)
		}
		if c.Proxy == nil || !c.Debug {
			t.Errorf("%q: got %+v", lines, c)
		}
	}
}

func TestProxyLean(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		json  string // "" with an error
		err   string
	}{
		{"unset", []string{"proxy {", "lb_retries 2", "}"}, `{"load_balancing":{"retries":2}}`, ""},
		{"off alone", []string{"proxy {", "lean off", "}"}, `{"lean":false}`, ""},
		{"on", []string{"proxy {", "lean on", "}"}, `{"lean":true}`, ""},
		{"before others", []string{"proxy {", "lean off", "lb_retries 2", "flush_interval -1", "}"}, `{"load_balancing":{"retries":2},"flush_interval":-1,"lean":false}`, ""},
		{"among others", []string{"proxy {", "transport http {", "dial_timeout 1s", "}", "lean off", "lb_retries 2", "}", "debug"}, `{"transport":{"dial_timeout":1000000000,"protocol":"http"},"load_balancing":{"retries":2},"lean":false}`, ""},
		{"an argument of that name", []string{"proxy {", "header_up lean off", "}"}, `{"headers":{"request":{"set":{"Lean":["off"]}}}}`, ""},
		{"with a transport", []string{"proxy {", "lean off", "transport http {", "dial_timeout 1s", "}", "}"}, `{"transport":{"dial_timeout":1000000000,"protocol":"http"},"lean":false}`, ""},
		{"with the transport, behind it", []string{"proxy {", "lean off", "lb_retries 2", "transport rover_lean {", "dial_timeout 1s", "}", "}"}, "", leanTwoWays + ", at Testfile:5"},
		{"with the transport, before it", []string{"proxy {", "transport rover_lean", "lean off", "}"}, "", leanTwoWays + ", at Testfile:4"},
		{"transport twice", []string{"proxy {", "transport http {", "dial_timeout 1s", "}", "transport rover_lean", "}"}, "", "option 'transport' in proxy given twice: 'http' and 'rover_lean', at Testfile:6"},
		{"twice", []string{"proxy {", "lean off", "lean on", "}"}, "", "option 'lean' in proxy given twice, at Testfile:4"},
		{"no value", []string{"proxy {", "lean", "}"}, "", "bad lean value '' in proxy: on or off expected, at Testfile:3"},
		{"another value", []string{"proxy {", "lean no", "}"}, "", "bad lean value 'no' in proxy: on or off expected, at Testfile:3"},
		{"two values", []string{"proxy {", "lean off on", "}"}, "", "bad lean value 'off on' in proxy: on or off expected, at Testfile:3"},
		{"a block", []string{"proxy {", "lean off {", "lb_retries 2", "}", "}"}, "", "unrecognized subdirective {; the option before it takes no block, at Testfile:3"},
		{"in a block", []string{"proxy {", "transport http {", "lean off", "}", "}"}, "", "unrecognized subdirective lean; it is an option of the proxy block, at Testfile:4"},
		{"errors behind it have their lines", []string{"proxy {", "lean off", "lb_retreis 3", "}"}, "", "unrecognized subdirective lb_retreis; did you mean lb_retries?, at Testfile:4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := unmarshal(rover(test.lines...))
			if got := errorText(err); got != test.err {
				t.Fatalf("\n got %q\nwant %q", got, test.err)
			}
			if err != nil {
				return
			}
			text, err := json.Marshal(c.Proxy)
			if err != nil {
				t.Fatal(err)
			}
			if string(text) != test.json {
				t.Errorf("\n got %s\nwant %s", text, test.json)
			}
			checkRoundTrip(t, c)
		})
	}
}

// adapted stands in for the handler of internal/handler: it embeds Config.
type adapted struct{ Config }

func (adapted) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.rover", New: func() caddy.Module { return new(adapted) }}
}

func (adapted) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

func init() {
	caddy.RegisterModule(adapted{})
	httpcaddyfile.RegisterDirective("rover", func(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
		matcher, err := TakeMatcher(h)
		if err != nil {
			return nil, err
		}
		c, err := Parse(h)
		if err != nil {
			return nil, err
		}
		return h.NewRoute(matcher, adapted{c}), nil
	})
	httpcaddyfile.RegisterDirectiveOrder("rover", httpcaddyfile.Before, "templates")
}

// adapt returns the JSON of the rover handler in a whole Caddyfile.
func adapt(t *testing.T, file, input string) (handler string, err error) {
	t.Helper()
	adapter := caddyfile.Adapter{ServerType: httpcaddyfile.ServerType{}}
	text, warnings, err := adapter.Adapt([]byte(input), map[string]any{"filename": file})
	if err != nil {
		return "", err
	}
	for _, warning := range warnings {
		if !strings.Contains(warning.Message, "not formatted") {
			t.Errorf("warning: %+v", warning)
		}
	}
	var config struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes []struct {
						Match  json.RawMessage
						Handle []json.RawMessage
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	for _, server := range config.Apps.HTTP.Servers {
		for _, route := range server.Routes {
			for _, h := range route.Handle {
				return string(route.Match) + string(h), nil
			}
		}
	}
	t.Fatalf("no handler in %s", text)
	return "", nil
}

func TestParseInACaddyfile(t *testing.T) {
	for _, test := range []struct {
		name  string
		input string
		want  string
	}{
		{"no matcher", "http://\nrover app.lua\n", `{"handler":"rover","script":"$HERE/site/app.lua"}`},
		{"star matcher", "http://\nrover * app.lua\n", `{"handler":"rover","script":"$HERE/site/app.lua"}`},
		{"path matcher", "http://\nrover /api/* app.lua\n", `[{"path":["/api/*"]}]{"handler":"rover","script":"$HERE/site/app.lua"}`},
		{"named matcher", "http://\n@put method PUT\nrover @put app.lua {\n debug\n}\n", `[{"method":["PUT"]}]{"debug":true,"handler":"rover","script":"$HERE/site/app.lua"}`},
		{"absolute script", "http://\nrover /srv/app.lua\n", `{"handler":"rover","script":"/srv/app.lua"}`},
		{"absolute script with a block", "http://\nrover /srv/app.lua {\n debug\n}\n", `{"debug":true,"handler":"rover","script":"/srv/app.lua"}`},
		{"absolute script behind a matcher", "http://\nrover * /srv/app.lua\n", `{"handler":"rover","script":"/srv/app.lua"}`},
		{"absolute script behind a path", "http://\nrover /srv/* /srv/app.lua\n", `[{"path":["/srv/*"]}]{"handler":"rover","script":"/srv/app.lua"}`},
		{"absolute script in a subroute", "http://\nroute {\n rover /srv/app.lua\n}\n", `{"handler":"subroute","routes":[{"handle":[{"handler":"rover","script":"/srv/app.lua"}]}]}`},
		{"a path from the environment", "http://\nrover {env.APP}/app.lua\n", `{"handler":"rover","script":"{env.APP}/app.lua"}`},
		{"snippet with arguments", "(lua) {\n rover {args[0]} {\n name {args[1]}\n }\n}\nhttp:// {\n import lua app.lua shop\n}\n", `{"handler":"rover","name":"shop","script":"$HERE/site/app.lua"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := adapt(t, "site/Caddyfile", test.input)
			if err != nil {
				t.Fatal(err)
			}
			here, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			got = strings.ReplaceAll(got, here, "$HERE")
			if got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestProxyIsReverseProxy gives the same lines to both, on the same line numbers:
// what they adapt to and what they complain about must be the same.
func TestProxyIsReverseProxy(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines string
		fails bool
	}{
		{name: "plain options", lines: "lb_retries 2\nflush_interval -1\nheader_up +X-A b\nheader_down -Server\n"},
		{name: "blocks", lines: "transport http {\nversions 1.1 2\nkeepalive 30s\n}\nlb_retry_match {\nmethod POST\n}\n"},
		{name: "replace_status", lines: "@busy status 429\nreplace_status @busy 503\n"},
		{
			name: "handle_response",
			lines: "@gone {\nstatus 410\nheader X-A *\n}\n" +
				"handle_response {\ncopy_response_headers {\ninclude X-A\n}\nrespond other\n}\n" +
				"handle_response @gone {\n@old path /old\nrespond @old gone\nreverse_proxy other:80 {\nto third:80\n}\n}\n",
		},
		{name: "unknown response matcher", lines: "lb_retries 2\nhandle_response @no {\nrespond 200\n}\n", fails: true},
		{name: "unknown directive in handle_response", lines: "handle_response {\nrespnd 200\n}\n", fails: true},
		{name: "unknown option", lines: "lb_retries 2\ncache 2\n", fails: true},
		{name: "unknown transport", lines: "transport pigeon\n", fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, gotErr := adapt(t, "site/Caddyfile", "http:// {\nrover app.lua {\nproxy {\n"+test.lines+"}\n}\n}\n")
			want, wantErr := adapt(t, "site/Caddyfile", "http:// {\n\nreverse_proxy {\n"+test.lines+"}\n}\n")
			if (wantErr != nil) != test.fails {
				t.Fatalf("reverse_proxy itself: %v", wantErr)
			}
			if want := strings.Replace(errorText(wantErr), "'reverse_proxy'", "'rover'", 1); errorText(gotErr) != want {
				t.Errorf("\n got %q\nwant %q", errorText(gotErr), want)
			}
			if test.fails {
				return
			}
			proxy, other := object(t, got)["proxy"], object(t, want)
			delete(other, "handler")
			if !reflect.DeepEqual(proxy, any(other)) {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

// object decodes a JSON object.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return fields
}

func TestParseErrorsInACaddyfile(t *testing.T) {
	for _, test := range []struct {
		name  string
		input string
		want  string // the end of the error
	}{
		{"an option", "http://\nrover app.lua {\n queue 0\n}\n", "queue 0 is out of range: 1 to 65536, at site/Caddyfile:3"},
		{"a matcher without a script", "http://\nrover * {\n debug\n}\n", "the script is missing: '*' is a matcher, at site/Caddyfile:2"},
		{"two scripts", "http://\nrover a.lua b.lua\n", "after 'a.lua', at site/Caddyfile:2 (before the script 'a.lua' only a matcher may stand, and behind it a block)"},
		{"a matcher and two scripts", "http://\nrover /a a.lua b.lua\n", "after 'a.lua', at site/Caddyfile:2 (before the script 'a.lua' only a matcher may stand, and behind it a block)"},
		{"an unknown response matcher", "http://\nrover app.lua {\n proxy {\n handle_response @no {\n respond 200\n }\n }\n}\n", "no named response matcher defined with name 'no', at site/Caddyfile:4"},
		{"an upstream through a snippet", "(lua) {\n rover app.lua {\n proxy {\n to a:1\n }\n }\n}\nhttp:// {\n import lua\n}\n", "with api.proxy, at site/Caddyfile:4 import chain ['site/Caddyfile:9 (import lua)']"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := adapt(t, "site/Caddyfile", test.input)
			if got := errorText(err); !strings.HasSuffix(got, test.want) {
				t.Errorf("\n got %q\nwant … %q", got, test.want)
			}
		})
	}
}

// An imported file names its scripts from its own folder, as it does its imports.
func TestScriptOfAnImportedFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop"), 0o755); err != nil {
		t.Fatal(err)
	}
	imported := "rover app.lua {\n batch 1\n batch 2\n}\n"
	path := filepath.Join(dir, "shop", "rover.caddy")
	if err := os.WriteFile(path, []byte(imported), 0o644); err != nil {
		t.Fatal(err)
	}
	input := "http:// {\n import shop/rover.caddy\n}\n"
	_, err := adapt(t, filepath.Join(dir, "Caddyfile"), input)
	if got, want := errorText(err), "option 'batch' given twice, at "+path+":3 import chain"; !strings.Contains(got, want) {
		t.Errorf("\n got %q\nwant … %q", got, want)
	}

	if err := os.WriteFile(path, []byte("rover app.lua\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := adapt(t, filepath.Join(dir, "Caddyfile"), input)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"script":"` + filepath.ToSlash(filepath.Join(dir, "shop", "app.lua")) + `"`; !strings.Contains(got, want) {
		t.Errorf("\n got %s\nwant … %s", got, want)
	}
}
