package urltext

import (
	"net/url"
	"testing"
)

func TestEscapeReference(t *testing.T) {
	for text, want := range map[string]string{
		"/a/b?x=1&y=2#z":                  "/a/b?x=1&y=2#z",
		"/new path/é?x=ü&y=a b":           "/new%20path/%C3%A9?x=%C3%BC&y=a%20b",
		"/a%20b%2fc?q=%C3%A9":             "/a%20b%2fc?q=%C3%A9",
		"/100%?q=5%2":                     "/100%25?q=5%252",
		`/\evil.test`:                     "/%5Cevil.test",
		"https://[::1]:8443/a;b=c,d@e!$'": "https://[::1]:8443/a;b=c,d@e!$'",
		"\xff":                            "%FF",
		"":                                "",
	} {
		if got := EscapeReference(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What is escaped is escaped, and means what the text meant.
func FuzzEscapeReference(f *testing.F) {
	f.Add("/new path/é?x=ü&y=a b%")
	f.Fuzz(func(t *testing.T, text string) {
		once := EscapeReference(text)
		if again := EscapeReference(once); again != once {
			t.Errorf("%q: escaped %q, and again %q", text, once, again)
		}
		for i := range len(once) {
			if once[i] <= ' ' || once[i] >= 0x7f {
				t.Errorf("%q: %q has the byte %#x", text, once, once[i])
			}
		}
		meant, err1 := url.PathUnescape(text)
		got, err2 := url.PathUnescape(once)
		if err1 == nil && (err2 != nil || got != meant) {
			t.Errorf("%q means %q, and %q means %q", text, meant, once, got)
		}
	})
}
