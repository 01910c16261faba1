package luart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/outbound"
)

// authScript makes tokens at /token, and asks for them below /private. %s is the options of require.
const authScript = `
local api = rover.server {}
local key = ("k"):rep(32)
function api.token.post(ctx) return rover.auth.create(ctx:body():json(), key) end
api.private.before.auth = rover.auth.require(api, key, { %s })
api.private.admin.before.role = rover.auth.allow_roles(api, { "admin", "root" }, { role_key = "realm.roles" })
function api.private.me.get(ctx) return ctx:get("auth").sub end
function api.private.admin.get() return "in" end
api.open.before.role = rover.auth.allow_roles(api, "admin")
return api`

func (s *server) token(claims string) string {
	s.t.Helper()
	w := s.do("POST /token", claims, "Content-Type: application/json")
	if w.Code != 200 {
		s.t.Fatalf("%s: %s", claims, answer(w))
	}
	return w.Body.String()
}

const far = `"exp":4102444800`

// Who gets through, and what the others are told.
func TestAuthRequire(t *testing.T) {
	s := newServer(t, fmt.Sprintf(authScript, ""))
	good := s.token(`{"sub":"ann",` + far + `}`)
	expired := s.token(`{"sub":"ann","exp":1}`)
	const invalid = `401 {"error":"Unauthorized: invalid or expired token"}`
	for _, row := range []struct{ about, header, want, challenge, reason string }{
		{"a good token", "Authorization: Bearer " + good, "200 ann", "", ""},
		{"the scheme in other letters", "Authorization: bEARER   " + good, "200 ann", "", ""},
		{"nothing", "X: y", `401 {"error":"Unauthorized: missing Authorization bearer token"}`, "Bearer", "no token"},
		{"another scheme", "Authorization: Basic " + good, `401 {"error":"Unauthorized: Authorization must use Bearer token"}`, "Bearer", "another scheme"},
		{"no scheme", "Authorization: " + good, `401 {"error":"Unauthorized: Authorization must use Bearer token"}`, "Bearer", "another scheme"},
		{"only the scheme", "Authorization: Bearer", invalid, `Bearer error="invalid_token"`, "no token: three parts with dots between them expected"},
		{"expired", "Authorization: Bearer " + expired, invalid, `Bearer error="invalid_token"`, "the token has expired"},
		{"two tokens", "Authorization: Bearer " + good + ", Bearer " + good, invalid, `Bearer error="invalid_token"`, "no token: three parts with dots between them expected"},
		{"changed", "Authorization: Bearer " + good[:len(good)-5] + "AAAAA", invalid, `Bearer error="invalid_token"`, "the signature is wrong"},
	} {
		delete(s.fields, "auth")
		w := s.do("GET /private/me", "", row.header)
		reason, _ := s.fields["auth"].(string)
		if answer(w) != row.want || w.Header().Get("WWW-Authenticate") != row.challenge || reason != row.reason {
			t.Errorf("%s: got %s, %q, %q", row.about, answer(w), w.Header().Get("WWW-Authenticate"), reason)
		}
	}
	w := s.do("GET /private/me", "", "Authorization: Bearer "+good, "Authorization: Bearer "+good)
	if answer(w) != `400 {"error":"more than one header Authorization"}` || w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_request"` {
		t.Errorf("two headers: %s", answer(w))
	}
	s.expect("GET /private/else", invalid, "Authorization: Bearer "+expired) // it covers what is passed on
	for _, e := range s.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), good[:40]) {
			t.Errorf("a token in the log: %v", e)
		}
	}
}

// Options of require change who gets through.
func TestAuthRequireOptions(t *testing.T) {
	s := newServer(t, fmt.Sprintf(authScript, `aud = { "shop", "pay" }, iss = "login", require = {}, claims_key = "auth", header = "x-token"`))
	s.expect("GET /private/me", "200 ann", "X-Token: Bearer "+s.token(`{"sub":"ann","aud":["x","pay"],"iss":"login"}`))
	for _, claims := range []string{
		`{"sub":"ann","aud":"pay"}`, `{"sub":"ann","aud":"x","iss":"login"}`, `{"sub":"ann","iss":"login"}`, `{"sub":"ann","aud":"pay","iss":"other"}`,
	} {
		s.expect("GET /private/me", `401 {"error":"Unauthorized: invalid or expired token"}`, "X-Token: Bearer "+s.token(claims))
	}
}

// A role is a text or one of a list.
func TestAuthRoles(t *testing.T) {
	s := newServer(t, fmt.Sprintf(authScript, ""))
	for claims, want := range map[string]string{
		`{"realm":{"roles":["staff","admin"]},` + far + `}`: "200 in",
		`{"realm":{"roles":"root"},` + far + `}`:            "200 in",
		`{"realm.roles":"admin",` + far + `}`:               "200 in",
		`{"realm":{"roles":["staff"]},` + far + `}`:         `403 {"error":"Forbidden: role 'staff' not allowed"}`,
		`{"realm":{"roles":["ad","min"]},` + far + `}`:      `403 {"error":"Forbidden: role 'ad' not allowed"}`,
		`{"realm":{"roles":{"admin":true}},` + far + `}`:    `403 {"error":"Forbidden: missing role claim"}`,
		`{"realm":{"roles":[1]},` + far + `}`:               `403 {"error":"Forbidden: missing role claim"}`,
		`{"realm":"admin",` + far + `}`:                     `403 {"error":"Forbidden: missing role claim"}`,
		`{"roles":"admin",` + far + `}`:                     `403 {"error":"Forbidden: missing role claim"}`,
	} {
		s.expect("GET /private/admin", want, "Authorization: Bearer "+s.token(claims))
	}
	s.expect("GET /open", `401 {"error":"Unauthorized: missing auth context"}`)
}

// What a token says of itself does not make it valid, and no token raises.
func TestAuthVerify(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local key = ("k"):rep(32)
		local function show(r) return tostring(r.valid) .. " " .. tostring(r.error) .. " " .. tostring(r.sub) end
		function api.get()
			local out = {}
			local token = rover.auth.create({ sub = "ann", valid = false, error = "x" }, key, { ttl = 60 })
			out[#out + 1] = show(rover.auth.verify(token, key))
			local forged = rover.auth.create({ sub = "ann", valid = true }, ("x"):rep(32), { ttl = 60 })
			out[#out + 1] = show(rover.auth.verify(forged, key))
			for _, bad in ipairs { 1, true, {}, print, "", ("."):rep(9000) } do
				local r = rover.auth.verify(bad, key)
				if r.valid ~= false or type(r.error) ~= "string" then out[#out + 1] = "bad: " .. tostring(bad) end
			end
			out[#out + 1] = show(rover.auth.verify(nil, key))
			out[#out + 1] = show(rover.auth.verify(rover.auth.create({ exp = 4102444800 }, key, "HS512"), key, "HS512"))
			return table.concat(out, "; ")
		end
		local function try(f, ...) local ok, err = pcall(f, ...) return ok and "fine" or err end
		function api.errors.get()
			local a = rover.auth
			return table.concat({
				try(a.verify, "x", ""), try(a.verify, "x", 1), try(a.verify, "x", key, "RS256"), try(a.verify, "x", key, { alg = "none" }),
				try(a.verify, "x", key, { leeway = 301 }), try(a.verify, "x", key, { aud = {} }), try(a.verify, "x", key, { require = { x = 1 } }),
				try(a.create, { 1, 2 }, key), try(a.create, { sub = 1 }, key), try(a.create, { exp = 1 }, key, { ttl = 1 }),
				try(a.secrets, { signing = { active = "b", keys = { a = key } } }), try(a.secrets, { signing = { active = "b", key = "x" } }),
				try(a.secrets, { signing = key }), try(a.jwks, "https://x"), try(a.require, key, key), try(a.require, api, key, { header = "a b" }),
				try(a.allow_roles, api, {}), try(a.active, key, "signing"), try(a.rotate, a.secrets(), "other", "a", "b"),
			}, "\n")
		end
		return api`)
	s.expect("GET /", "200 true nil ann; false the signature is wrong nil; false no token nil; true nil nil")
	got := s.do("GET /errors", "").Body.String()
	for i, want := range []string{
		"the key is empty", "a secret, a PEM key", "RS256 is no algorithm of this key", `"none" is no algorithm`,
		"seconds from 0 to 300", "a text or a list of texts", "a text or a list of texts",
		"claims by name expected", "the claim sub is no text", "the claims have exp already",
		`the active key "b" is not among`, "did you mean keys?",
		"a table expected", "`allow net`", "api, which rover.server returns", "the name of a header",
		"a role, or a list of roles", "key set expected", `"signing" or "encryption" expected`,
	} {
		lines := strings.Split(got, "\n")
		if i >= len(lines) || !strings.Contains(lines[i], want) || strings.Contains(lines[i], "kkkk") {
			t.Errorf("line %d has not %q:\n%s", i+1, want, got)
		}
	}
}

// Keys of a set sign with their name, and go on to check when another one signs.
func TestAuthSecrets(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local keys = rover.auth.secrets { signing = { active = "a", keys = { a = ("a"):rep(32) } }, encryption = { active = "e", keys = { e = ("x"):rep(32) } } }
		function api.get()
			local first = rover.auth.create({ sub = "ann" }, keys, { ttl = 60 })
			rover.auth.rotate(keys, "signing", "b", ("b"):rep(32))
			local second = rover.auth.create({ sub = "bob" }, keys, { ttl = 60 })
			local unnamed = rover.auth.create({ sub = "eve" }, ("a"):rep(32), { ttl = 60 })
			local wrong = rover.auth.create({ sub = "eve" }, ("a"):rep(32), { ttl = 60, kid = "b" })
			local out = { select(2, rover.auth.decode(first)).kid, select(2, rover.auth.decode(second)).kid, rover.auth.active(keys, "signing").id,
				rover.auth.active(keys, "encryption").key, tostring(rover.auth.active(rover.auth.secrets(), "signing")), tostring(keys) }
			for _, t in ipairs { first, second, unnamed, wrong } do
				local r = rover.auth.verify(t, keys)
				out[#out + 1] = r.sub or r.error
			end
			rover.auth.rotate(keys, "signing", "a", ("a"):rep(32)) -- for the second time that it is asked
			return table.concat(out, "; ")
		end
		return api`)
	s.expect("GET /", "200 a; b; b; xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; nil; key set; ann; bob; eve; the signature is wrong")
}

// A short secret is said once, and not what it is.
func TestAuthShortSecret(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	s := newServerIn(t, VMOptions{Logger: zap.New(core)}, `
		local api = rover.server {}
		api.before.auth = rover.auth.require(api, "hunter2")
		function api.get() return "x" end
		return api`)
	s.expect("GET /", `401 {"error":"Unauthorized: missing Authorization bearer token"}`)
	if logs.Len() != 1 || !strings.Contains(logs.All()[0].Message, "fewer than 32 bytes") ||
		strings.Contains(fmt.Sprint(logs.All()), "hunter2") || logs.All()[0].ContextMap()["at"] != "app.lua:3" {
		t.Errorf("logged: %v", logs.All())
	}
}

// login is a service that publishes keys.
type login struct {
	*httptest.Server
	asked atomic.Int32
	mu    sync.Mutex
	body  string
}

func newLogin(t *testing.T) *login {
	l := &login{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.asked.Add(1)
		l.mu.Lock()
		defer l.mu.Unlock()
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/jwks", http.StatusFound)
			return
		}
		if l.body == "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprint(w, l.body)
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *login) publish(body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = body
}

// Keys of a login service check tokens, also after a reload while it is down.
func TestAuthJWKS(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	jwk, err := jose.JSONWebKey{Key: private.Public(), KeyID: "k1"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	l := newLogin(t)
	script := fmt.Sprintf(`
		local api = rover.server {}
		local pem = [[%s]]
		function api.token.post(ctx) return rover.auth.create(ctx:body():json(), pem, { kid = ctx:query().kid }) end
		api.private.before.auth = rover.auth.require(api, rover.auth.jwks("%s/jwks"), { aud = "shop" })
		function api.private.get(ctx) return ctx:get("auth").sub end
		api.moved.before.auth = rover.auth.require(api, rover.auth.jwks("%[2]s/moved"), { aud = "shop" })
		api.ruled.auth { jwt = rover.auth.jwks("%[2]s/jwks"), aud = "shop" }
		function api.moved.get(ctx) return "no" end
		return api`, text, l.URL)
	net := func(s *Script) { s.Net = policyOf(t, "127.0.0.1") }
	s := newServer(t, script, net)
	tokenOf := func(kid string) string {
		w := s.do("POST /token?kid="+kid, `{"sub":"ann","aud":"shop",`+far+`}`, "Content-Type: application/json")
		if w.Code != 200 {
			t.Fatal(answer(w))
		}
		return "Authorization: Bearer " + w.Body.String()
	}
	good, unknown := tokenOf("k1"), tokenOf("k2")
	const invalid = `401 {"error":"Unauthorized: invalid or expired token"}`
	for _, hopeless := range []string{ // no key makes them good: nobody waits for keys
		hs256("k", `{"sub":"ann","aud":"shop",`+far+`}`), hs256("k", `{"sub":"ann","aud":"shop","exp":1}`),
		s.do("POST /token?kid=k1", `{"aud":"shop","exp":1}`, "Content-Type: application/json").Body.String(),
		s.do("POST /token?kid=k1", `{"aud":"pay",`+far+`}`, "Content-Type: application/json").Body.String(),
	} {
		s.expect("GET /private", invalid, "Authorization: Bearer "+hopeless)
		s.expect("GET /ruled", invalid, "Authorization: Bearer "+hopeless)
	}
	if l.asked.Load() != 0 {
		t.Error("the keys were asked for before a token came that they could check")
	}
	s.expect("GET /private", `503 {"error":"tokens cannot be checked now"}`, good)
	s.expect("GET /moved", `503 {"error":"tokens cannot be checked now"}`, good)
	if n := l.asked.Load(); n != 2 { // one for each address
		t.Errorf("asked %d times while it was down", n)
	}

	s = newServer(t, script, net)
	l.publish(`{"keys":[` + string(jwk) + `]}`)
	before := l.asked.Load()
	done := atOnce(20, func() string { return answer(s.do("GET /private", "", good)) })
	for _, got := range done {
		if got != "200 ann" {
			t.Errorf("got %s", got)
		}
	}
	s.expect("GET /private", invalid, unknown)
	if n := l.asked.Load() - before; n != 1 {
		t.Errorf("asked %d times", n)
	}
	l.publish("")
	if err := s.load(script, net); err != nil {
		t.Fatal(err)
	}
	s.expect("GET /private", "200 ann", good)
	if err := s.load(script, func(s *Script) { s.Net = policyOf(t, "example.com") }); err == nil || !strings.Contains(err.Error(), "is not in the rules") {
		t.Errorf("keys that it may not ask for: %v", err)
	}
	s.expect("GET /private", "200 ann", good) // the old one goes on
	if n := l.asked.Load() - before; n != 1 {
		t.Errorf("asked %d times in the end", n)
	}
}

// atOnce calls a function n times at once.
func atOnce(n int, f func() string) []string {
	out := make([]string, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { out[i] = f() })
	}
	group.Wait()
	return out
}

func policyOf(t testing.TB, rules ...string) *outbound.Policy {
	t.Helper()
	p, err := outbound.ParsePolicy(rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
