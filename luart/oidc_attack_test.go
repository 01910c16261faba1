package luart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-rover/rover/luart/oidc/oidctest"
)

// A login leads back to paths of the site only, whatever a client asks for.
func TestOIDCBack(t *testing.T) {
	s := newSite(t, VMOptions{}, "optional = true")
	for _, to := range []string{
		"//evil.com", "/%2Fevil.com", "/%5Cevil.com", "/%255Cevil.com", "https:evil.com", "https://evil.com", "javascript:alert(1)", "evil", "",
		"/%09/evil.com", "/..//evil.com", "/back?x", "/back", `/\evil.com`, "/%0d%0aX: y",
	} {
		b := s.browser()
		at, _ := b.page("/start?to=" + url.QueryEscape(to))
		if got, _ := b.page(s.back(at)); got.String() != "https://example.com/" {
			t.Errorf("%q leads to %s", to, got)
		}
	}
	b := s.browser()
	at, _ := b.page("/start?to=" + url.QueryEscape("/a/b?c=//d"))
	if got, _ := b.page(s.back(at)); got.String() != "https://example.com/a/b?c=//d" {
		t.Errorf("it leads to %s", got)
	}
	// Another host is led to the one of the provider's way back.
	if got, _ := s.browser().page("http://evil.com/start?to=/a"); got.String() != "https://example.com/a" {
		t.Errorf("a login at another host leads to %s", got)
	}
}

// What comes back and is not what was begun by this browser logs nobody in.
func TestOIDCCallbackAttacks(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	const expired = `400 {"error":"this login has expired, or was begun in another browser: open the page again"}`
	const failed = `400 {"error":"the login has failed: open the page again"}`
	change := func(name string, values ...string) func(path string) string {
		return func(path string) string {
			u, _ := url.Parse(path)
			q := u.Query()
			if q.Del(name); values != nil {
				q[name] = values
			}
			u.RawQuery = q.Encode()
			return u.String()
		}
	}
	for about, row := range map[string]struct {
		change func(string) string
		jar    func(b, other *browser)
		want   string
	}{
		"no state":                    {change("state"), nil, expired},
		"another state":               {change("state", strings.Repeat("A", 43)), nil, expired},
		"two states":                  {change("state", "a", "b"), nil, expired},
		"a long state":                {change("state", strings.Repeat("A", 5000)), nil, expired},
		"no code":                     {change("code"), nil, failed},
		"two codes":                   {change("code", "a", "b"), nil, failed},
		"another code":                {change("code", "code-999"), nil, failed},
		"a long code":                 {change("code", strings.Repeat("A", 5000)), nil, failed},
		"another provider":            {change("iss", "https://evil.com"), nil, failed},
		"two providers":               {change("iss", "https://evil.com", s.p.Issuer), nil, failed},
		"another browser":             {nil, func(b, _ *browser) { clear(b.cookies) }, expired},
		"the cookie of another login": {nil, func(b, other *browser) { rename(b, other) }, expired},
		"a cookie made up": {nil, func(b, _ *browser) {
			for name := range b.cookies {
				b.cookies[name] = "AQ" + b.cookies[name][2:40]
			}
		}, expired},
	} {
		b, other := s.browser(), s.browser()
		to, _ := b.page("/a")
		_, _ = other.page("/a")
		path := s.back(to)
		if row.change != nil {
			path = row.change(path)
		}
		if row.jar != nil {
			row.jar(b, other)
		}
		_, w := b.page(path)
		if answer(w) != row.want || b.cookies["__Host-rover_login"] != "" || w.Header().Get("Location") != "" {
			t.Errorf("%s: %s, %v", about, answer(w), s.fields["auth"])
		}
	}
	b := s.browser()
	to, _ := b.page("/a")
	path, jar := s.back(to), maps.Clone(b.cookies)
	if _, w := b.page(path); w.Code != http.StatusFound {
		t.Fatal(answer(w))
	}
	s.p.Do(func(k *oidctest.Knobs) { k.ReuseCode = true })
	b.cookies = jar
	if _, w := b.page(path); answer(w) != expired {
		t.Errorf("a second time: %s", answer(w))
	}
}

// rename gives b the value of the cookie of another browser's attempt.
func rename(b, other *browser) {
	for name := range b.cookies {
		for _, value := range other.cookies {
			b.cookies[name] = value
		}
	}
}

// What a provider says on the way back is never shown, and has a status that fits.
func TestOIDCDenied(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	for code, want := range map[string]string{
		"access_denied":             `403 {"error":"the login was refused"}`,
		"temporarily_unavailable":   `503 {"error":"logins are not available now"}`,
		"<script>alert(1)</script>": `400 {"error":"the login has failed: open the page again"}`,
	} {
		s.p.Do(func(k *oidctest.Knobs) { k.Denies = url.Values{"error": {code}, "error_description": {"<script>\r\n"}} })
		b := s.browser()
		to, _ := b.page("/a")
		if _, w := b.page(s.back(to)); answer(w) != want || len(b.cookies) != 0 {
			t.Errorf("%s: %s, %v", code, answer(w), b.cookies)
		}
	}
}

// No ID token logs anybody in that is not the provider's own, for this login.
func TestOIDCTokens(t *testing.T) {
	s := newSite(t, VMOptions{}, "userinfo = true")
	evil, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(*oidctest.Knobs) {
		return func(k *oidctest.Knobs) {
			k.Claims = func(c jwt.MapClaims) {
				if c[name] = value; value == nil {
					delete(c, name)
				}
			}
		}
	}
	sign := func(f func(c jwt.MapClaims) string) func(*oidctest.Knobs) {
		return func(k *oidctest.Knobs) { k.Sign = f }
	}
	fail := func(path string, f func(w http.ResponseWriter, r *http.Request) bool) func(*oidctest.Knobs) {
		return func(k *oidctest.Knobs) { k.Fail = map[string]func(http.ResponseWriter, *http.Request) bool{path: f} }
	}
	text := func(status int, kind, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	now := time.Now().Unix()
	for about, row := range map[string]struct {
		change func(*oidctest.Knobs)
		status int
		why    string
	}{
		"nothing wrong":     {func(*oidctest.Knobs) {}, 302, ""},
		"clocks differ":     {set("iat", now+20), 302, ""},
		"several audiences": {set("aud", []string{"shop", "other"}), 400, "azp"},
		"azp of this client": {func(k *oidctest.Knobs) {
			k.Claims = func(c jwt.MapClaims) { c["aud"], c["azp"] = []string{"shop", "b"}, "shop" }
		}, 302, ""},
		"azp of another": {set("azp", "other"), 400, "azp"},
		"another nonce":  {set("nonce", "x"), 400, "nonce"},
		"no nonce":       {set("nonce", nil), 400, "nonce"},
		"nonce in other case": {func(k *oidctest.Knobs) {
			k.Claims = func(c jwt.MapClaims) { c["NONCE"] = c["nonce"]; delete(c, "nonce") }
		}, 400, "nonce"},
		"nonce no text":        {set("nonce", []string{"x"}), 400, "ID token"},
		"another audience":     {set("aud", "other"), 400, "audience"},
		"no audience":          {set("aud", nil), 400, "audience"},
		"another issuer":       {set("iss", "https://evil.com"), 400, "issuer"},
		"no issuer":            {set("iss", nil), 400, "issuer"},
		"expired":              {set("exp", now-60), 400, "expired"},
		"no end":               {set("exp", nil), 400, "exp"},
		"of the future":        {set("iat", now+3600), 400, "iat"},
		"no time":              {set("iat", nil), 400, "iat"},
		"not yet":              {set("nbf", now+3600), 400, "not valid yet"},
		"no subject":           {set("sub", nil), 400, "sub"},
		"an empty subject":     {set("sub", ""), 400, "sub"},
		"a number as subject":  {set("sub", 1), 400, "sub"},
		"another access token": {set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), 400, "at_hash"},
		"another key":          {sign(func(c jwt.MapClaims) string { return s.p.SignBy(c, evil, "k1") }), 400, "signature"},
		"an unknown key":       {sign(func(c jwt.MapClaims) string { return s.p.SignBy(c, evil, "k9") }), 400, "kid"},
		"no signature": {sign(func(c jwt.MapClaims) string {
			return signed(t, c, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType)
		}), 400, "ID token"},
		"the client secret": {sign(func(c jwt.MapClaims) string {
			return signed(t, c, jwt.SigningMethodHS256, []byte("a client secret of thirty-two b."))
		}), 400, "ID token"},
		"no token":            {sign(func(jwt.MapClaims) string { return "x" }), 400, "ID token"},
		"an empty token":      {sign(func(jwt.MapClaims) string { return "" }), 400, "ID token"},
		"a long token":        {set("x", strings.Repeat("x", 9000)), 400, "8192 bytes"},
		"userinfo of another": {func(k *oidctest.Knobs) { k.Info = map[string]any{"sub": "eve"} }, 400, "userinfo"},
		"userinfo, signed": {fail("/userinfo", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/jwt")
			_, _ = w.Write([]byte(s.p.Signed(jwt.MapClaims{"sub": "ann"})))
			return true
		}), 302, ""},
		"userinfo, signed by another": {fail("/userinfo", text(200, "application/jwt", s.p.SignBy(jwt.MapClaims{"sub": "ann"}, evil, "k1"))), 503, "userinfo"},
		"userinfo of nobody":          {func(k *oidctest.Knobs) { k.Info = map[string]any{"email": "a@b"} }, 400, "userinfo"},
		"userinfo down":               {fail("/userinfo", text(500, "text/html", "<b>")), 503, "userinfo"},
		"tokens: an error":            {fail("/token", text(500, "text/html", "<b>down</b>")), 503, "500"},
		"tokens: no JSON":             {fail("/token", text(200, "application/json", "{")), 503, ""},
		"tokens: a large one":         {fail("/token", text(200, "application/json", `{"access_token":"`+strings.Repeat("x", 600<<10)+`"}`)), 503, "longer"},
		"tokens: none":                {fail("/token", text(200, "application/json", `{"token_type":"Bearer"}`)), 503, ""},
		"tokens: no ID token":         {fail("/token", text(200, "application/json", `{"access_token":"a","token_type":"Bearer"}`)), 400, "no ID token"},
		"tokens: another kind":        {fail("/token", text(200, "application/json", `{"access_token":"a","token_type":"mac","id_token":"x"}`)), 400, "bearer"},
		"tokens: elsewhere": {fail("/token", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/else", http.StatusTemporaryRedirect)
			return true
		}), 503, "307"},
		"expired before it came": {func(k *oidctest.Knobs) { k.ExpiresIn = -1 }, 400, "expires_in"},
		"another secret":         {func(k *oidctest.Knobs) { k.ClientSecret = "x" }, 503, "invalid_client"},
	} {
		s.p.Do(func(k *oidctest.Knobs) {
			*k = oidctest.Knobs{ClientID: "shop", ClientSecret: "a client secret of thirty-two b.", User: jwt.MapClaims{"sub": "ann"}, Info: map[string]any{"sub": "ann"}}
			row.change(k)
		})
		b := s.browser()
		to, _ := b.page("/a")
		delete(s.fields, "auth")
		_, w := b.page(s.back(to))
		why, _ := s.fields["auth"].(string)
		if w.Code != row.status || !strings.Contains(why, row.why) || (b.cookies["__Host-rover_login"] != "") != (row.status == 302) {
			t.Errorf("%s: %s, %q", about, answer(w), why)
		}
		if strings.Contains(w.Body.String(), "<") || strings.Contains(why, "eyJ") {
			t.Errorf("%s: what the provider says is shown: %s, %s", about, answer(w), why)
		}
	}
}

func signed(t *testing.T, c jwt.MapClaims, m jwt.SigningMethod, key any) string {
	token := jwt.NewWithClaims(m, c)
	token.Header["kid"] = "k1"
	text, err := token.SignedString(key)
	if err != nil {
		t.Error(err)
	}
	return text
}

// An id that somebody knows before a login is worth nothing after it, and what another user has left in
// the session is gone.
func TestOIDCFixation(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	b := s.browser()
	s.login(b, "/a")
	before := maps.Clone(b.cookies)
	s.p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "bob"} })
	to, _ := b.page("/start?to=/a")
	b.page(s.back(to))
	b.expect("GET /a", "200 /a for bob")
	if b.cookies["__Host-rover_login"] == before["__Host-rover_login"] {
		t.Error("the session has its old id")
	}
	b.cookies = before
	b.expect("GET /a", `401 {"error":"Unauthorized: log in first"}`)
}

// Claims that an upstream would read otherwise than they are let nobody through.
func TestOIDCHeaderValues(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	for name, user := range map[string]jwt.MapClaims{
		"a line end":        {"sub": "ann\r\nX-Groups: root"},
		"a NUL":             {"sub": "ann\x00"},
		"a group of two":    {"sub": "ann", "groups": []string{"a,root"}},
		"two groups as one": {"sub": "ann", "groups": "x,admin"},
		"a table":           {"sub": "ann", "groups": map[string]any{"root": true}},
		"a list of numbers": {"sub": "ann", "groups": []int{1}},
		"spaces":            {"sub": " ann"},
	} {
		s.p.Do(func(k *oidctest.Knobs) { k.User = user })
		b := s.browser()
		s.login(b, "/a")
		if got := b.do("GET /a", ""); got != `403 {"error":"Forbidden: this user has no access"}` {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Where a session of the script begins before the login, its values go on behind another id; the old id
// is worth nothing. What one user has left in it is not for the next.
func TestOIDCSharedSession(t *testing.T) {
	p, at := oidctest.Serve()
	t.Cleanup(at.Close)
	s := &site{p: p, server: newServer(t, fmt.Sprintf(`
local api = rover.server {}
local sessions = rover.session.new()
local login = rover.auth.oidc {
	issuer = "%s", client_id = "shop", client_secret = "a client secret of thirty-two b.",
	redirect_uri = "https://example.com/back", session = sessions, optional = true,
}
login:protect(api)
function api.cart.p_what.get(ctx) sessions:start(ctx):set("cart", ctx:param("what")) return "set" end
function api.cart.get(ctx)
	local user = login:user(ctx)
	return (user and user.sub or "nobody") .. " has " .. tostring(sessions:start(ctx):get("cart"))
end
function api.start.get(ctx) return login:start(ctx, "/cart") end
return api`, p.Issuer), func(s *Script) { s.Net = policyOf(t, "127.0.0.1") })}
	b, thief := s.browser(), s.browser()
	login := func() {
		to, _ := b.page("/start")
		if _, w := b.page(s.back(to)); w.Code != http.StatusFound {
			t.Fatal(answer(w))
		}
	}
	b.expect("GET /cart/tea", "200 set")
	for range 2 { // also where the same user logs in again
		thief.cookies = maps.Clone(b.cookies)
		login()
		b.expect("GET /cart", "200 ann has tea")
		thief.expect("GET /cart", "200 nobody has nil")
	}
	p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "eve"} })
	login()
	b.expect("GET /cart", "200 eve has nil")
}

// A provider that says that its answers name it is believed: one that does not is not its own.
func TestOIDCNamedAnswers(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	s.p.Do(func(k *oidctest.Knobs) {
		k.Document = func(d map[string]any) { d["authorization_response_iss_parameter_supported"] = true }
	})
	b := s.browser()
	to, _ := b.page("/a")
	if _, w := b.page(s.back(to)); w.Code != http.StatusBadRequest || !strings.Contains(fmt.Sprint(s.fields["auth"]), "does not name the provider") {
		t.Errorf("without its name: %s, %v", answer(w), s.fields["auth"])
	}
	s.p.Do(func(k *oidctest.Knobs) { k.BackParams = url.Values{"iss": {s.p.Issuer}} })
	s.login(b, "/a")
}
