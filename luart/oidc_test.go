package luart

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-rover/rover/luart/oidc/oidctest"
)

// oidcScript guards all that it does not answer. Its %s are the issuer and more options.
const oidcScript = `
local api = rover.server {}
local login = rover.auth.oidc {
	issuer = "%s", client_id = "shop", client_secret = "a client secret of thirty-two b.",
	redirect_uri = "https://example.com/back", headers = { ["X-User"] = "sub", ["X-Groups"] = "groups" }, %s
}
login:protect(api)
function api.me.get(ctx)
	local user = login:user(ctx)
	return user and user.sub .. " " .. tostring(ctx:get("auth") ~= nil) or "nobody"
end
function api.start.get(ctx) return login:start(ctx, ctx:query().to) end
function api.token.get(ctx) return login:access_token(ctx) end
function api.logout.any(ctx) return login:logout(ctx) end
function api.leave.any(ctx) return login:logout(ctx, { provider = false, to = "/bye" }) end
return api`

// site is a server behind a login at a provider.
type site struct {
	*server
	p     *oidctest.Provider
	heads http.Header // what the upstream got last
	more  string
}

func newSite(t *testing.T, o VMOptions, more string) *site {
	t.Helper()
	p, at := oidctest.Serve()
	t.Cleanup(at.Close)
	net := func(s *Script) { s.Net = policyOf(t, "127.0.0.1") }
	s := &site{server: newServerIn(t, o, fmt.Sprintf(oidcScript, p.Issuer, more), net), p: p, more: more}
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.heads = r.Header.Clone()
		fmt.Fprintf(w, "%s for %s", r.URL.RequestURI(), r.Header.Get("X-User"))
	})
	return s
}

func (s *site) reload() {
	s.t.Helper()
	if err := s.load(fmt.Sprintf(oidcScript, s.p.Issuer, s.more), func(script *Script) { script.Net = policyOf(s.t, "127.0.0.1") }); err != nil {
		s.t.Fatal(err)
	}
}

const acceptsHTML = "Accept: text/html,application/xhtml+xml"

// page opens a page, and returns where it leads.
func (b *browser) page(path string, headers ...string) (to *url.URL, w *httptest.ResponseRecorder) {
	b.s.t.Helper()
	w = b.send("GET "+path, "", append(headers, acceptsHTML)...)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		b.s.t.Fatal(err)
	}
	return to, w
}

// back asks the provider, and returns the path that it sends the browser back to.
func (s *site) back(to *url.URL) string {
	s.t.Helper()
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := c.Get(to.String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil || back.Host != "example.com" || back.Path != "/back" {
		s.t.Fatalf("the provider answers %s, %v, %v", resp.Status, back, err)
	}
	return back.RequestURI()
}

// login logs in, and returns where that leads.
func (s *site) login(b *browser, path string) string {
	s.t.Helper()
	to, w := b.page(path)
	if w.Code != http.StatusFound || !strings.HasPrefix(to.String(), s.p.Issuer+"/authorize?") {
		s.t.Fatalf("%s: %s, %s", path, answer(w), to)
	}
	to, w = b.page(s.back(to))
	if w.Code != http.StatusFound {
		s.t.Fatalf("the way back: %s, %v", answer(w), s.fields["auth"])
	}
	return to.String()
}

// A user comes back to the page that he wanted, and the upstream learns who he is, and nothing that the
// client says of it.
func TestOIDCLogin(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	s.p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "ann", "groups": []string{"staff", "admin"}} })
	b := s.browser()
	to, w := b.page("/a?x=%2F1")
	q := to.Query()
	if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || len(q.Get("state")) != 43 || len(q.Get("nonce")) != 43 ||
		q.Get("redirect_uri") != "https://example.com/back" || q.Get("scope") != "openid" || q.Get("response_type") != "code" {
		t.Errorf("the provider is asked %s", to)
	}
	if cookie := w.Header().Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-rover_attempt.login.") ||
		!strings.HasSuffix(cookie, "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the attempt's cookie: %s", cookie)
	}
	to, w = b.page(s.back(to))
	if to.String() != "https://example.com/a?x=%2F1" || len(b.cookies) != 1 || b.cookies["__Host-rover_login"] == "" ||
		w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the way back leads to %s, %v", to, w.Header())
	}
	b.expect("GET /a?x=%2F1", "200 /a?x=%2F1 for ann", "X-User: root", "x_user: root", "X-USER: root", "X-Groups: root")
	if s.heads.Get("X-Groups") != "staff,admin" || len(s.heads["X-User"]) != 1 || s.heads["X_user"] != nil {
		t.Errorf("the upstream got %v", s.heads)
	}
	b.expect("GET /me", "200 ann true")
	b.expect("POST /a", "200 /a for ann")
	b.expect("POST /a", `403 {"error":"the request comes from another site"}`, "Sec-Fetch-Site: cross-site")
	if w := b.send("GET /logout", "", "Sec-Fetch-Site: cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("another site logs out: %s", answer(w))
	}
	old := maps.Clone(b.cookies)
	to, w = b.page("/logout")
	if q := to.Query(); w.Code != http.StatusSeeOther || to.Path != "/logout" || q.Get("client_id") != "shop" || strings.Count(q.Get("id_token_hint"), ".") != 2 || len(b.cookies) != 0 {
		t.Errorf("the logout leads to %s, %s", to, answer(w))
	}
	b.cookies = old
	b.expect("GET /a", `401 {"error":"Unauthorized: log in first"}`)
	for _, e := range s.logs.All() {
		if text := fmt.Sprint(e.Message, e.ContextMap()); strings.Contains(text, "eyJ") || strings.Contains(text, "client secret") {
			t.Errorf("a secret in the log: %s", text)
		}
	}
}

// What is no page is told by a status that it has to log in, and never redirected.
func TestOIDCNoPage(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	for _, row := range []struct{ request, header string }{
		{"GET /a", "Accept: application/json"},
		{"GET /a", "Accept: */*"},
		{"GET /a", "X: y"},
		{"GET /a", acceptsHTML + "\nSec-Fetch-Mode: cors"},
		{"GET /a", acceptsHTML + "\nX-Requested-With: XMLHttpRequest"},
		{"GET /a", acceptsHTML + "\nUpgrade: websocket"},
		{"POST /a", acceptsHTML},
		{"PUT /back", acceptsHTML},
		{"OPTIONS /a", acceptsHTML},
	} {
		w := s.do(row.request, "", strings.Split(row.header, "\n")...)
		if answer(w) != `401 {"error":"Unauthorized: log in first"}` || w.Header().Get("WWW-Authenticate") != "OpenIDConnect" || w.Header().Get("Location") != "" {
			t.Errorf("%s, %s: %s %v", row.request, row.header, answer(w), w.Header())
		}
	}
	if n := s.p.Seen("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// Who is not allowed gets no session, and one who was allowed before loses what a reload takes away.
func TestOIDCAllow(t *testing.T) {
	s := newSite(t, VMOptions{}, `allow = { groups = { "staff", "root" } }`)
	ann, eve := s.browser(), s.browser()
	s.p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "ann", "groups": []string{"x", "staff"}} })
	s.login(ann, "/a")
	ann.expect("GET /a", "200 /a for ann")
	s.p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "eve", "groups": []string{"sta", "ff"}} })
	to, _ := eve.page("/a")
	if _, w := eve.page(s.back(to)); answer(w) != `403 {"error":"Forbidden: this user has no access"}` || len(eve.cookies) != 0 {
		t.Error(answer(w))
	}
	s.more = `allow = { groups = "root" }`
	s.reload()
	ann.expect("GET /a", `403 {"error":"Forbidden: this user has no access"}`)
	ann.expect("GET /me", `403 {"error":"Forbidden: this user has no access"}`)
}

// With optional = true everybody gets through, and nobody says who he is but the provider.
func TestOIDCOptional(t *testing.T) {
	s := newSite(t, VMOptions{}, "optional = true")
	b := s.browser()
	b.expect("GET /a", "200 /a for ", "X-User: root", "X_User: root")
	b.expect("GET /me", "200 nobody")
	to, _ := b.page("/start?to=/me")
	b.page(s.back(to))
	b.expect("GET /a", "200 /a for ann", "X-User: root")
	if to, w := b.page("/leave"); w.Code != http.StatusSeeOther || to.String() != "https://example.com/bye" {
		t.Error(to, answer(w))
	}
	b.expect("GET /a", "200 /a for ")
}

// Two providers have logins, sessions and attempts of their own, also where the name of one begins with
// that of the other.
func TestOIDCTwoProviders(t *testing.T) {
	var ps [2]*oidctest.Provider
	for i := range ps {
		p, at := oidctest.Serve()
		t.Cleanup(at.Close)
		p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": fmt.Sprint("user ", i)} })
		ps[i] = p
	}
	s := &site{p: ps[0], server: newServer(t, fmt.Sprintf(`
local api = rover.server {}
for name, issuer in pairs { staff = "%s", staff_ext = "%s" } do
	local login = rover.auth.oidc {
		name = name, issuer = issuer, client_id = "shop", client_secret = "a client secret of thirty-two b.",
		redirect_uri = "https://example.com/" .. name .. "/back", claims_key = name,
	}
	login:protect(api[name])
	api[name].get = function(ctx) return ctx:get(name).sub end
end
return api`, ps[0].Issuer, ps[1].Issuer), func(s *Script) { s.Net = policyOf(t, "127.0.0.1") })}
	b := s.browser()
	at := func(to *url.URL) string {
		c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := c.Get(to.String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		back, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		return back.RequestURI()
	}
	ext, _ := b.page("/staff_ext")
	own, _ := b.page("/staff")
	// The answer of one provider at the way back of the other is none.
	if _, w := s.browser().page(strings.Replace(at(ext), "/staff_ext/", "/staff/", 1)); w.Code != http.StatusBadRequest {
		t.Errorf("an answer of the other provider: %s", answer(w))
	}
	ext, _ = b.page("/staff_ext")
	for _, to := range []*url.URL{own, ext} {
		if _, w := b.page(at(to)); w.Code != http.StatusFound {
			t.Errorf("%s: %s, %v", to, answer(w), s.fields["auth"])
		}
	}
	b.expect("GET /staff", "200 user 0")
	b.expect("GET /staff_ext", "200 user 1")
}
