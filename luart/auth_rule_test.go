package luart

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// ruled has a rule at each kind of place. Its tokens are those of /token: their claims are the body.
const ruled = `
local api = rover.server {}
local key = ("k"):rep(32)
function api.token.post(ctx) return rover.auth.create(ctx:body():json(), ctx:query().key and ctx:query().key:rep(32) or key) end
api.private.auth { jwt = key }
function api.private.me.get(ctx) return ctx:get("auth").sub end
api.private.admin.auth { roles = { "admin", "root" }, role_key = "realm.roles" }
function api.private.admin.get() return "in" end
api.private.data.auth { scopes = { "read", "list" } }
function api.private.data.get() return "data" end
api.private.data.write.auth { scopes = "write", scope_key = "perm" }
api.open.auth { jwt = key, optional = true }
function api.open.get(ctx) return (ctx:get("auth") or { sub = "nobody" }).sub end
api.open.inner.auth {}
function api.open.inner.get(ctx) return ctx:get("auth").sub end
api.two.auth { jwt = key, claims_key = "user" }
api.two.auth { jwt = ("s"):rep(32), claims_key = "service", header = "x-service" }
function api.two.get(ctx) return ctx:get("user").sub .. " by " .. ctx:get("service").sub end
api.over.auth { jwt = key }
api.over.auth { jwt = ("s"):rep(32), header = "X-Service" }
function api.over.get(ctx) return ctx:get("auth").sub end
return api`

func (s *server) tokenOf(key, claims string) string {
	s.t.Helper()
	w := s.do("POST /token?key="+key, claims, "Content-Type: application/json")
	if w.Code != 200 {
		s.t.Fatalf("%s: %s", claims, answer(w))
	}
	return w.Body.String()
}

const (
	withoutToken = `401 {"error":"Unauthorized: missing Authorization bearer token"}`
	badToken     = `401 {"error":"Unauthorized: invalid or expired token"}`
)

// Who gets through, and what the others are told: as by rover.auth.require, without a turn of the VM.
func TestAuthRule(t *testing.T) {
	s := newServer(t, ruled)
	ann := "Authorization: Bearer " + s.token(`{"sub":"ann",`+far+`}`)
	expired := "Authorization: Bearer " + s.token(`{"sub":"ann","exp":1}`)
	const wrongScheme = `401 {"error":"Unauthorized: Authorization must use Bearer token"}`
	for _, row := range []struct{ request, header, want, challenge, reason string }{
		{"GET /private/me", ann, "200 ann", "", ""},
		{"GET /private/me", "Authorization: bEARER   " + strings.TrimPrefix(ann, "Authorization: Bearer "), "200 ann", "", ""},
		{"POST /private/passed/on?x=1", ann, "200 POST /private/passed/on?x=1 ", "", ""},
		{"GET /private/me", "X: y", withoutToken, "Bearer", "no token"},
		{"GET /private/me", "Authorization: ", withoutToken, "Bearer", "no token"},
		{"GET /private/me", "Authorization: Basic YTpi", wrongScheme, "Bearer", "another scheme"},
		{"GET /private/me", "Authorization: Bearer", badToken, `Bearer error="invalid_token"`, "no token: three parts with dots between them expected"},
		{"GET /private/me", expired, badToken, `Bearer error="invalid_token"`, "the token has expired"},
		{"GET /private/me", ann[:len(ann)-5] + "AAAAA", badToken, `Bearer error="invalid_token"`, "the signature is wrong"},
		{"GET /private/me", "Authorization: Bearer " + s.tokenOf("x", `{"sub":"ann",`+far+`}`), badToken, `Bearer error="invalid_token"`, "the signature is wrong"},
		{"GET /private/me", "Authorization: Bearer x." + strings.Repeat("x", 9000) + ".x", badToken, `Bearer error="invalid_token"`, "the token has more than 8192 bytes"},
		{"GET /private/me?access_token=" + ann[22:], "X: y", withoutToken, "Bearer", "no token"},
		{"GET /open", "X: y", "200 nobody", "", ""},
		{"GET /open", ann, "200 ann", "", ""},
		{"GET /open", expired, badToken, `Bearer error="invalid_token"`, "the token has expired"},
		{"GET /open", "Authorization: Basic YTpi", wrongScheme, "Bearer", "another scheme"},
		{"GET /open/inner", ann, "200 ann", "", ""},
		{"GET /open/inner", "X: y", withoutToken, "Bearer", "no token"},
	} {
		delete(s.fields, "auth")
		w := s.do(row.request, "", row.header)
		reason, _ := s.fields["auth"].(string)
		if answer(w) != row.want || w.Header().Get("WWW-Authenticate") != row.challenge || reason != row.reason {
			t.Errorf("%s %s: got %s, %q, %q", row.request, row.header, answer(w), w.Header().Get("WWW-Authenticate"), reason)
		}
	}
	w := s.do("GET /private/me", "", ann, ann)
	if answer(w) != `400 {"error":"more than one header Authorization"}` || w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_request"` {
		t.Errorf("two headers: %s", answer(w))
	}
	for name, want := range map[string]string{"/private": "3 10", "/open": "4 2", "/open/inner": "1 1"} {
		c := s.vm.RuleCounts()[RuleID{"auth", name}]
		if got := fmt.Sprint(c.Allowed.Load(), " ", c.Denied.Load()); got != want {
			t.Errorf("%s was counted %s, not %s", name, got, want)
		}
	}
	for _, e := range s.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), ann[30:60]) {
			t.Errorf("a token in the log: %v", e)
		}
	}
}

// Who is not let through, and who is passed on, needs no VM: here somebody else holds it.
func TestAuthRuleNeedsNoVM(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.auth { jwt = ("k"):rep(32), scopes = "read" }
		api.limit { rate = 10, key = "jwt:sub" }
		return api`)
	s.held(func() {
		s.expect("GET /x", withoutToken)
		s.expect("GET /x", "200 GET /x ", "Authorization: Bearer "+hs256("k", `{"sub":"ann","scope":"read",`+far+`}`))
	})
}

// Every reading of a path that a server behind may have is covered, and every method.
func TestAuthRuleReadings(t *testing.T) {
	s := newServer(t, ruled)
	for _, path := range []string{
		"/private", "/PRIVATE/me", "//private/me", "/private%2Fme", "/%70rivate/me", "/x/../private/me", "/x/%2e%2e/private/me",
		"/private;v=1/me", `/x\..\private\me`, "/private./me", "/private%00/me", "/./private/me", "/x/..%2fprivate", "/private%252Fme",
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "POST", "TRACE", "PROPFIND"} {
			w := s.do(method+" "+path, "")
			if w.Code != 401 && w.Code != 400 || w.Header().Get("X-Next") != "" {
				t.Errorf("%s %s: %s", method, path, answer(w))
			}
		}
	}
	for _, path := range []string{"/privat", "/privates", "/x/private"} {
		if w := s.do("GET "+path, ""); w.Code != 200 {
			t.Errorf("%s is covered: %s", path, answer(w))
		}
	}
}

// Several rules must all let a request through; the innermost one says what ctx:get has.
func TestAuthRuleSeveral(t *testing.T) {
	s := newServer(t, ruled)
	user := "Authorization: Bearer " + s.token(`{"sub":"ann",`+far+`}`)
	service := "X-Service: Bearer " + s.tokenOf("s", `{"sub":"shop",`+far+`}`)
	s.expect("GET /two", "200 ann by shop", user, service)
	s.expect("GET /over", "200 shop", user, service)
	for _, path := range []string{"/two", "/over"} {
		s.expect("GET "+path, withoutToken, user)
		s.expect("GET "+path, withoutToken, service)
		s.expect("GET "+path, badToken, user, "X-Service: Bearer "+s.token(`{"sub":"ann",`+far+`}`))
	}
}

// Roles and scopes are those of the token that a rule further out has checked, or its own.
func TestAuthRuleRolesAndScopes(t *testing.T) {
	s := newServer(t, ruled)
	const noScope = `403 {"error":"Forbidden: missing scope '%s'"} Bearer error="insufficient_scope", scope="%s"`
	for _, row := range []struct{ path, claims, want string }{
		{"admin", `"realm":{"roles":["staff","admin"]}`, "200 in "},
		{"admin", `"realm":{"roles":"root"}`, "200 in "},
		{"admin", `"realm.roles":"admin"`, "200 in "},
		{"admin", `"realm":{"roles":["sta\"ff"]}`, `403 {"error":"Forbidden: role 'sta\"ff' not allowed"} `},
		{"admin", `"realm":{"roles":["ad","min"]}`, `403 {"error":"Forbidden: role 'ad' not allowed"} `},
		{"admin", `"realm":{"roles":{"admin":true}}`, `403 {"error":"Forbidden: missing role claim"} `},
		{"admin", `"realm":{"roles":[]}`, `403 {"error":"Forbidden: missing role claim"} `},
		{"admin", `"realm":{"roles":["admin",1]}`, `403 {"error":"Forbidden: missing role claim"} `},
		{"admin", `"realm":{"roles":null}`, `403 {"error":"Forbidden: missing role claim"} `},
		{"admin", `"realm":"admin"`, `403 {"error":"Forbidden: missing role claim"} `},
		{"admin", `"role":"admin"`, `403 {"error":"Forbidden: missing role claim"} `},
		{"data", `"scope":"list x read"`, "200 data "},
		{"data", `"scope":["read","list"]`, "200 data "},
		{"data", `"scp":"read list"`, "200 data "},
		{"data", `"scope":"read","scp":"read list"`, fmt.Sprintf(noScope, "list", "read list")}, // the first one counts
		{"data", `"scope":"read, list"`, fmt.Sprintf(noScope, "read", "read list")},
		{"data", `"scope":["read list"]`, fmt.Sprintf(noScope, "read", "read list")},
		{"data", `"scope":{"read":1,"list":1}`, fmt.Sprintf(noScope, "read", "read list")},
		{"data", `"sub":"ann"`, fmt.Sprintf(noScope, "read", "read list")},
		{"data/write", `"scope":"read list write"`, fmt.Sprintf(noScope, "write", "write")},
		{"data/write", `"perm":"write"`, fmt.Sprintf(noScope, "read", "read list")},
		{"data/write", `"scope":"read list","perm":"write"`, "200 GET /private/data/write  "},
	} {
		w := s.do("GET /private/"+row.path, "", "Authorization: Bearer "+s.token("{"+row.claims+","+far+"}"))
		if got := answer(w) + " " + w.Header().Get("WWW-Authenticate"); got != row.want {
			t.Errorf("%s at %s: %s, want %s", row.claims, row.path, got, row.want)
		}
	}
	s.expect("GET /private/admin", withoutToken)
}

// What a rule knows is made a value when the script asks, one for all; what the script sets takes its place.
func TestAuthRuleClaims(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local seen = {}
		api.auth { jwt = ("k"):rep(32) }
		function api.same.get(ctx)
			local a = ctx:get("auth")
			a.added = "x"
			return tostring(rawequal(a, ctx:get("auth"))) .. " " .. ctx:get("auth").added .. " " .. a.list[2] .. " " .. tostring(ctx:get("other"))
		end
		function api.set.get(ctx) ctx:set("auth", "mine") return ctx:get("auth") end
		function api.gone.get(ctx) ctx:set("auth", nil) return tostring(ctx:get("auth")) end
		function api.done.get() return table.concat(seen) end
		api.passed.done.see = function(ctx) seen[#seen + 1] = ctx:get("auth").sub end
		api.scoped.before.scope = rover.auth.allow_scopes(api, { "read", "list" })
		api.ruled.auth { roles = "write", role_key = "perms.of" }
		api.own.before.scope = rover.auth.allow_scopes(api, "write", { scope_key = "perms.of" })
		return api`)
	ann := "Authorization: Bearer " + hs256("k", `{"sub":"ann","list":[1,2],"scope":"list read",`+far+`}`)
	bob := "Authorization: Bearer " + hs256("k", `{"sub":"bob","perms":{"of":["write"]},`+far+`}`)
	s.expect("GET /same", "200 true x 2 nil", ann)
	s.expect("GET /set", "200 mine", ann)
	s.expect("GET /gone", "200 nil", ann)
	s.expectOnceWith("GET /passed", "200 GET /passed ", ann)
	s.expectNoDone()
	s.expect("GET /done", "200 ann", bob)
	s.expect("GET /scoped", "200 GET /scoped ", ann)
	// Both names of one claim: which one counts?
	for _, claims := range []string{`"perms":{"of":["write"]},"perms.of":["write"]`, `"perms":{"of":["write"]},"perms.of":"none"`} {
		both := "Authorization: Bearer " + hs256("k", `{`+claims+`,`+far+`}`)
		s.expect("GET /own", `403 {"error":"Forbidden: missing scope 'write'"}`, both)
		s.expect("GET /ruled", `403 {"error":"Forbidden: missing role claim"}`, both)
	}
	s.expect("GET /ruled", "200 GET /ruled ", bob)
	s.expect("GET /ruled", "200 GET /ruled ", "Authorization: Bearer "+hs256("k", `{"perms.of":["write"],`+far+`}`))
	// Who would be somebody else in a header gets nowhere.
	for _, sub := range []string{" root", "root ", `\troot`, `root\u0000`, `ro\not`, `root\u007f`, " "} {
		s.expect("GET /gone", badToken, "Authorization: Bearer "+hs256("k", `{"sub":"`+sub+`",`+far+`}`))
	}
	s.expect("GET /gone", "200 nil", "Authorization: Bearer "+hs256("k", `{"sub":"J\u00f6rg the root",`+far+`}`))
	s.expect("GET /scoped", `403 {"error":"Forbidden: missing scope 'read'"}`, bob)
	s.expect("GET /own", "200 GET /own ", bob)
	s.expect("GET /own", `403 {"error":"Forbidden: missing scope 'write'"}`, ann)
	if got := s.do("GET /own", "", ann).Header().Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope", scope="write"` {
		t.Error(got)
	}
}

func (s *server) expectOnceWith(request, want, header string) {
	s.t.Helper()
	if got := answer(s.do(request, "", header)); got != want {
		s.t.Errorf("%s: got %q, want %q", request, got, want)
	}
}

// A request that a script rewrites to a place with a rule is asked there.
func TestAuthRuleOfRewritten(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local log = {}
		api.before.first = function(ctx)
			if ctx.path:find("^/go") then ctx:rewrite("/private" .. ctx.path:sub(4)) end
			if ctx.path:find("^/pre/") then ctx:strip_prefix("/pre") end
		end
		api.before.later = function(ctx) ctx:set_header("X-Later", tostring(ctx:get("auth") and ctx:get("auth").sub)) end
		api.go.auth { jwt = ("o"):rep(32), header = "X-Outer", optional = true }
		api.private.auth { jwt = ("k"):rep(32) }
		api.private.admin.auth { roles = "admin" }
		return api`)
	var later string
	next := s.next
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { later = r.Header.Get("X-Later"); next.ServeHTTP(w, r) })
	ann := "Authorization: Bearer " + hs256("k", `{"sub":"ann",`+far+`}`)
	root := "Authorization: Bearer " + hs256("k", `{"sub":"root","role":"admin",`+far+`}`)
	outer := "X-Outer: Bearer " + hs256("o", `{"sub":"outer",`+far+`}`)
	for _, path := range []string{"/go/x", "/pre/private/x", "/go/admin"} {
		later = ""
		s.expect("GET "+path, withoutToken)
		s.expect("GET "+path, withoutToken, outer)
		s.expect("GET "+path, badToken, ann+"x")
		if later != "" {
			t.Errorf("%s: a later hook has run", path)
		}
	}
	s.expect("GET /go/x", "200 GET /private/x ", ann, outer)
	if later != "ann" {
		t.Errorf("a later hook knows %q", later)
	}
	s.expect("GET /go/admin", `403 {"error":"Forbidden: missing role claim"}`, ann)
	s.expect("GET /go/admin", "200 GET /private/admin ", root)
	if got := s.fields["auth"]; got != "no role" {
		t.Errorf("the log says %v", got)
	}
	if got := s.do("GET /go/x", "").Header().Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

// A request in a route for errors is asked again, but not counted again.
func TestAuthRuleInErrorRoute(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.limit { rate = 1, per = 3600 }
		api.auth { jwt = ("k"):rep(32) }
		return api`)
	asked := new(Asked)
	admit := func(answersFor int, header string) error {
		x := s.gen.Begin(nil, requestTo("/x"), s, s.next)
		defer x.End()
		x.AnswersFor(answersFor)
		if header != "" {
			x.r.Header.Set("Authorization", header)
		}
		_, err := x.Admit(http.Header{}, nil, asked)
		return err
	}
	ann := "Bearer " + hs256("k", `{"sub":"ann",`+far+`}`)
	if err := admit(0, ann); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := admit(502, ann); err != nil {
			t.Error(err)
		}
	}
	if err := admit(502, ""); err == nil || err.Error() != "Unauthorized: missing Authorization bearer token" {
		t.Error(err)
	}
	if err := admit(0, ann); err == nil {
		t.Error("another request is let in, beyond the limit")
	}
}

// Limits without a token come first, then the rule, then limits by a claim.
func TestLimitByClaim(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.sub.limit { rate = 2, per = 3600, key = "jwt:sub" }
		api.sub.auth { jwt = ("k"):rep(32) }
		api.sub.below.limit { rate = 1, per = 3600, key = "jwt:realm.tenant" }
		api.maybe.auth { jwt = ("k"):rep(32), optional = true }
		api.maybe.limit { rate = 1, per = 3600, key = "jwt:sub" }
		api.first.auth { jwt = ("k"):rep(32) }
		api.first.limit { rate = 2, per = 3600 }
		api.busy.auth { jwt = ("k"):rep(32) }
		api.busy.concurrency { max = 1, key = "jwt:sub" }
		return api`)
	of := func(claims string) string { return "Authorization: Bearer " + hs256("k", "{"+claims+","+far+"}") }
	ann, bob, forged := of(`"sub":"ann"`), of(`"sub":"bob"`), "Authorization: Bearer "+hs256("x", `{"sub":"ann",`+far+`}`)
	for _, c := range []struct {
		n             int
		request, with string
		want          string
	}{
		{3, "GET /sub", ann, "200 200 429"},
		{3, "GET /sub/x", forged, "401 401 401"}, // and it takes nothing from ann
		{3, "GET /sub", bob, "200 200 429"},
		{3, "GET /sub", of(`"x":1`), "200 200 429"},                // by the address
		{3, "GET /sub", of(`"sub":"ip:192.0.2.1"`), "200 200 429"}, // which nobody can be called
		{2, "GET /sub/below", of(`"sub":"c","realm":{"tenant":7}`), "200 429"},
		{1, "GET /sub/below", of(`"sub":"d","realm":{"tenant":"7"}`), "429"},
		{1, "GET /sub/below", of(`"sub":"e","realm":{"tenant":{"a":1}}`), "200"}, // no text: the address
		{1, "GET /sub/below", of(`"sub":"f","realm":7`), "429"},
		{2, "GET /maybe", "X: y", "200 429"},
		{2, "GET /maybe", ann, "200 429"},
		{4, "GET /first", forged, "401 401 429 429"},
		{1, "GET /first", ann, "429"},
	} {
		if got := s.statuses(c.n, c.request, c.with); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.request, c.with, got, c.want)
		}
	}
	leave, err := s.takePlaces(t, "/busy", ann)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if got := s.statuses(1, "GET /busy", ann) + " " + s.statuses(1, "GET /busy", bob); got != "503 200" {
		t.Errorf("concurrency by claim: %s", got)
	}
}

// hs256 is a token, signed with a secret of 32 of these.
func hs256(secret, claims string) string {
	return signedBy([]byte(strings.Repeat(secret, 32)), `{"alg":"HS256"}`, claims)
}

// A script whose rules nobody could have meant is not loaded.
func TestAuthRuleMistakes(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for code, want := range map[string]string{
		`api.a.auth { jwt = 1 }`:                                                               "option 'jwt': a secret, a PEM key, or what rover.auth.secrets or rover.auth.jwks returns expected, got 1",
		`api.a.auth { jwt = "" }`:                                                              "option 'jwt': the key is empty",
		`api.a.auth { jwt = rover.auth.secrets() }`:                                            "option 'jwt': the key set has no keys for signing",
		`api.a.auth { jwt = key, alg = "RS256" }`:                                              "option 'alg': RS256 is no algorithm of this key",
		`api.a.auth { jwt = key, alg = "none" }`:                                               `option 'alg': "none" is no algorithm`,
		`api.a.auth { jwt = key, keys = 1 }`:                                                   `unknown option "keys": there are jwt, alg`,
		`api.a.auth { jwt = key, roles = {} }`:                                                 "option 'roles': a role, or a list of roles expected",
		`api.a.auth { jwt = key, roles = { admin = true } }`:                                   "option 'roles': a role, or a list of roles expected",
		`api.a.auth { jwt = key, scopes = "a b" }`:                                             "a scope is a text of 1 to 128 visible characters of ASCII",
		`api.a.auth { jwt = key, scopes = 'a"' }`:                                              "a scope is a text of 1 to 128 visible characters of ASCII",
		`api.a.auth { jwt = key, optional = 1 }`:                                               "option 'optional': a boolean expected",
		`api.a.auth { jwt = key, optional = true, roles = "a" }`:                               "option 'roles' needs a token, and with optional there may be none",
		`api.a.auth { jwt = key, header = "a b" }`:                                             "option 'header': the name of a header expected",
		`api.a.auth { aud = "x" }`:                                                             "option 'aud' is about a token, and jwt does not say what checks it",
		`api.a.auth { optional = true }`:                                                       "option 'optional' is about a token, and jwt does not say what checks it",
		`api.a.auth(key)`:                                                                      "bad argument #1 to auth",
		`api.a.auth {}`:                                                                        "app.lua:3: auth has no key of its own, and no auth with a key before it covers /a",
		`api.a.auth { roles = "x" } api.auth { jwt = key, claims_key = "user" }`:               "no auth with a key before it covers /a",
		`api.a.b.auth { jwt = key } api.a.auth { roles = "x" }`:                                "no auth with a key before it covers /a",
		`api.p_x.auth { jwt = key } api.a.auth { roles = "x" }`:                                "no auth with a key before it covers /a",
		`api.a.auth { roles = "x" } api.a.auth { jwt = key }`:                                  "no auth with a key before it covers /a",
		`api.a.limit { rate = 1, key = "jwt:sub" }`:                                            `app.lua:3: limit: option 'key' is "jwt:sub", but no auth covers /a`,
		`api.a.concurrency { max = 1, key = "jwt:sub" }`:                                       `concurrency: option 'key' is "jwt:sub", but no auth covers /a`,
		`api.a.b.auth { jwt = key } api.a.limit { rate = 1, key = "jwt:sub" }`:                 "but no auth covers /a",
		`api.a.auth { jwt = key, claims_key = "p" } api.a.limit { rate = 1, key = "jwt:sub" }`: "but no auth covers /a",
		`api.a.limit { rate = 1, key = "jwt:" }`:                                               `"jwt:<claim>" or a function expected`,
		`api.a.auth { jwt = "short" }`:                                                         "option 'jwt': a secret of 5 bytes can be guessed from one token",
		`api.a.auth { jwt = rover.auth.secrets { signing = { active = "a", keys = { a = "short", b = key } } } }`:      "a secret of 5 bytes can be guessed",
		`api.a.auth { jwt = "https://login.example.org/jwks.json" }`:                                                   "rover.auth.jwks(url)",
		`api.a.auth { jwt = "MCowBQYDK2VwAyEAqoLRR+Q/u32PJDguJkz70QMGVFlRo7I6MJMyjPx809I=" }`:                          "-----BEGIN PUBLIC KEY-----",
		`rover.auth.create({}, "/etc/keys/signing.pem")`:                                                               "bad argument #2 to create (the name of a file",
		`rover.auth.require(api, "keys/signing.pem")`:                                                                  "bad argument #2 to require (the name of a file",
		`rover.auth.verify("", "{env.KEY}")`:                                                                           "bad argument #2 to verify (a placeholder",
		`rover.auth.secrets { encryption = { active = "a", keys = { a = "https://login.example.org/a/long/path" } } }`: `key "a": a URL is no secret`,
		`rover.crypto.seal("/run/secrets/a_long_name_of_a_file_with_a_key", "x")`:                                      "key 1: the name of a file is no secret",
		`api.a.auth { jwt = key, require = "exp sub" }`:                                                                "is no name of one claim: several are a list",
		`api.a.auth { jwt = key, header = "host" }`:                                                                    "option 'header': Host has something else than a token",
		`api.a.auth { jwt = key, header = "connection" }`:                                                              "option 'header': Connection has something else than a token",
		`api.a.auth { jwt = key, header = "Cookie" }`:                                                                  "option 'header': Cookie has something else than a token",
		`api.a.auth { jwt = key, roles = "a", role_key = "a..b" }`:                                                     `option 'role_key': "a..b" has a name that is empty`,
		`api.a.auth { jwt = key, scopes = "a", scope_key = ".a" }`:                                                     `option 'scope_key': ".a" has a name that is empty`,
		`rover.auth.allow_roles(api, "a", { role_key = "a." })`:                                                        `option 'role_key': "a." has a name that is empty`,
		`api.a.auth { jwt = key } api.a.limit { rate = 1, key = "jwt:a..b" }`:                                          `"jwt:<claim>" or a function expected`,
		`function api.get() api.auth { jwt = key } end api.on_start = function() api.auth { jwt = key } end`:           "",
	} {
		err := s.load("local api = rover.server {}\nlocal key = ('k'):rep(32)\n" + code + "\nreturn api")
		if want == "" && err == nil {
			if got := answer(s.do("GET /", "")); !strings.HasPrefix(got, "500 ") {
				t.Errorf("%s: %s", code, got)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "kkkk") {
			t.Errorf("%s: %v, want %s", code, err, want)
		}
	}
	for _, code := range []string{
		`api.a.auth { roles = "x" } api.auth { jwt = key }`, `api.a.b.limit { rate = 1, key = "jwt:sub" } api.a.auth { jwt = key }`,
		`api.p_x.auth { jwt = key } api.p_x.a.auth { roles = "x" }`, `api.w_x.auth { jwt = key }`, `function api.auth.get() return "a segment" end`,
	} {
		if err := s.load("local api = rover.server {}\nlocal key = ('k'):rep(32)\n" + code + "\nreturn api"); err != nil {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// signedBy is a token with any header, signed by HMAC.
func signedBy(secret []byte, header, claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(text))
	return text + "." + b64(h.Sum(nil))
}
