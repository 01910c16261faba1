package luart

import (
	"net/http"
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
	g.tree.find(&http.Request{Method: method, URL: u}, m)
	return m, true
}

// Matching never panics, parameters are what stands in the path, and no spelling of a
// path below /admin gets past its guard.
func FuzzMatch(f *testing.F) {
	g := newServer(f, matchScript).gen
	for _, p := range []string{"/", "/a", "/a/x", "/a/x/b", "/a//", "/admin", "/admin/", "//admin/x", "/x/../admin", "/%61dmin", "/admin%2fx", "/t/admin/x", "/a/%zz", "/\\admin"} {
		f.Add("GET", p)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		m, ok := find(g, method, path)
		if !ok {
			return
		}
		for _, p := range m.params {
			if p.value == "" {
				t.Errorf("%s %q: parameter %s is empty", method, path, p.name)
			}
		}
		u, _ := url.ParseRequestURI(path)
		lax := cleaned(&url.URL{Path: u.Path, RawPath: "/x"}, "")
		if (lax == "/admin" || strings.HasPrefix(lax, "/admin/")) && len(m.before) == 0 {
			t.Errorf("%s %q is read as %q by some backends, and is not guarded", method, path, lax)
		}
	})
}

func TestUnroutedPathsHaveAllGuards(t *testing.T) {
	g := newServer(t, matchScript).gen
	for path, guards := range map[string]int{"/admin": 1, "/admin/x": 1, "/t/admin": 1, "/t/admin/x": 1, "/admin/admin": 2, "/t": 0, "/a/x": 0} {
		m, _ := find(g, "GET", path)
		if len(m.before) != guards {
			t.Errorf("%s: %d guards, want %d", path, len(m.before), guards)
		}
	}
}
