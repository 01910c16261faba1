package handler

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

// readers are servers that may stand behind a script, each with the path that it makes of a
// request's target. Where the server's own code can be called, it is.
var readers = map[string]func(t testing.TB, u *url.URL) string{
	"net/http.ServeMux": func(_ testing.TB, u *url.URL) string {
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/admin/", func(http.ResponseWriter, *http.Request) {})
		_, pattern := mux.Handler(&http.Request{Method: "GET", URL: u})
		return pattern
	},
	"Caddy's path matcher": func(t testing.TB, u *url.URL) string {
		r := &http.Request{Method: "GET", URL: u}
		r = r.WithContext(context.WithValue(context.Background(), caddy.ReplacerCtxKey, caddy.NewReplacer()))
		for _, patterns := range []caddyhttp.MatchPath{{"/admin/*", "/admin"}, {"//admin/*"}, {"/%61dmin/*"}} {
			if is, err := patterns.MatchWithError(r); err != nil {
				t.Fatal(err)
			} else if is {
				return "/admin"
			}
		}
		return ""
	},
	"file_server": func(_ testing.TB, u *url.URL) string {
		return strings.TrimPrefix(caddyhttp.SanitizedPathJoin("/srv", u.Path), "/srv")
	},
	"file_server behind uri path_regexp": func(_ testing.TB, u *url.URL) string {
		return caddyhttp.CleanPath(u.Path, false)
	},
	"path.Clean":                   func(_ testing.TB, u *url.URL) string { return path.Clean(u.Path) },
	"path.Clean, escapes kept":     func(_ testing.TB, u *url.URL) string { return unescapeOnce(path.Clean(u.EscapedPath())) },
	"path.Clean, twice decoded":    func(_ testing.TB, u *url.URL) string { return path.Clean(unescapeOnce(u.Path)) },
	"a server on Windows":          func(_ testing.TB, u *url.URL) string { return path.Clean(strings.ReplaceAll(u.Path, `\`, "/")) },
	"a server that ignores case":   func(_ testing.TB, u *url.URL) string { return strings.ToLower(path.Clean(u.Path)) },
	"RFC 3986, as net/url":         func(_ testing.TB, u *url.URL) string { return resolve(u.RequestURI()) },
	"RFC 3986, then decoded":       func(_ testing.TB, u *url.URL) string { return removeDotSegments(u.EscapedPath()) },
	"RFC 3986 of the decoded path": func(_ testing.TB, u *url.URL) string { return removeDotSegments(u.Path) },
	"WHATWG":                       func(_ testing.TB, u *url.URL) string { return whatwgPath(u.EscapedPath()) },
	"a Java server": func(_ testing.TB, u *url.URL) string {
		return path.Clean(unescapeOnce(withoutParameters(u.EscapedPath())))
	},
	"a Java server that decodes first": func(_ testing.TB, u *url.URL) string {
		return path.Clean(withoutParameters(u.Path))
	},
	"a Java server that strips last": func(_ testing.TB, u *url.URL) string {
		return withoutParameters(path.Clean(u.Path))
	},
	"C strings": func(_ testing.TB, u *url.URL) string {
		p, _, _ := strings.Cut(u.Path, "\x00")
		return path.Clean(p)
	},
}

func unescapeOnce(p string) string {
	if d, err := url.PathUnescape(p); err == nil {
		return d
	}
	return p
}

func resolve(target string) string {
	base, _ := url.Parse("http://host/")
	ref, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return base.ResolveReference(ref).Path
}

// removeDotSegments is the algorithm of RFC 3986, 5.2.4, to the letter, then decoded.
func removeDotSegments(in string) string {
	var out string
	for in != "" {
		switch {
		case strings.HasPrefix(in, "../"):
			in = in[3:]
		case strings.HasPrefix(in, "./"):
			in = in[2:]
		case strings.HasPrefix(in, "/./"):
			in = in[2:]
		case in == "/.":
			in = "/"
		case strings.HasPrefix(in, "/../"):
			in = in[3:]
			out = out[:max(strings.LastIndexByte(out, '/'), 0)]
		case in == "/..":
			in = "/"
			out = out[:max(strings.LastIndexByte(out, '/'), 0)]
		case in == "." || in == "..":
			in = ""
		default:
			end := strings.IndexByte(in[1:], '/') + 1
			if end == 0 {
				end = len(in)
			}
			out, in = out+in[:end], in[end:]
		}
	}
	return unescapeOnce(out)
}

// whatwgPath is the pathname of new URL(target, "http://host"), decoded.
func whatwgPath(target string) string {
	target = strings.ReplaceAll(target, `\`, "/")
	if strings.HasPrefix(target, "//") {
		_, rest, _ := strings.Cut(strings.TrimLeft(target, "/"), "/")
		target = "/" + rest
	}
	var kept []string
	segments := strings.Split(target[1:], "/")
	for i, seg := range segments {
		last := i == len(segments)-1
		switch strings.ReplaceAll(strings.ToLower(seg), "%2e", ".") {
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		case ".":
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, seg)
		}
	}
	return unescapeOnce("/" + strings.Join(kept, "/"))
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, seg := range segments {
		segments[i], _, _ = strings.Cut(seg, ";")
	}
	return strings.Join(segments, "/")
}

// guarded answers requests by a script whose only guard is on /admin.
func guarded(t testing.TB) func(u *url.URL) int {
	vm, err := luart.NewVM(luart.VMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vm.Close(context.Background()) })
	gen, err := vm.Load(context.Background(), luart.Script{
		Path: filepath.Join(t.TempDir(), "app.lua"), Timeout: time.Minute, Burst: time.Minute,
		Logger: zap.NewNop(),
		Source: []byte(`
			local api = rover.server {}
			function api.admin.before.guard(ctx) return api:error(401, "who are you?") end
			return api`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(u *url.URL) int {
		w := httptest.NewRecorder()
		x := gen.Begin(w, (&http.Request{Method: "GET", URL: u, Header: http.Header{}}).WithContext(context.Background()), host{}, nil)
		if x == nil {
			return http.StatusOK
		}
		defer x.End()
		if outcome, err := x.Run(); err != nil || outcome != luart.Answer {
			return http.StatusOK
		}
		if err := x.Write(w); err != nil {
			t.Fatal(err)
		}
		return w.Code
	}
}

// FuzzGuard: whatever a server behind makes of a target, if it finds /admin there, the guard on
// /admin has had its say.
func FuzzGuard(f *testing.F) {
	for _, target := range []string{
		"/admin", `/x\y/../admin/s`, "/x%5cy/../admin/s", "x:admin/s", "/ADMIN/s", "/%E2%84%AAeys", "/x%2fy/../admin/s",
		"/y/../admin//../s", "/admin;v=1/s", "/x/..;/admin", "//host/admin", "/%2561dmin", "/admin%00x", "/x/%2e%2e/admin",
		"http://host/x/../admin", "*", "/a%2f..%2f..%5cadmin", "/./admin/.", "/%2f/admin",
	} {
		f.Add(target)
	}
	status := guarded(f)
	f.Fuzz(func(t *testing.T, target string) {
		// What is made of few letters comes near /admin sooner than any bytes do.
		for _, target := range []string{target, spell(target)} {
			u, err := url.ParseRequestURI(target)
			if err != nil {
				continue
			}
			got := status(u)
			if !strings.HasPrefix(u.Path, "/") {
				if u.Path != "" && got != http.StatusBadRequest || u.Opaque != "" && got != http.StatusBadRequest {
					t.Errorf("%q: %d, want 400", target, got)
				}
				continue
			}
			for name, read := range readers {
				p := read(t, u)
				if below(p) && got != http.StatusUnauthorized && got != http.StatusBadRequest {
					t.Errorf("%q is %q to %s, and the guard did not run", target, p, name)
				}
			}
		}
	})
}

func below(p string) bool { return p == "/admin" || strings.HasPrefix(p, "/admin/") }

// spell makes a target of the pieces that readings differ in.
func spell(seed string) string {
	pieces := []string{
		"/", "/", "/", "admin", "admin", "ADMIN", "x", ".", "..", "/../", "//", `\`, "%5c", "%5C", "%2f", "%2F",
		"%2e", "%2E%2e", ";", ";v=1", "%3b", "%", "%25", "%252e", "%252f", "%61dmin", "ad%6din", "%00", "%20", "?", "#", "%23", "%3f", ":",
	}
	var b strings.Builder
	b.WriteByte('/')
	for i := 0; i < len(seed) && i < 16; i++ {
		b.WriteString(pieces[int(seed[i])%len(pieces)])
	}
	return b.String()
}

// The readers find what they are there to find.
func TestReaders(t *testing.T) {
	for name, target := range map[string]string{
		"net/http.ServeMux":                  "/x/../admin/s",
		"Caddy's path matcher":               "/ADMIN/s",
		"file_server":                        `/x\y/../admin/s`,
		"file_server behind uri path_regexp": "/y/../admin",
		"path.Clean":                         "//x/..//admin",
		"path.Clean, escapes kept":           "/x%2fy/../admin",
		"path.Clean, twice decoded":          "/%2561dmin",
		"a server on Windows":                `/x\..\admin`,
		"a server that ignores case":         "/aDMIN",
		"RFC 3986, as net/url":               "/x/../admin",
		"RFC 3986, then decoded":             "/y/../admin//../s",
		"RFC 3986 of the decoded path":       "/y/../admin//../s",
		"WHATWG":                             "/x%2fy/%2e%2E/admin",
		"a Java server":                      "/x/..;a/admin;b",
		"a Java server that decodes first":   "/x/..%3ba/admin;b",
		"a Java server that strips last":     "/admin;x/s",
		"C strings":                          "/admin%00x",
	} {
		read := readers[name]
		if read == nil {
			t.Fatalf("no reader %s", name)
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		if p := read(t, u); !below(p) {
			t.Errorf("%s makes %q of %s", name, p, target)
		}
	}
	for name, read := range readers {
		if p := read(t, &url.URL{Path: "/other/admin"}); below(p) {
			t.Errorf("%s makes %q of /other/admin", name, p)
		}
	}
	if len(readers) < 17 {
		t.Errorf("%d readers", len(readers))
	}
}
