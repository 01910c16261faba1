package schema

import (
	"net/mail"
	"net/url"
	"strings"
	"testing"
)

func TestEmail(t *testing.T) {
	long := strings.Repeat("a", 64)
	domain := strings.Repeat(strings.Repeat("b", 60)+".", 4) + "com"
	for text, want := range map[string]bool{
		"ann@example.com":                 true,
		"a.b+c_d-e@sub.example.com":       true,
		"a@localhost":                     true,
		"!#$%&'*+/=?^_`{|}~-@example.com": true,
		long + "@example.com":             true,
		long + "a@example.com":            false,
		"a@" + domain:                     true, // 249 bytes
		"aaaaaa@" + domain:                true, // 254
		"aaaaaaa@" + domain:               false,
		"":                                false,
		"@":                               false,
		"a@":                              false,
		"@b.c":                            false,
		"a b@c.d":                         false,
		"a@b@c.d":                         false,
		"Ann <ann@example.com>":           false,
		"<ann@example.com>":               false,
		"(x)ann@example.com":              false,
		"ann@example.com(x)":              false,
		`"a b"@example.com`:               false,
		`"ann"@example.com`:               false,
		"ann@[127.0.0.1]":                 false,
		"ann@127.0.0.1.":                  false,
		"ann@127.0.0.1":                   false,
		"ann@example.com.":                false,
		"ann@example..com":                false,
		"ann@-example.com":                false,
		".ann@example.com":                false,
		"a..b@example.com":                false,
		"ann@example.com\n":               false,
		"ann@example.com\r\nBcc: x@y":     false,
		"ann@example.com\x00":             false,
		"ann@exämple.com":                 false,
		"änn@example.com":                 false,
		"ann@example.com,bob@b.c":         false,
		"ann;bob@example.com":             false,
	} {
		if got := Email.Match(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestUUID(t *testing.T) {
	const id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
	for text, want := range map[string]bool{
		id:                                     true,
		strings.ToUpper(id):                    true,
		"00000000-0000-0000-0000-000000000000": true,
		"{" + id + "}":                         false,
		"urn:uuid:" + id:                       false,
		strings.ReplaceAll(id, "-", ""):        false,
		id + " ":                               false,
		" " + id[1:]:                           false,
		id[:35] + "g":                          false,
		id[:35] + "\n":                         false,
		"6ba7b8109-dad-11d1-80b4-00c04fd430c":  false,
		"":                                     false,
	} {
		if got := UUID.Match(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://example.com":                   true,
		"http://example.com:8080/a%20b?c=d&e#f": true,
		"HTTPS://EXAMPLE.com/":                  true,
		"http://localhost/":                     true,
		"http://127.0.0.1/":                     true,
		"http://[::1]:80/":                      true,
		"https://xn--exmple-cua.com/":           true,
		"":                                      false,
		"/a":                                    false,
		"//example.com":                         false,
		"example.com":                           false,
		"http:example.com":                      false,
		"http:/example.com":                     false,
		"http:///a":                             false,
		"http://":                               false,
		"http://:80/":                           false,
		"javascript:alert(1)":                   false,
		"javascript://example.com/%0aalert(1)":  false,
		"ftp://example.com":                     false,
		"http://user@example.com":               false,
		"http://good.com@evil.com/":             false,
		"http://@example.com/":                  false,
		`http://evil.com\@good.com/`:            false,
		`http:\\example.com`:                    false,
		"http://example.com/a b":                false,
		" http://example.com":                   false,
		"http://example.com\n":                  false,
		"http://example.com/\x00":               false,
		"http://exa mple.com":                   false,
		"http://exämple.com":                    false,
		"http://example.com/ä":                  false,
		"http://exa%6dple.com/":                 false,
		"http://example.com/%zz":                false,
		"http://example.com/?a=%zz":             false,
		"http://example.com:0/":                 false,
		"http://example.com:65536/":             false,
		"http://example.com:/":                  false,
		"http://example.com:80a/":               false,
		"http://[fe80::1%25eth0]/":              false,
		"http://[127.0.0.1]/":                   false,
		"http://2130706433/":                    false,
		"http://127.1/":                         false,
		"http://0177.0.0.1/":                    false,
		"http://1.2.3.4.5/":                     false,
		"http://" + strings.Repeat("a", MaxURLBytes) + "/": false,
	} {
		if got := URL.Match(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// What is taken can be read in one way: it says the same once more, and has nothing in it that ends a
// line or a header.
func FuzzFormats(f *testing.F) {
	f.Add("ann@example.com")
	f.Add("http://example.com:8080/a%20b?c=d#e")
	f.Add("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	f.Add("http://good.com@evil.com/")
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []Format{Email, UUID, URL} {
			if !format.Match(text) {
				continue
			}
			if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
				t.Errorf("%s takes %q", format, text)
			}
			switch format {
			case Email:
				if a, err := mail.ParseAddress("<" + text + ">"); err != nil || a.Address != text {
					t.Errorf("%q is read as %v, %v", text, a, err)
				}
			case URL:
				u, err := url.Parse(text)
				if err != nil || u.User != nil || u.Host == "" || !strings.EqualFold(u.String()[:len(u.Scheme)+3+len(u.Host)], text[:len(u.Scheme)+3+len(u.Host)]) {
					t.Errorf("%q is read as %v, %v", text, u, err)
				}
			}
		}
	})
}
