package route

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func mounts() *Tree[string] {
	at := func(kind Kind, name, mount string, children ...*Place[string]) *Place[string] {
		return &Place[string]{Kind: kind, Name: name, Mount: mount, Children: children}
	}
	return New(at(Static, "", "root",
		at(Static, "assets", "assets", at(Static, "img", "img"), at(Static, "js", "")),
		at(Static, "a", "", at(Static, "b", "")),
		at(Parameter, "tenant", "", at(Static, "b", "tenant"), at(Parameter, "x", "", at(Static, "deep", "deep"))),
	))
}

func TestMounted(t *testing.T) {
	tree := mounts()
	for path, want := range map[string]string{
		"/":                  `root "" slash clear`,
		"/x.txt":             `root "x.txt" slash clear`,
		"/x/":                `root "x/" slash clear`,
		"/assets":            `assets "" clear`,
		"/assets/":           `assets "" slash clear`,
		"/assets/a/b.css":    `assets "a/b.css" slash clear`,
		"/assets/img/x.png":  `img "x.png" slash clear`,
		"/assets/js/x.js":    `assets "js/x.js" slash clear`,
		"/assetsx/y":         `root "assetsx/y" slash clear`,
		"/%61ssets/y":        `assets "y" slash clear`,
		"/assets/%61":        `assets "a" slash clear`,
		"/assets/a%20b":      `assets "a b" slash clear`,
		"/assets/a;b":        `assets "a;b" slash clear`,
		"/acme/b/logo.png":   `tenant "logo.png" slash clear`,
		"/a/b/logo.png":      `tenant "logo.png" slash clear`,
		"/a/b/deep/x":        `deep "x" slash clear`,
		"/assets/%252e%252e": `assets "%2e%2e" slash clear`,
		"/assets/..":         `assets "" slash`,
		"/assets/../x":       `assets "" slash`,
		"/assets/%2e%2e/x":   `assets "" slash`,
		"/assets/.%2E/x":     `assets "" slash`,
		"/assets/a%2Fb":      `assets "" slash`,
		"/assets/..%2fx":     `assets "" slash`,
		"/assets/a%5Cb":      `assets "" slash`,
		"/assets/a%00":       `assets "" slash`,
		"/assets//a":         `assets "" slash`,
		"/assets/a//b":       `assets "" slash`,
		"/assets/./a":        `assets "" slash`,
		"//assets/a":         `root "" slash`,
		"/assets%2Fa":        `root "" slash`,
		"/../assets/a":       `root "" slash`,
	} {
		m := tree.Mounted(httptest.NewRequest(http.MethodGet, path, nil))
		got := fmt.Sprintf("%s %q", m.Mount, m.Name)
		if m.Slash {
			got += " slash"
		}
		if m.Clear {
			got += " clear"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	none := New(&Place[string]{Children: []*Place[string]{{Name: "assets", Mount: "m"}}})
	if m := none.Mounted(httptest.NewRequest(http.MethodGet, "/other/x", nil)); m.Mount != "" {
		t.Errorf("got %+v", m)
	}
	if m := none.Mounted(httptest.NewRequest(http.MethodOptions, "*", nil)); m.Mount != "" {
		t.Errorf("got %+v", m)
	}
}

func FuzzMounted(f *testing.F) {
	for _, path := range []string{"/assets/a", "/assets/..%2f", "/%2e%2e/assets", "/assets/%5c..%5c", "//a//b"} {
		f.Add(path)
	}
	tree := mounts()
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := r.URL.Parse(path)
		if err != nil {
			return
		}
		r.URL = u
		m := tree.Mounted(r)
		if !m.Clear {
			return
		}
		for i, seg := range strings.Split(m.Name, "/") {
			if seg == ".." || seg == "." || strings.ContainsAny(seg, "\\\x00") || seg == "" && i < strings.Count(m.Name, "/") {
				t.Errorf("%q is the file %q", path, m.Name)
			}
		}
	})
}
