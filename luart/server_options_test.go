package luart

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
)

// An option that guards and has no effect is a warning that says what to write; what is Caddy's
// job is not, nor is an option that is off.
func TestServerOptionsWithoutEffect(t *testing.T) {
	s := newServer(t, `
		return rover.server { port = 8080, tls = {}, load_shed = {}, cors_origin = "*", permissions = {},
			security_headers = true, drain_timeout_secs = 5, trusted_proxies = {}, idempotency = {}, https_redirect = false, static = {} }`)
	var got []string
	for _, e := range s.logs.FilterField(zap.String("at", "app.lua:2")).All() {
		got = append(got, strings.ToUpper(e.Level.String())+" "+e.ContextMap()["option"].(string)+": "+e.ContextMap()["see"].(string))
	}
	slices.Sort(got)
	want := []string{
		"INFO port: the site address in the Caddyfile",
		"INFO static: api.static { dir = … } in the script: docs/files.md, or the file_server directive",
		"INFO tls: the tls directive",
		"WARN drain_timeout_secs: the global option grace_period",
		"WARN idempotency: api.idempotent(function(ctx) … end) as the handler of each route: docs/idempotency.md",
		"WARN load_shed: queue and max_waiting in the rover block: docs/limits.md",
		"WARN permissions: allow and allow_net in the rover block, which grant what a script may do: docs/security.md",
		"WARN trusted_proxies: trusted_proxies in the global option servers",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An option that there is not fails the load.
func TestServerOptionUnknown(t *testing.T) {
	for options, want := range map[string]string{
		`cors_origins = "*"`:          `app.lua:1: rover.server: unknown option "cors_origins": did you mean cors_origin?`,
		`management_prefix = "admin"`: "app.lua:1: rover.server: management_prefix must start with '/'",
		`management_token = ""`:       "app.lua:1: rover.server: management_token cannot be empty",
		`rate_limit = "yes"`:          "app.lua:1: rover.server: rate_limit should be a boolean or table, not string",
		`security_headers = "yes"`:    "app.lua:1: rover.server: security_headers should be a boolean or table, not string",
		`bogus_option = 1`:            `app.lua:1: rover.server: unknown option "bogus_option": there are access_log, `,
		`8080`:                        "app.lua:1: rover.server: options by name expected, got a number as a name",
		`body_size_limit = "1MB"`:     "app.lua:1: rover.server: option body_size_limit: whole number of bytes, 0 or more, expected, got 1MB",
		`body_size_limit = -1`:        "option body_size_limit: whole number of bytes",
		`body_size_limit = 1.5`:       "option body_size_limit: whole number of bytes",
		`body_size_limit = 1/0`:       "option body_size_limit: whole number of bytes",
		`body_size_limit = 0/0`:       "option body_size_limit: whole number of bytes",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("return rover.server { " + options + " }")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", options, err, want)
		}
		s.vm.Close(t.Context())
	}
}

// body_size_limit bounds what the script reads of a request, where max_body does not bound it
// more. It is no limit of responses.
func TestBodySizeLimit(t *testing.T) {
	for options, want := range map[string]string{
		"body_size_limit = 16":     `413 {"error":"the request body is larger than 16 bytes"}`,
		"body_size_limit = 0":      "200 32",
		"body_size_limit = 32":     "200 32",
		"body_size_limit = 1024^3": "200 32",
	} {
		s := newServer(t, `
			local api = rover.server { `+options+` }
			function api.post(ctx) return #ctx:body():text() end
			function api.big.get(ctx) return #ctx:next():body():text() end
			return api`)
		body := strings.Repeat("x", 32)
		if got := answer(s.do("POST /", body)); got != want {
			t.Errorf("%s: got %s, want %s", options, got, want)
		}
		if got := answer(s.do("GET /big?"+body, "")); got != "200 42" {
			t.Errorf("%s, a response: got %s", options, got)
		}
	}
	s := newServer(t, `
		local api = rover.server { body_size_limit = 1000 }
		function api.post(ctx) return #ctx:body():text() end
		return api`, func(s *Script) { s.MaxBody = 16 })
	if got := answer(s.do("POST /", strings.Repeat("x", 32))); !strings.HasPrefix(got, "413 ") {
		t.Errorf("max_body is smaller: got %s", got)
	}
}

// What stands for an option says where that is described: pages that there are.
func TestServerOptionPages(t *testing.T) {
	named := 0
	for _, name := range api.ServerOptions.Names() {
		see, _, _ := api.IgnoredOption(name)
		for _, page := range regexp.MustCompile(`docs/[\w/-]+\.md`).FindAllString(see, -1) {
			named++
			if _, err := os.Stat("../" + page); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if named < 3 {
		t.Errorf("only %d pages", named)
	}
}
