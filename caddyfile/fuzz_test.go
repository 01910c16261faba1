package caddyfile

import (
	"maps"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// FuzzParse feeds anything that lexes. Nothing may panic; what is accepted must be
// valid, and must come back the same from JSON.
func FuzzParse(f *testing.F) {
	for _, option := range slices.Sorted(maps.Keys(valid)) {
		f.Add(rover(valid[option]))
	}
	f.Add("rover")
	f.Add("rover app.lua {")
	f.Add("rover app.lua { debug } debug")
	f.Add(rover("allow env APP_* net a.test *.b.test:80 fs public ro data", "allow net [::1]:80"))
	f.Add(rover("queue 5 {", "}", "max_body 16EB", "timeout 1d2h"))
	f.Add(rover("proxy {", "@x status 4xx", "handle_response @x {", "respond 200", "}", "replace_status @x 200", "}"))
	f.Add(rover("proxy {", "transport http {", "versions 2", "}", "header_up +to {host}", "}"))
	f.Add(rover("proxy {", "lb_retries 2", "lb_policy header X", "}"))
	f.Add(rover("proxy {", "fail_duration 5s", "health_uri /", "}"))
	f.Add(rover("proxy {", "{", "to a", "}", "}"))
	f.Add(rover("proxy {", "lean off", "lean {", "lean on", "}", "}"))
	f.Add("rover app.lua {\n\tset note <<END\n\ttwo\n\tlines\n\tEND\n}")

	f.Fuzz(func(t *testing.T, input string) {
		// not NewTestDispenser: it ends the process on what does not lex
		tokens, err := caddyfile.Tokenize([]byte(input), "Testfile")
		if err != nil {
			return
		}
		var c Config
		if err := c.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("parsed, but invalid: %v", err)
		}
		checkRoundTrip(t, c)
		c.SetDefaults()
		checkRoundTrip(t, c)
	})
}
