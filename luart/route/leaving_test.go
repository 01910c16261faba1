package route

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// services has routes for parts of a server behind, and hooks nowhere.
func services() *Tree[string] {
	all := func(h string) (list [MethodCount]string) { list[Any] = h; return list }
	rest := func(pattern string) []*Place[string] {
		return []*Place[string]{{Kind: Wildcard, Name: "rest", Pattern: pattern + "/*rest", Handlers: all(pattern)}}
	}
	return New(&Place[string]{Pattern: "/", Children: []*Place[string]{
		{Kind: Static, Name: "api", Pattern: "/api", Handlers: all("/api"), Children: rest("/api")},
		{Kind: Static, Name: "c#", Pattern: "/c#", Children: rest("/c#")},
		{Kind: Static, Name: "npm", Pattern: "/npm", Children: []*Place[string]{
			{Kind: Parameter, Name: "name", Pattern: "/npm/:name", Handlers: all("/npm/:name"), Children: rest("/npm/:name")},
		}},
	}})
}

// pathOf makes a request for a path as a server has it from a client.
func pathOf(t testing.TB, target string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{Method: http.MethodGet, URL: u}
}

func TestPathsThatLeaveTheirRoute(t *testing.T) {
	tree := services()
	var m Match[string]
	for target, leaves := range map[string]bool{
		"/api/x": false, "/api": false, "/api/a/../b": false, "/api/x/..": false, "/api/.hidden/x": false,
		"/api/a..b": false, "/api/...": false, "/api/x%2Fy": false, "/api//x": false, "/api/c%23": false,
		"/api/.": false, "/api/a%2f..%2fb": false, "/api/x?to=/../internal": false, "/api/%C3%A4.txt": false,
		"/api/what%3F..": false, "/api/50%25/..": false, "/%61pi/a/%2e%2e/b": false, "/c%23/a/../b": true,
		"/api/../internal/x": true, "/api/%2e%2e/internal/x": true, "/api/..%2finternal/x": true,
		"/api/%2e%2e%2finternal%2fx": true, "/api/%252e%252e%252finternal": true, `/api/..\internal`: true,
		"/api/..%5cinternal": true, "/api/..;/internal": true, "/api/..;v=1/internal": true, "/api/..": true,
		"/api/x/../..": true, "/api/x//../../internal": true, "/api/x/.././../internal": true,
		"/api/..%00/x": true, "/api/..%3fx": true, "/api/..%23x": true, "/api/../API/x": true,
		"/api/../api/x": false, "/api/..%2fapi": true, "/api/a/../../%2561pi/x": true,
		"/npm/@scope%2Fname": false, "/npm/@scope%2Fname/-/x.tgz": false, "/npm/left-pad/../left-pad": true,
		"/npm/a%2F..%2Fb": true, "/npm/..%2finternal%2fx": true, "/npm/a/x/../y": false, "/npm/a/../b": true,
		"/npm/a/../a/b": false, "/npm/a%2Fb/..": true, "/npm/a%2F.%2Fb": true, "/npm/...": false, "/npm/a.b": false,
		"/none/../api/x": false, // no route: it is for who has the other paths
	} {
		m.Reset()
		if tree.Find(pathOf(t, target), &m); m.Unclear != leaves {
			t.Errorf("%s: route %q, refused: %v, want %v", target, m.Handler, m.Unclear, leaves)
		}
	}
	anywhere := site() // has a wildcard at the root
	m.Reset()
	if anywhere.Find(pathOf(t, "/x/..%2f../y"), &m); m.Handler != "file" || m.Unclear {
		t.Errorf("a route for everything refuses a path: %+v", m)
	}
}

// What a hook sends on must be in its place, as it came; of a path that the script has made, what it
// was made of must be there for all, however it is spelled.
func TestPathsThatLeaveTheirHook(t *testing.T) {
	hook := func(name string) []string { return []string{name} }
	tree := New(&Place[string]{Pattern: "/", Before: hook("root"), Children: []*Place[string]{
		{Kind: Static, Name: "api", Pattern: "/api", Before: hook("api")},
		{Kind: Static, Name: "users", Pattern: "/users", Children: []*Place[string]{
			{Kind: Parameter, Name: "id", Pattern: "/users/:id", Before: hook("user")},
		}},
		{Kind: Static, Name: "files", Pattern: "/files", Children: []*Place[string]{
			{Kind: Wildcard, Name: "rest", Pattern: "/files/*rest", Before: hook("file")},
		}},
	}})
	const (
		stays   = iota
		spelled // it leaves, and is clear for whoever sends a path of its own
		leaves
	)
	for _, tt := range []struct {
		target, hook string
		want         int
	}{
		{"/api", "api", stays},
		{"/api/", "api", stays},
		{"/api/x/y.html", "api", stays},
		{"/api/x%2Fy/a%20b", "api", stays},
		{"/%61pi/x//y", "api", stays},
		{"/api/a/../b", "api", stays},
		{"/api/..%2fapi/x", "api", stays},
		{"/API/x", "api", spelled},
		{"/api;v=1/x", "api", spelled},
		{"/api./x", "api", spelled},
		{"/api%2fx", "api", leaves},
		{"//api/x", "api", leaves},
		{"//internal/api/x", "api", leaves},
		{"/api/..%2finternal", "api", leaves},
		{"/internal/../api/x", "api", leaves},
		{`/internal\..\api`, "api", leaves},
		{"/internal/%252e%252e/api", "api", leaves},
		{"/users/ann/x", "user", stays},
		{"/users/a%2Fb", "user", stays},
		{"/Users/ann", "user", spelled},
		{"/users/ann/..%2f..", "user", leaves},
		{"/users//ann", "user", leaves},
		{"/files/a/b", "file", stays},
		{"/files/a/../..", "file", leaves},
		{"/x/../y", "root", stays},
		{"//x%2f..%2fy", "root", stays},
	} {
		var m Match[string]
		r := pathOf(t, tt.target)
		tree.Find(r, &m)
		if !slices.Contains(m.Before, tt.hook) {
			t.Errorf("%s: the hook %s does not cover it", tt.target, tt.hook)
			continue
		}
		if got, want := m.HookLeaves(tt.hook, r.URL), tt.want != stays; got != want && !m.Unclear {
			t.Errorf("%s leaves the place of %s: %v, want %v", tt.target, tt.hook, got, want)
		}
		if got, want := m.HookUnclear(tt.hook, r.URL), tt.want == leaves; got != want && !m.Unclear {
			t.Errorf("%s is unclear for %s: %v, want %v", tt.target, tt.hook, got, want)
		}
		if got, want := m.HookUnclear(tt.hook, pathOf(t, "/other/x").URL), false; got != want {
			t.Errorf("a path that %s does not cover is unclear for it", tt.hook)
		}
		if !m.HookLeaves("nobody", pathOf(t, "/a/../b").URL) || m.HookLeaves("nobody", pathOf(t, "/a/b").URL) {
			t.Error("what is no hook may send dot segments on, or nothing")
		}
	}
}

func TestPlainPathsCostNoAllocation(t *testing.T) {
	tree := services()
	for _, target := range []string{"/api/x/y", "/api/.well-known/a.js", "/npm/left-pad/-/left-pad-1.0.0.tgz"} {
		r := pathOf(t, target)
		var m Match[string]
		tree.Find(r, &m)
		if n := testing.AllocsPerRun(10, func() { m.Reset(); tree.Find(r, &m) }); n > 0 {
			t.Errorf("%s: %v allocations", target, n)
		}
	}
}

// nginx is how nginx reads a path, by its ngx_http_parse_complex_uri: it decodes once, and then
// merges slashes and removes dot segments; what leads above the root it refuses.
func nginx(escaped string) (read string, ok bool) {
	var kept []string
	p := unescape(escaped, false)
	segments := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for _, seg := range segments {
		switch seg {
		case "", ".":
		case "..":
			if len(kept) == 0 {
				return "", false
			}
			kept = kept[:len(kept)-1]
		default:
			kept = append(kept, seg)
		}
	}
	read = "/" + strings.Join(kept, "/")
	if last := segments[len(segments)-1]; read != "/" && (last == "" || last == "." || last == "..") {
		read += "/"
	}
	return read, true
}

func FuzzLeave(f *testing.F) {
	for _, seed := range []string{
		"/api/../internal/x", "/api/%2e%2e%2finternal%2fx", `/api/..\x`, "/api/..;/x", "/api//..//../x", "/npm/a%2f..%2f..%2fapi",
		"/npm/%2e/x/..", "/api/%252e./..%00", "/c%23/../c", "/api/.%2e%5C%2e.",
	} {
		f.Add(seed)
	}
	tree := services()
	hooked := New(&Place[string]{Pattern: "/", Children: []*Place[string]{
		{Kind: Static, Name: "api", Pattern: "/api", Before: []string{"hook"}},
	}})
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return
		}
		var m Match[string]
		tree.Find(&http.Request{Method: http.MethodGet, URL: u}, &m)
		prefix := map[string]string{"/api": "/api", "/c#": "/c#", "/npm/:name": "/npm"}[m.Handler]
		if prefix == "" || m.Unclear {
			m.Reset()
			hooked.Find(&http.Request{Method: http.MethodGet, URL: u}, &m)
			if len(m.Before) == 0 || m.Unclear || m.HookLeaves("hook", u) {
				return
			}
			m.Handler, prefix = "the hook", "/api"
		}
		check := func(server, read string) {
			if read != prefix && !strings.HasPrefix(read, prefix+"/") {
				t.Errorf("%q is handed on by %s, and %s reads %q", target, m.Handler, server, read)
			}
		}
		check("a server that cleans the decoded path", path.Clean(u.Path))
		check("a server that cleans the path as it came", path.Clean(unescape(path.Clean(u.EscapedPath()), false)))
		check("a server that takes backslashes", path.Clean(strings.ReplaceAll(u.Path, `\`, "/")))
		check("a server that decodes twice", path.Clean(unescape(u.Path, false)))
		if read, ok := nginx(u.EscapedPath()); ok {
			check("nginx", read)
		}
	})
}
