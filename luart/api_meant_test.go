package luart

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestAssignedRule assigns to each name of a rule what somebody writes who wanted the rule. None may
// load: the place would be without it.
func TestAssignedRule(t *testing.T) {
	s := newServer(t, `local api = rover.server {} return api`)
	forms := map[string]string{ // with what the message calls the rule
		"api.%s = {}":                                  "api.%[1]s: %[1]s is a rule: call it, api.%[1]s { … }; for the path /%[1]s write api:at(\"/%[1]s\")",
		"api.%s = nil":                                 "api.%[1]s: %[1]s is a rule",
		"api.%s = true":                                "api.%[1]s: %[1]s is a rule",
		"api.%s = 'ip'":                                "api.%[1]s: %[1]s is a rule",
		"api.%s = rover":                               "api.%[1]s.", // a table with things in it
		"api.%s = api.x":                               "api.%[1]s: %[1]s is a rule",
		"api.%s = { 'ip' }":                            "api.%[1]s[\"1\"]: %[1]s is a rule: call it, api.%[1]s { … }",
		"api.%s = { rate = 3 }":                        "api.%[1]s.rate: %[1]s is a rule: call it, api.%[1]s { … }",
		"api.%s = { jwt = {} }":                        "api.%[1]s.jwt: %[1]s is a rule",
		"api.%s = { jwt = { secret = {} } }":           "api.%[1]s.jwt.secret: %[1]s is a rule",
		"api.%s = { key = print }":                     "api.%[1]s.key: %[1]s is a rule",
		"api.%s = { post = { body = {} } }":            "api.%[1]s.post: %[1]s is a rule",
		"api.%s = print":                               "api.%[1]s: %[1]s is a rule",
		"function api.%s(ctx) end":                     "api.%[1]s: %[1]s is a rule",
		"api.%s.jwt = {}":                              "api.%[1]s.jwt: %[1]s is a rule",
		"api.%s.rate = 3":                              "api.%[1]s.rate: %[1]s is a rule",
		"api.account.%s = {}":                          "api.account.%[1]s: %[1]s is a rule: call it, api.account.%[1]s { … }; for the path /account/%[1]s ",
		"api.account = { get = print, %s = {} }":       "api.account.%[1]s: %[1]s is a rule: call it, api.account.%[1]s { … }",
		"api['account']['%s'] = {}":                    "api.account.%[1]s: %[1]s is a rule",
		"local a = api.p_id\na.%s = {}":                "api.p_id.%[1]s: %[1]s is a rule",
		"api:at('/a/:b').%s = {}":                      "api.a.p_b.%[1]s: %[1]s is a rule",
		"api.w_rest.%s = {}":                           "api.w_rest.%[1]s: %[1]s is a rule: call it, api.w_rest.%[1]s { … }",
		"api.w_rest = { %s = {} }":                     "api.w_rest.%[1]s: %[1]s is a rule",
		"api.done = { %s = {} }":                       "api.done.%[1]s: %[1]s is a rule",
		"api.done.%s = {}":                             "api.done.%[1]s: %[1]s is a rule",
		"api.before.%s = {}":                           "api.before.%[1]s must be a function, not a table",
		"api.after = { %s = {} }":                      "api.after.%[1]s must be a function, not a table",
		"api.account.get.%s = {}":                      "api.account.get.%[1]s",
		"pcall(function() api.%s = {} end) error('x')": "x", // a script that goes on has been told
	}
	kinds := 0
	for kind := range s.gen.api.Rules {
		kinds++
		for form, want := range forms {
			if kind == "auth" && strings.Contains(form, "= rover") {
				want = "api.auth"
			}
			source := fmt.Sprintf("local api = rover.server {}\n"+form+"\nreturn api", kind)
			if strings.Contains(want, "%") {
				want = fmt.Sprintf(want, kind)
			}
			if err := s.load(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", source, err, want)
			} else if !strings.HasPrefix(err.Error(), "app.lua:2: ") && !strings.HasPrefix(err.Error(), "app.lua:3: ") {
				t.Errorf("%s: %v does not say where", source, err)
			}
		}
	}
	if kinds < 6 {
		t.Errorf("tried %d rules", kinds)
	}
}

// TestAssignedOption is TestAssignedRule for the options of rover.server.
func TestAssignedOption(t *testing.T) {
	s := newServer(t, `local api = rover.server {} return api`)
	for _, name := range []string{"security_headers", "rate_limit", "cors_origin", "body_size_limit", "management_token"} {
		for _, value := range []string{"{}", "true", "'x'", "5", "{ x = 5 }", "print"} {
			source := fmt.Sprintf("local api = rover.server {}\napi.%s = %s\nreturn api", name, value)
			want := fmt.Sprintf("%s is an option: rover.server { %[1]s = … }", name)
			if err := s.load(source); err == nil || !strings.Contains(err.Error(), "app.lua:2: api."+name) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", source, err, want)
			}
		}
	}
}

// TestMisspeltRule shows that an empty table which nothing follows is no rule with another name.
func TestMisspeltRule(t *testing.T) {
	s := newServer(t, `local api = rover.server {} return api`)
	for line, want := range map[string]string{
		"api.account.auht = {}":    `app.lua:2: api.account.auht has nothing but an empty table; did you mean auth? auth is a rule: call it, api.account.auth { … }; for`,
		"api.account.Auth = {}":    `did you mean auth?`,
		"api.x = { limits = {} }":  `app.lua:2: api.x.limits has nothing but an empty table; did you mean limit?`,
		"api.security_header = {}": `did you mean security_headers? security_headers is an option: rover.server { security_headers = … }`,
		// Others are places that come to nothing, and these have what a place has.
		"api.users = {}":                               "",
		"api.x.security_header = {}":                   "",
		"api.p_auht = {}":                              "",
		"api.auht = {}; function api.auht.get() end":   "",
		"api.auht = {}; function api.auht.x.get() end": "",
	} {
		err := s.load("local api = rover.server {}\n" + line + "\nreturn api")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
}

// TestCalledLikeRule shows what is said of a call that was meant for a rule.
func TestCalledLikeRule(t *testing.T) {
	s := newServer(t, `local api = rover.server {} return api`)
	for line, want := range map[string]string{
		`api.account.auht { jwt = ("k"):rep(32) }`: "app.lua:2: api.account.auht: there is no rule auht; did you mean api.account.auth { … }?",
		`api.limits { rate = 1, per = 1 }`:         "app.lua:2: api.limits: there is no rule limits; did you mean api.limit { … }?",
		`api.x.security_headers {}`:                "app.lua:2: api.x.security_headers: security_headers is an option, of all places: rover.server { security_headers = … }",
		`api.before.auth { jwt = ("k"):rep(32) }`:  "app.lua:2: api.before.auth: auth is a rule of a place, and no hook: call it, api.auth { … }",
		`api.x.after.cors { origin = "*" }`:        "app.lua:2: api.x.after.cors: cors is a rule of a place, and no hook: call it, api.x.cors { … }",
		`api.before.other()`:                       "app.lua:2: attempt to call a non-function object",
		`api.x.anything {}`:                        "app.lua:2: attempt to call a non-function object",
		`rover.guard:int()`:                        "rover.guard has no int",
	} {
		var serr *ScriptError
		err := s.load("local api = rover.server {}\n" + line + "\nreturn api")
		if errors.As(err, &serr) && serr.About() != nil {
			err = fmt.Errorf("%w (%s)", err, serr.About().Hint)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
}

// TestPlaceNamedAsRule shows that there are places of these names, all the same.
func TestPlaceNamedAsRule(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.auth.get() return "a" end
		api.limit = { get = function() return "b" end, deep = { get = function() return "c" end } }
		function api.cors.login.get() return "d" end
		api:at("/static/x").more = { get = function() return "e" end }
		api.expect.before = function(ctx) ctx:set_header("X", "1") end
		function api.expect.get(ctx) return "f" .. ctx:header("x") end
		api.doc.before = { x = function() end }
		api:at("/doc").sub = {}
		api.security_headers = { get = function() return "g" end }
		function api.before.auth() end
		api.health = {}
		function api.health.get() return "h" end
		return api`)
	for path, want := range map[string]string{
		"/auth": "a", "/limit": "b", "/limit/deep": "c", "/cors/login": "d", "/static/x/more": "e", "/expect": "f1",
		"/security_headers": "g", "/health": "h",
	} {
		s.expect("GET "+path, "200 "+want)
	}
}
