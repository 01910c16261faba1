package urltext

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestReadPath(t *testing.T) {
	for text, want := range map[string]string{
		"/":                      "/ /",
		"/a%2Fb/ü\"<":            "/a/b/ü\"< /a%2Fb/%C3%BC%22%3C",
		`/a\b`:                   `/a\b /a%5Cb`,
		"/a.txt/...//.x/..y;v=1": "/a.txt/...//.x/..y;v=1 /a.txt/...//.x/..y;v=1",
		"/%252e%252e/x":          "/%2e%2e/x /%252e%252e/x", // a file called "%2e%2e", for whoever decodes once
		"/public/a b.txt":        `the path "/public/a b.txt": ' ' must be escaped, as %20 (rover.url.path(base, …) escapes parts such as parameters)`,
		"/a?b":                   `the path "/a?b": '?' must be escaped, as %3F (rover.url.path(base, …) escapes parts such as parameters)`,
		"/100%":                  `the path "/100%": "%" is not an escape, a percent sign is written %25 (rover.url.path(base, …) escapes parts such as parameters)`,
	} {
		decoded, sent, err := ReadPath(text)
		got := decoded + " " + sent
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if u := (&url.URL{Path: decoded, RawPath: sent}); err == nil && u.EscapedPath() != sent {
			t.Errorf("%q is sent as %q", text, u.EscapedPath())
		}
	}
	for _, text := range []string{
		"/..", "/.", "/a/../b", "/a/..", "/%2e%2e/x", "/a/.%2E/x", "/public/..%2Fprivate", "/a%2F..", `/a\..\b`, "/a/..%5cb", "/a%5C..",
		"/..;/x", "/a/..%3Bx=1/b", "/.;a", "/a%00b", "/a#b", "/a\x7f", "/a\n", "/%zz", "/%2", "/%u002e",
	} {
		if _, sent, err := ReadPath(text); err == nil {
			t.Errorf("%q was accepted, as %q", text, sent)
		}
	}
}

// FuzzReadPath checks that a path is sent as it was meant: it decodes to the same bytes, and
// no server that resolves dot segments, before or after it decodes, finds one.
func FuzzReadPath(f *testing.F) {
	for _, text := range []string{"/", "/a%2Fb", `/a\..`, "/a/%2e%2e/b", "/ü", "/a;..", "/..;a/b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.HasPrefix(text, "/") {
			return
		}
		decoded, sent, err := ReadPath(text)
		if err != nil {
			return
		}
		u := &url.URL{Path: decoded, RawPath: sent}
		if u.EscapedPath() != sent {
			t.Fatalf("%q is sent as %q, not %q", text, u.EscapedPath(), sent)
		}
		if back, err := url.PathUnescape(sent); err != nil || back != decoded {
			t.Fatalf("%q is sent as %q, which is %q, %v", text, sent, back, err)
		}
		slashes := strings.ReplaceAll(decoded, `\`, "/")
		for strings.Contains(slashes, "//") {
			slashes = strings.ReplaceAll(slashes, "//", "/")
		}
		if clean := path.Clean(slashes); clean != slashes && clean+"/" != slashes {
			t.Fatalf("%q may be taken for %q", text, clean)
		}
	})
}

func TestStripPrefix(t *testing.T) {
	for _, c := range []struct{ path, prefix, want string }{
		{"/api/x%2Fy/a%20b", "/api", "/x%2Fy/a%20b"},
		{"/api", "/api", "/"},
		{"/api/", "/api", "/"},
		{"/api//x", "/api", "//x"},
		{"/%61pi/x", "/api", "/x"},
		{"/api/v1/x", "/api/v1", "/x"},
		{"/my%20files/x", "/my files", "/x"},
		{"/my%20files/x", "/my%20files", "/x"},
		{"/apifoo", "/api", "no"},
		{"/api", "/api/v1", "no"},
		{"/API/x", "/api", "no"},
		{"/api%2Fv1/x", "/api/v1", "no"},
		{"/x/api", "/api", "no"},
		{"/", "/api", "no"},
		{"*", "/api", "no"},
	} {
		got, ok := StripPrefix(c.path, c.prefix)
		if !ok {
			got = "no"
		}
		if got != c.want {
			t.Errorf("%s without %s: got %s, want %s", c.path, c.prefix, got, c.want)
		}
	}
}
