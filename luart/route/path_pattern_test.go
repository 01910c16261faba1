package route

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Of each reading of a path the first pattern counts: no way to write it leads around a stricter one.
func TestFirstOf(t *testing.T) {
	var patterns []PathPattern
	for _, text := range []string{"/public/*", "/login", "/users/:id", "/users/*/keys", "/files/*"} {
		p, err := ParsePathPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, p)
	}
	for target, want := range map[string][]int{
		"/":                  nil,
		"/public":            {0},
		"/public/":           {0},
		"/public/a/b":        {0},
		"/publicity":         nil,
		"/login":             {1},
		"/LOGIN":             {1},
		"/login/":            {1},
		"/login/x":           nil,
		"/log%69n":           {1},
		"//login":            {1},
		"/x/../login":        {1},
		"/public/../login":   {0, 1},
		"/public/..%2flogin": {0, 1},
		"/login;v=1":         {1},
		"/login%00.png":      {1},
		"/users/7":           {2},
		"/users/":            nil,
		"/users/7/keys":      {3},
		"/users/7/keys/1":    nil,
		"/files":             {4},
		"/files/a":           {4},
		"/" + strings.Repeat("a%252f%5c;x", 2000): {0, 1, 2, 3, 4},
	} {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		got := FirstOf(&http.Request{Method: "GET", URL: u}, patterns)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%.40s: got %v, want %v", target, got, want)
		}
	}
	for _, text := range []string{"/", "/*"} {
		all, err := ParsePathPattern(text)
		if err != nil || !all.matches("/") || !all.matches("/a/b") || !all.matches("") {
			t.Errorf("%s is not all: %v", text, err)
		}
	}
}

func TestParsePathPatternErrors(t *testing.T) {
	for text, want := range map[string]string{
		"": "begins with a slash", "login": "begins with a slash", "/a//b": "a segment of a pattern", "/a/": "a segment of a pattern",
		"/a*": `"a*": * is a whole segment`, "/a/../b": "a segment of a pattern", "/a%20b": "without escapes", "/a?b": "without a query",
	} {
		if _, err := ParsePathPattern(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// A path that a pattern is made into matches it, whatever stands for its parameters.
func FuzzPathPattern(f *testing.F) {
	for _, text := range []string{"/", "/*", "/a/*", "/a/:id/b", "/A/é", "/a;b", "/a. ", `/\`} {
		f.Add(text, "x")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := ParsePathPattern(text)
		if err != nil || value == "" || strings.Contains(value, "/") {
			return
		}
		path := ""
		for seg := range strings.SplitSeq(strings.TrimSuffix(text[1:], "*"), "/") {
			if seg == "*" || strings.HasPrefix(seg, ":") {
				seg = value
			}
			path += "/" + seg
		}
		u := &url.URL{Path: path}
		if got := FirstOf(&http.Request{Method: "GET", URL: u}, []PathPattern{p}); !slices.Equal(got, []int{0}) {
			t.Errorf("%q does not match %q: %v", path, text, got)
		}
	})
}
