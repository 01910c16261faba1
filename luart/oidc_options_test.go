package luart

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// Mistakes in options are told where they are.
func TestOIDCOptions(t *testing.T) {
	secret := `client_secret = ("s"):rep(32)`
	good := map[string]string{"issuer": `"https://a.example"`, "client_id": `"shop"`, "client_secret": `("s"):rep(32)`, "redirect_uri": `"https://b.example/back"`}
	for change, want := range map[string]string{
		`issuer = nil`:                                                    "option 'issuer': it is missing",
		`client_id = nil`:                                                 "option 'client_id': it is missing",
		`redirect_uri = nil`:                                              "option 'redirect_uri': it is missing",
		`issuer = "http://a.example"`:                                     "option 'issuer': a URL that begins with https://",
		`issuer = "https://a.example?x"`:                                  "option 'issuer': a URL without a query",
		`issuer = "https://u:p@a.example"`:                                "option 'issuer'",
		`redirect_uri = "https://b.example"`:                              "option 'redirect_uri': a URL with a path of its own",
		`redirect_uri = "https://b.example/"`:                             "option 'redirect_uri': a URL with a path of its own",
		`redirect_uri = "http://b.example/x"`:                             "option 'redirect_uri': https:// expected",
		`redirect_uri = { "https://b.example/x", "https://b.example/y" }`: "option 'redirect_uri': one for each host",
		`redirect_uri = { "https://b.example/x", "http://localhost/y" }`:  "option 'redirect_uri': all with https://",
		`client_secret = "short"`:                                         "option 'key': it is missing, and client_secret has fewer than 32 bytes",
		`client_secret = nil`:                                             "option 'key': it is missing",
		`key = "short"`:                                                   "option 'key': key 1 has 5 bytes",
		`key = true`:                                                      "option 'key': a key, a list of keys, or a key set",
		`alg = "HS256"`:                                                   "option 'alg': algorithms of public keys",
		`alg = "none"`:                                                    "option 'alg': algorithms of public keys",
		`leeway = 301`:                                                    "option 'leeway': seconds from 0 to 300",
		`name = "a b"`:                                                    "option 'name': 1 to 32 letters",
		`scopes = {}`:                                                     "option 'scopes': a list of texts",
		`headers = { ["X User"] = "sub" }`:                                "option 'headers': \"X User\" is no name of a header",
		`headers = { Host = "sub" }`:                                      "option 'headers': Host has a meaning of its own",
		`headers = { ["X-User"] = 1 }`:                                    "option 'headers': the name of a claim expected",
		`auth_params = { state = "x" }`:                                   "option 'auth_params': the login sets state itself",
		`allow = { groups = {} }`:                                         "option 'allow': groups: a text, or a list of at least one",
		`allow = {}`:                                                      "option 'allow': allow has no rule",
		`allow = { groups = rover.config.groups }`:                        "option 'allow': option 'groups' is written, and its value is nil",
		`allow = { groups_claim = "roles" }`:                              "option 'allow': allow has no rule",
		`allow = { emails = "x.example" }`:                                "option 'allow': emails: \"x.example\" is no address",
		`allow = { emails = "a@b@x.example" }`:                            "option 'allow': emails: \"a@b@x.example\" is no address",
		`headers = { ["X-User"] = "sub", ["x_user"] = "name" }`:           "option 'headers': two claims for \"x_user\"",
		`headers = { ["X-User"] = "sub", ["x-user"] = "name" }`:           "option 'headers': two claims for \"x-user\"",
		`headers = { X_Forwarded_For = "sub" }`:                           "option 'headers': X_Forwarded_For has a meaning of its own",
		`allow = { group = "x" }`:                                         "option 'allow': unknown option \"group\": did you mean",
		`allow = { domains = "@x.example" }`:                              "option 'allow': domains",
		`session = 1`:                                                     "option 'session': what rover.session.new returns",
		`session = rover.session.new { sealed = ("k"):rep(32) }`:          "option 'session': sealed sessions have no room",
		`session = rover.session.new { same_site = "strict" }`:            "option 'session': with same_site",
		`session = rover.session.new { secure = false }`:                  "option 'session': its cookie is not secure",
		`isuer = "x"`:                                                     "unknown option \"isuer\": did you mean issuer",
		`post_logout_redirect_uri = "/x"`:                                 "option 'post_logout_redirect_uri'",
	} {
		options := maps.Clone(good)
		name, value, _ := strings.Cut(change, " = ")
		options[name] = value
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(options)) {
			lines = append(lines, name+" = "+options[name])
		}
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		t.Cleanup(func() { s.vm.Close(t.Context()) })
		err := s.load("local api = rover.server {}\nrover.auth.oidc { "+strings.Join(lines, ", ")+" }\nreturn api",
			func(script *Script) { script.Net = policyOf(t, "a.example") })
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "app.lua:2") || strings.Contains(err.Error(), "sss") {
			t.Errorf("%s: %v", change, err)
		}
	}
	s := &server{t: t, vm: newVM(t, VMOptions{})}
	t.Cleanup(func() { s.vm.Close(t.Context()) })
	err := s.load(`rover.auth.oidc { issuer = "https://a.example", client_id = "x", redirect_uri = "https://b.example/x", ` + secret + ` }`)
	if err == nil || !strings.Contains(err.Error(), "allow net") {
		t.Error(err)
	}
	two := `local function login(name, path) rover.auth.oidc { issuer = "https://a.example", client_id = "x", name = name, redirect_uri = "https://b.example" .. path, ` + secret + ` } end `
	for calls, want := range map[string]string{
		`login("a", "/x") login("a", "/y")`: "option 'name': there is another login",
		`login("a", "/x") login("b", "/x")`: "option 'redirect_uri': another login has the same one",
	} {
		err := s.load(two+calls, func(script *Script) { script.Net = policyOf(t, "a.example") })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", calls, err)
		}
	}
}

// TestOIDCCallback shows that a login which nobody can end is refused, and which others are not.
func TestOIDCCallback(t *testing.T) {
	const nothing = "nothing answers /cb, to which redirect_uri of rover.auth.oidc leads"
	for lines, want := range map[string]string{
		`login:protect(api.admin)`:                                                             "app.lua:7: " + nothing,
		`login:protect(api.admin); function api.cb.post() end`:                                 nothing,
		`login:protect(api.admin); function api.cb.x.get() end`:                                nothing,
		`api.admin.before.x = login:require()`:                                                 "app.lua:7: " + nothing,
		`login:protect(api.admin); other:protect(api.cb); function api.other.get() end`:        nothing,
		`other:protect(api.admin)`:                                                             "nothing answers /other, ",
		`login:protect(api)`:                                                                   "",
		`login:protect(api.cb)`:                                                                "",
		`login:protect(api.admin); api.cb.before.x = login:require()`:                          "",
		`login:protect(api.admin); function api.cb.get(ctx) return login:callback(ctx) end`:    "",
		`login:protect(api.admin); function api.p_any.get(ctx) return login:callback(ctx) end`: "",
		`login:protect(api.admin); function api.before.x(ctx) if ctx.path == "/cb" then return login:callback(ctx) end end`: "",
		`function api.x.get(ctx) return login:start(ctx) end`:                                                               "",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		t.Cleanup(func() { s.vm.Close(t.Context()) })
		err := s.load(`local api = rover.server {}
			local function new(name)
				return rover.auth.oidc { issuer = "https://a.example", client_id = "shop", client_secret = ("s"):rep(32),
					name = name, redirect_uri = "https://b.example/" .. name }
			end
			local login, other = new("cb"), new("other")
			`+lines+`
			return api`, func(script *Script) { script.Net = policyOf(t, "a.example") })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", lines, err, want)
		}
	}
}
