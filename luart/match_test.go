package luart

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const matchScript = `
	local api = rover.server {}
	local function f(ctx) return ctx:param("a") end
	api.get, api.a.get, api.a.p_a.get, api.a.p_a.b.post, api.a.w_rest.any = f, f, f, f, f
	function api.admin.before.guard() return api:error(401, "no") end
	function api.p_t.admin.before.guard() return api:error(401, "no") end
	return api`

func find(g *Generation, method, path string) (*routeMatch, bool) {
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, false
	}
	m := &routeMatch{}
	g.tree.Find(&http.Request{Method: method, URL: u}, m)
	return m, true
}

// Matching never panics, and parameters are what stands in the path. (That guards hold is
// fuzzed beside real servers' code in internal/handler.)
func FuzzMatch(f *testing.F) {
	g := newServer(f, matchScript).gen
	for _, p := range []string{
		"/", "/a", "/a/x", "/a/x/b", "/a//", "/admin", "//admin/x", "/x/../admin", "/%61dmin",
		"/admin%2fx", "/t/admin/x", "/a/%zz", "/\\admin", "/a;b/%25%32%35//..;/%2e%2e%5c",
	} {
		f.Add("GET", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		m, ok := find(g, method, path)
		if !ok {
			return
		}
		for _, p := range m.Params {
			if p.Value == "" {
				t.Errorf("%s %q: parameter %s is empty", method, path, p.Name)
			}
		}
	})
}

func TestUnroutedPathsHaveAllGuards(t *testing.T) {
	g := newServer(t, matchScript).gen
	for path, guards := range map[string]int{"/admin": 1, "/admin/x": 1, "/t/admin": 1, "/t/admin/x": 1, "/admin/admin": 2, "/t": 0, "/a/x": 0} {
		m, _ := find(g, "GET", path)
		if len(m.Before) != guards {
			t.Errorf("%s: %d guards, want %d", path, len(m.Before), guards)
		}
	}
}

// beforeNames returns the hooks that run before, each by the name it was given.
func beforeNames(m *routeMatch) string {
	names := make([]string, len(m.Before))
	for i, h := range m.Before {
		names[i] = h.name
	}
	return strings.Join(names, " ")
}

const guardScript = `
	local api = rover.server {}
	local function f(ctx) end
	api.before.root = f
	api.admin.before.admin = f
	api.admin.secret.before.secret = f
	api.admin.after.mask = f
	api.Keys.before.keys = f
	api.users.p_id.before.user = f
	api.users.me.get = f
	api.files.w_rest.before.files = f
	api.files.public.get = f
	return api`

func TestGuardCoversEveryReading(t *testing.T) {
	g := newServer(t, guardScript).gen
	for _, path := range []string{
		"/admin", "/admin/", "/admin/x", "/admin/secretary",
		"/%61dmin", "/adm%69n/x", "//admin", "///admin", "/./admin", "/x/../admin", "/x/../../admin",
		// A backslash is a character or a slash.
		"/x\\y/../admin/x", "/x%5cy/../admin/x", "/x%5Cy/../admin/x", "/x\\..\\admin", "\\admin", "/\\admin", "/admin\\x", "/admin%5cx",
		// Dot segments are removed before or after decoding, and with or without merging.
		"/x%2fy/../admin/x", "/y/../admin//../x", "/admin/x/..", "/x/%2e%2e/admin", "/x/%2E./admin", "/x%2f..%2fadmin", "/admin%2fx", "/admin%2Fx",
		"/x/..%2fadmin", "/x%2fy/%2e%2e/%61dmin",
		// Parameters of segments.
		"/admin;v=1/x", "/admin;v=1", "/x/..;/admin", "/x/..;a=b/admin/x", "/;x/admin", "/admin%3bv=1", "/x/%2e%2e;/admin",
		// Case.
		"/ADMIN/x", "/aDmin", "/x/../AdmiN;y",
		// What is behind reads a URL again, or a C string.
		"//host/admin", "/\\host/admin", "//user@host:80/admin/x", "/admin%00.html", "/admin%3fx", "/admin%23x", "/%23/../admin%00/../x", "/%3f/../admin%23/../x",
		// Twice.
		"/%2561dmin", "/x/%252e%252e/admin", "/admin%252fx", "/x%252f..%252fadmin",
		// Names of Windows.
		"/admin.", "/admin%20", "/admin./x", "/admin.%20/x",
		"/admin%0a", "/admin%0A/x", "/admin%0d%0a", "/admin%09", "/admin%0b/", "/admin%0c", "/admin%1c", "/admin%85", "/admin%a0", "/admin%A0.%20",
		"/admin%c2%a0", "/admin%c2%85/x", "/admin%ef%bb%bf", "/admin%e2%80%a8", "/admin%e3%80%80", "/admin%250a", "/ADMIN%0a;v=1", "/x/../admin%0a", "/admin\u00a0", "/admin\u00a0/x",
	} {
		m, ok := find(g, "GET", path)
		if !ok {
			u := &url.URL{Path: path} // what net/http refuses other servers in front may send
			m = &routeMatch{}
			g.tree.Find(&http.Request{Method: "GET", URL: u}, m)
		}
		if got := beforeNames(m); got != "root admin" && !m.Unclear {
			t.Errorf("%q: guards %q", path, got)
		}
		if !m.Unclear && len(m.After) != 1 {
			t.Errorf("%q: %d after hooks", path, len(m.After))
		}
	}
}

func TestGuardCoversNoMore(t *testing.T) {
	g := newServer(t, guardScript).gen
	for path, want := range map[string]string{
		"/":                    "root",
		"/administrator":       "root",
		"/x/admin":             "root",
		"/x%2fadmin":           "root",
		"/x;admin":             "root",
		"/x//y":                "root",
		"/%E2%84%AAeys":        "root keys", // KELVIN SIGN, which Caddy's path matcher folds
		"/keys/x":              "root keys",
		"/admin/secret":        "root admin secret",
		"/admin/x/../secret":   "root admin secret",
		"/ADMIN%2fSECRET":      "root admin secret",
		"/users/7":             "root user",
		"/users/me":            "root",
		"/users/me/x":          "root user", // no route answers
		"/users/me;x":          "root user",
		"/Users/me":            "root user",
		"/files/a":             "root files",
		"/files/public":        "root",
		"/files/":              "root",
		"/public/..%252fadmin": "root admin",
	} {
		m, ok := find(g, "GET", path)
		if got := beforeNames(m); !ok || got != want || m.Unclear {
			t.Errorf("%q: guards %q, want %q (unclear: %v)", path, got, want, m.Unclear)
		}
	}
}

// A catch-all is not in the place of a pattern whose hooks it would switch off.
func TestCatchAllKeepsGuardsOfPatterns(t *testing.T) {
	g := newServer(t, `
		local api = rover.server {}
		local function f(ctx) end
		api.users.p_id.before.user = f
		api.users.p_id.posts.before.posts = f
		api.users.w_any.before.any = f
		api.users.me.get = f
		api.users.me.w_rest.get = f
		api.w_rest.any = f
		return api`).gen
	for path, want := range map[string]string{
		"/users/7": "user any", "/users/7/posts": "user any posts", "/users/me": "", "/users/me/x": "",
		"/users/me/a%2fb": "", "/users/me/a//b": "", "/x": "",
	} {
		m, _ := find(g, "GET", path)
		if got := beforeNames(m); got != want || m.Handler == nil {
			t.Errorf("%q: guards %q, want %q", path, got, want)
		}
	}
}

// A hook of a pattern is shown one value of it, or none sees the request.
func TestParameterThatCanBeReadInTwoWays(t *testing.T) {
	g := newServer(t, guardScript).gen
	for path, unclear := range map[string]bool{
		"/users/ann/../bob":          true,
		"/users/ann%2f..%2fbob":      true,
		"/users/ann\\..\\bob":        true,
		"/files/a/../b":              true,
		"/users/a%2fb":               false, // a name with a slash in it
		"/users/ann/../../users/ann": false,
		"/x/../users/bob":            false,
		"/x/ann/../b":                false,
		"/users//bob":                false,
		"/users/./bob":               false,
	} {
		m := &routeMatch{}
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		g.tree.Find(&http.Request{Method: "GET", URL: u}, m)
		if m.Unclear != unclear {
			t.Errorf("%q: unclear %v, want %v (params %v)", path, m.Unclear, unclear, m.Params)
		}
	}
	m, _ := find(g, "GET", "/users/a%2fb")
	if len(m.Params) != 1 || m.Params[0].Value != "a/b" {
		t.Errorf("params %v", m.Params)
	}
}

func TestUnclearTargets(t *testing.T) {
	everything := newServer(t, `
		local api = rover.server {}
		function api.before.all(ctx) if ctx.method == "CONNECT" then return api:error(403, "no") end end
		return api`)
	r := httptest.NewRequest("CONNECT", "/", nil)
	r.URL = &url.URL{Host: "host:443"}
	w := httptest.NewRecorder()
	if everything.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a CONNECT that a hook refuses: %d", w.Code)
	}
	guarded, free := newServer(t, guardScript), newServer(t, `
		local api = rover.server {}
		function api.hello.get() return "hello" end
		return api`)
	for target, want := range map[string]int{
		"GET x:admin/secret": 400, "GET x:%2fadmin": 400, "GET *": 400, "OPTIONS *": 200, "CONNECT host:443": 400, "GET http://host": 200,
	} {
		method, uri, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, "/", nil)
		u, err := url.ParseRequestURI(uri)
		if method == "CONNECT" {
			u, err = &url.URL{Host: uri}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		for s, want := range map[*server]int{guarded: want, free: 200} {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s: %d, want %d", target, w.Code, want)
			}
		}
	}
}

func TestPathsWithTooManyReadings(t *testing.T) {
	g := newServer(t, guardScript).gen
	for name, path := range map[string]string{
		"long, with an escaped slash": "/a%2fb/" + strings.Repeat("x", 8<<10),
		"long, with capitals":         "/a/" + strings.Repeat("X", 1<<20),
	} {
		if m, _ := find(g, "GET", path); m.Unclear {
			t.Errorf("%s: refused", name)
		}
	}
	odd := strings.Repeat("/a;b%2f..%5c//.%2e/%25%32%66", 400)
	if m, _ := find(g, "GET", odd); !m.Unclear {
		t.Error("a path with no end of readings is not refused")
	}
}

func TestDotSegmentsAreNoParameters(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.items.p_id.get(ctx) return ctx:param("id") end
		return api`)
	s.expect("GET /items/a..b", "200 a..b")
	s.expect("GET /items/%2e%2e", "200 GET /items/%2e%2e ")
	s.expect("GET /items/.", "200 GET /items/. ")
}

func TestRewriteRunsHooksOfTheNewPath(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local ran = {}
		local function mark(name) return function(ctx) ran[#ran + 1] = name end end
		function api.before.strip(ctx)
			ran = { "strip" }
			local r = ctx.path:match("^/app(/.*)$")
			if r then ctx:rewrite(r) end
		end
		api.before.later = mark("later")
		function api.admin.before.guard(ctx)
			if ctx:header("x-token") ~= "t" then return api:error(401, "no") end
		end
		function api.tenants.p_t.before.tenant(ctx) ran[#ran + 1] = "tenant " .. ctx:param("t") end
		function api.tenants.before.again(ctx) ran[#ran + 1] = "again" ctx:rewrite("/tenants/" .. ctx:param("t") .. "/x") end
		function api.app.w_t.get(ctx) return table.concat(ran, ", ") .. ": " .. ctx:param("t") end
		function api.admin.after.mask(ctx, res) res:set_header("X-Masked", "yes") end
		return api`)
	s.expect("GET /app/admin/x", "401 {\"error\":\"no\"}")
	s.expect("GET /app/ADMIN/x", "401 {\"error\":\"no\"}")
	s.expect("GET /app/admin/x", "200 strip, later: admin/x", "X-Token: t")
	s.expect("GET /app/x", "200 strip, later: x")
	s.expect("GET /app/tenants/ann", "200 strip, later, again, tenant ann: tenants/ann")
	if w := s.do("GET /app/admin/x", "", "X-Token: t"); w.Header().Get("X-Masked") != "yes" {
		t.Error("the after hook of the new path did not run")
	}
}

// A WebSocket over HTTP/2 or HTTP/3 is a CONNECT on the wire, and a GET to scripts.
func TestExtendedConnect(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.up.get(ctx)
			if ctx:query().token ~= "good" then return api:error(401, "who?") end
			return ctx.method .. " " .. ctx.proto
		end
		return api`)
	for token, want := range map[string]int{"good": 200, "bad": 401} {
		h2 := httptest.NewRequest("CONNECT", "/up?token="+token, nil)
		h2.Header[":protocol"], h2.ProtoMajor, h2.Proto = []string{"websocket"}, 2, "HTTP/2.0"
		h3 := httptest.NewRequest("CONNECT", "/up?token="+token, nil)
		h3.ProtoMajor, h3.Proto = 3, "websocket"
		for _, r := range []*http.Request{h2, h3} {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if text := w.Body.String(); w.Code != want || want == 200 && text != fmt.Sprintf("GET HTTP/%d.0", r.ProtoMajor) {
				t.Errorf("HTTP/%d, token %s: %d %s", r.ProtoMajor, token, w.Code, text)
			}
		}
	}
	plain := httptest.NewRequest("CONNECT", "/up?token=bad", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, plain)
	if w.Code != 200 || w.Header().Get("X-Next") != "yes" {
		t.Errorf("a plain CONNECT: %d", w.Code)
	}
}
