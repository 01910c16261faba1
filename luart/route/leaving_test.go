package route

import (
	"net/http"
	"net/url"
	"path"
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
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.Path, "/") {
			return
		}
		var m Match[string]
		tree.Find(&http.Request{Method: http.MethodGet, URL: u}, &m)
		prefix := map[string]string{"/api": "/api", "/c#": "/c#", "/npm/:name": "/npm"}[m.Handler]
		if prefix == "" || m.Unclear {
			return
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
