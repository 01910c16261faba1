package luart

import (
	"net/http"
	"strings"
	"testing"
)

// rate_limit is asked before any Lua runs, whoever answers: the first scoped limit that matches, and
// the global one.
func TestRateLimitTable(t *testing.T) {
	s := newServer(t, `
		local ran = 0
		local api = rover.server { rate_limit = {
			global = { requests_per_window = 6, window_secs = 3600 },
			scoped = {
				{ path_pattern = "/public/*", requests_per_window = 100, window_secs = 60, key_header = "X-Api-Key" },
				{ path_pattern = "/login", requests_per_window = 2, window_secs = 3600 },
				{ path_pattern = "/login/*", requests_per_window = 1, window_secs = 3600 },
			},
		} }
		function api.login.post() ran = ran + 1 return "in" end
		function api.ran.get() return ran end
		return api`)
	for i, c := range []struct{ request, want, limit, left string }{
		{"POST /login", "200 in", "2", "1"},
		{"POST /LOGIN", "200 POST /LOGIN ", "2", "0"},
		{"POST /public/..%2flogin", "429 ", "2", "0"}, // the stricter one holds, too
		{"POST /login", "429 ", "2", "0"},
		{"GET /login/x", "200 GET /login/x ", "1", "0"},
		{"GET /passed", "200 GET /passed ", "6", "2"},
		{"GET /public/a", "200 GET /public/a ", "6", "1"},
		{"GET /ran", "200 1", "6", "0"},
		{"GET /passed", "429 ", "6", "0"},
	} {
		w := s.do(c.request, "")
		if got := answer(w); !strings.HasPrefix(got, c.want) || w.Header().Get("Ratelimit-Limit") != c.limit || w.Header().Get("Ratelimit-Remaining") != c.left {
			t.Errorf("%d: %s: got %s %v, want %+v", i, c.request, got, w.Header(), c)
		}
	}
	counts := s.vm.LimitCounts()
	for _, name := range []string{"rate_limit", "rate_limit /login", "rate_limit /public/*"} {
		if counts[name] == nil {
			t.Errorf("there is no count of %q", name)
		}
	}
}

// A header that a limit counts by may be missing, or long: then the address counts, or a hash.
func TestRateLimitHeader(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { rate_limit = { global = { requests_per_window = 1, window_secs = 3600, key_header = "X-Api-Key" } } }
		return api`)
	long := strings.Repeat("k", 10_000)
	for i, c := range []struct {
		key  string
		want int
	}{{"", 200}, {"", 429}, {"a", 200}, {"a", 429}, {"b", 200}, {long, 200}, {long, 429}, {long + "x", 200}} {
		var headers []string
		if c.key != "" {
			headers = []string{"X-Api-Key: " + c.key}
		}
		if got := s.do("GET /", "", headers...).Code; got != c.want {
			t.Errorf("%d: %.10s: got %d", i, c.key, got)
		}
	}
}

func TestRateLimitForms(t *testing.T) {
	for options, want := range map[string]string{
		"true": "1000", "false": "", "{}": "1000", "{ enabled = false }": "", "{ global = false }": "",
		"{ global = { requests_per_window = 7 } }":                                       "7",
		"{ scoped = { { path_pattern = '/*', requests_per_window = 5 } } }":              "5",
		"{ scoped = { { path_pattern = '/x', requests_per_window = 5 } } }":              "1000",
		"{ scoped = { { path_pattern = '/', requests_per_window = 5 } }, global=false }": "5",
	} {
		s := newServer(t, "return rover.server { rate_limit = "+options+" }")
		if got := s.do("GET /", "").Header().Get("Ratelimit-Limit"); got != want {
			t.Errorf("%s: got %q, want %q", options, got, want)
		}
	}
	for options, want := range map[string]string{
		"1":                 "rover.server: rate_limit should be a boolean or table, not number",
		"{ enabled = 1 }":   "rate_limit.enabled should be a boolean, not number",
		"{ globl = {} }":    `rover.server: rate_limit: unknown option "globl": did you mean global?`,
		"{ global = true }": "rate_limit.global should be a table, not boolean",
		"{ global = { requests_per_window = 0 } }":     "rate_limit.global: option requests_per_window: an integer from 1 to 1e9 expected, got 0",
		"{ global = { requests_per_window = 1.5 } }":   "an integer from 1 to 1e9 expected, got 1.5",
		"{ global = { window_secs = '1m' } }":          "rate_limit.global: option window_secs: seconds, 0.001 to a year, expected, got 1m",
		"{ global = { key_header = 'a b' } }":          "rate_limit.global: option key_header: the name of a header expected, got a b",
		"{ global = { path_pattern = '/x' } }":         "rate_limit.global has no path_pattern: it is for all",
		"{ scoped = {} , scopd = 1 }":                  `unknown option "scopd"`,
		"{ scoped = { {} } }":                          "rate_limit.scoped: a limit has a path_pattern",
		"{ scoped = { { path_pattern = 'x' } } }":      "rate_limit.scoped: path_pattern x: a pattern begins with a slash",
		"{ scoped = { a = { path_pattern = '/x' } } }": "rate_limit.scoped should be a list: its order says which limit is the first",
		"{ scoped = 1 }":                               "rate_limit.scoped should be a list, not number",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("return rover.server { rate_limit = " + options + " }")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", options, err, want)
		}
		s.vm.Close(t.Context())
	}
}

// Security headers are on every answer that has none. What a script sets is kept if it is as safe, and
// what comes from others is kept.
func TestSecurityHeaders(t *testing.T) {
	app := func(options string) string {
		return `
		local api = rover.server { ` + options + ` }
		function api.lua.get() return "in" end
		function api.own.get() return api.text("in"):set_header("X-Frame-Options", "ALLOWALL"):set_header("Referrer-Policy", "no-referrer") end
		function api.fails.get() error("broken") end
		function api.looked.get(ctx) return ctx:next() end
		function api.changed.get(ctx) return (ctx:next():set_header("X-Frame-Options", "ALLOWALL")) end
		function api.body.get(ctx) local res = ctx:next() res:set_body("x") return res end
		return api`
	}
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Frame-Options", "ALLOW-FROM https://a.example")
		w.WriteHeader(http.StatusNotFound)
	})
	for _, c := range []struct{ options, path, frame, sniff, referrer string }{
		{"security_headers = true", "/lua", "DENY", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true", "/own", "DENY", "nosniff", "no-referrer"},
		{"security_headers = true", "/fails", "DENY", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true", "/passed", "ALLOW-FROM https://a.example", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true", "/looked", "ALLOW-FROM https://a.example", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true", "/body", "ALLOW-FROM https://a.example", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true", "/changed", "DENY", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = { ['x-frame-options'] = 'SAMEORIGIN' }", "/lua", "SAMEORIGIN", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = true, allow_insecure_security_header_overrides = true", "/own", "ALLOWALL", "nosniff", "no-referrer"},
		{"security_headers = { ['X-Frame-Options'] = false }, allow_insecure_security_header_overrides = true", "/lua", "", "nosniff", "strict-origin-when-cross-origin"},
		{"security_headers = false", "/lua", "", "", ""},
		{"", "/own", "ALLOWALL", "", "no-referrer"},
	} {
		s := newServer(t, app(c.options))
		s.next = next
		h := s.do("GET "+c.path, "").Header()
		got := [3]string{strings.Join(h["X-Frame-Options"], ", "), strings.Join(h["X-Content-Type-Options"], ", "), strings.Join(h["Referrer-Policy"], ", ")}
		if got != [3]string{c.frame, c.sniff, c.referrer} {
			t.Errorf("%s, %s: got %q", c.options, c.path, got)
		}
	}
	for options, want := range map[string]string{
		"security_headers = { ['X-Frame-Options'] = 'ALLOWALL' }":                                              `security_headers: X-Frame-Options: "ALLOWALL" is less safe than DENY: set allow_insecure_security_header_overrides = true if it is meant`,
		"security_headers = { ['X-Other'] = 'a' }":                                                             "is none of its headers",
		"security_headers = { ['X-Frame-Options'] = 1 }":                                                       "X-Frame-Options: a value or false expected, got 1",
		"security_headers = { ['X-Frame-Options'] = 'a\\n' }, allow_insecure_security_header_overrides = true": "X-Frame-Options: \"a\\n\" cannot stand in a header",
		"allow_insecure_security_header_overrides = 1":                                                         "allow_insecure_security_header_overrides should be a boolean, not number",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("return rover.server { " + options + " }")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", options, err, want)
		}
		s.vm.Close(t.Context())
	}
}
