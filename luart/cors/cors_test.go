package cors

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func mustNew(t testing.TB, o Options) *Policy {
	t.Helper()
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a script names is made what browsers send; what no browser sends is refused.
func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://app.example":        "https://app.example",
		"HTTPS://App.Example":        "https://app.example",
		"https://app.example:443":    "https://app.example",
		"http://app.example:80":      "http://app.example",
		"https://app.example:80":     "https://app.example:80",
		"http://localhost:5173":      "http://localhost:5173",
		"http://127.0.0.1:8080":      "http://127.0.0.1:8080",
		"http://[::1]:3000":          "http://[::1]:3000",
		"https://xn--bcher-kva.de":   "https://xn--bcher-kva.de",
		"https://app.example.":       "https://app.example.",
		"chrome-extension://abcdef":  "chrome-extension://abcdef",
		"capacitor://localhost":      "capacitor://localhost",
		"null":                       "",
		"":                           "",
		"*":                          "",
		"app.example":                "",
		"://app.example":             "",
		"1://app.example":            "",
		"https://":                   "",
		"https://app.example/":       "",
		"https://app.example/a":      "",
		"https://app.example?":       "",
		"https://app.example#":       "",
		`https://app.example\`:       "",
		"https://ann@app.example":    "",
		"https://*.example":          "",
		"https://app.example:":       "",
		"https://app.example:0":      "",
		"https://app.example:065":    "",
		"https://app.example:+65":    "",
		"https://app.example:65536":  "",
		"https://app.example:1:2":    "",
		"https://app..example":       "",
		"https://.example":           "",
		"https://bücher.de":          "",
		"https://a b":                "",
		"https://a,b":                "",
		"https://127.1":              "",
		"https://0x7f.1":             "",
		"https://256.1.1.1":          "",
		"https://1.0x1":              "",
		"http://[::1":                "",
		"http://::1":                 "",
		"http://[0:0:0:0:0:0:0:1]":   "",
		"http://[fe80::1%25eth0]":    "",
		"http://[::ffff:1.2.3.4]":    "",
		"file:///a":                  "",
		"file://":                    "",
		"https://app.example\r\nX:1": "",
		"https://" + strings.Repeat("a.", 200) + "example": "",
	} {
		got, err := ParseOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// Only the origins that a policy names are allowed, byte by byte, and what is not one is not
// repeated.
func TestAllow(t *testing.T) {
	list := mustNew(t, Options{Origins: []string{"https://App.example:443", "http://localhost:5173"}, Credentials: true})
	echo := mustNew(t, Options{Origins: []string{"*"}, Credentials: true, AnyWithCredentials: true})
	asked := mustNew(t, Options{Asked: true})
	all := mustNew(t, Options{Origins: []string{"*"}})
	for _, c := range []struct {
		origin                 []string
		list, echo, asked, any string
	}{
		{nil, "", "", "", "*"},
		{[]string{"https://app.example"}, "https://app.example", "https://app.example", "https://app.example", "*"},
		{[]string{"http://localhost:5173"}, "http://localhost:5173", "http://localhost:5173", "http://localhost:5173", "*"},
		{[]string{"https://evil.example"}, "", "https://evil.example", "https://evil.example", "*"},
		{[]string{"http://app.example"}, "", "http://app.example", "http://app.example", "*"},
		{[]string{"https://app.example:8443"}, "", "https://app.example:8443", "https://app.example:8443", "*"},
		{[]string{"https://app.example.evil.example"}, "", "https://app.example.evil.example", "https://app.example.evil.example", "*"},
		{[]string{"https://app.example:443"}, "", "", "", "*"}, // none of these a browser sends
		{[]string{"https://APP.example"}, "", "", "", "*"},
		{[]string{"https://app.example/"}, "", "", "", "*"},
		{[]string{"https://app.example, https://evil.example"}, "", "", "", "*"},
		{[]string{"https://app.example", "https://evil.example"}, "", "", "", ""},
		{[]string{"https://app.example", "https://app.example"}, "", "", "", ""},
		{[]string{"null"}, "", "", "", "*"},
		{[]string{"*"}, "", "", "", "*"},
		{[]string{""}, "", "", "", "*"},
		{[]string{"https://app.example\x00"}, "", "", "", "*"},
		{[]string{"https://\xff.example"}, "", "", "", "*"},
		{[]string{strings.Repeat("https://app.example", 4096)}, "", "", "", "*"},
	} {
		h := http.Header{}
		if c.origin != nil {
			h["Origin"] = c.origin
		}
		for _, p := range []struct {
			name   string
			policy *Policy
			want   string
		}{{"list", list, c.list}, {"echo", echo, c.echo}, {"asked", asked, c.asked}, {"any", all, c.any}, {"off", nil, ""}} {
			if got := p.policy.Allow(h); got != p.want {
				t.Errorf("%.60q, %s: got %q, want %q", c.origin, p.name, got, p.want)
			}
		}
	}
}

// What others have said is replaced, not doubled, and caches are told that the origin matters.
func TestSet(t *testing.T) {
	upstream := func() http.Header {
		return http.Header{
			"Access-Control-Allow-Origin": {"*", "https://evil.example"}, "Access-Control-Allow-Credentials": {"true"},
			"Access-Control-Allow-Methods": {"*"}, "Access-Control-Expose-Headers": {"*"}, "Vary": {"Accept, origin"}, "Etag": {"1"},
		}
	}
	p := mustNew(t, Options{Origins: []string{"https://app.example"}, Credentials: true, Expose: []string{"Retry-After", "X-Total"}, MaxAge: 600})
	for _, c := range []struct {
		policy    *Policy
		allowed   string
		preflight bool
		header    http.Header
		want      string
	}{
		{
			p, "https://app.example", false, upstream(),
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Origin: https://app.example\nAccess-Control-Expose-Headers: Retry-After, X-Total\nEtag: 1\nVary: Accept, origin\n",
		},
		{p, "", false, upstream(), "Etag: 1\nVary: Accept, origin\n"},
		{p, "", false, http.Header{"Vary": {"Accept"}}, "Vary: Accept\nVary: Origin\n"},
		{p, "", false, http.Header{"Vary": {"*"}}, "Vary: *\n"},
		{p, "", true, http.Header{}, "Vary: Origin\n"},
		{
			p, "https://app.example", true,
			http.Header{},
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Headers: Content-Type, Authorization\nAccess-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD\n" +
				"Access-Control-Allow-Origin: https://app.example\nAccess-Control-Max-Age: 600\nVary: Origin\n",
		},
		{mustNew(t, Options{Origins: []string{"*"}}), "*", false, http.Header{"Vary": {"Accept"}}, "Access-Control-Allow-Origin: *\nVary: Accept\n"},
		{
			mustNew(t, Options{Origins: []string{"*"}, Headers: []string{"*"}, Methods: []string{}}), "*", true,
			http.Header{},
			"Access-Control-Allow-Headers: *\nAccess-Control-Allow-Origin: *\nAccess-Control-Max-Age: 0\n",
		},
		{nil, "", false, http.Header{"Access-Control-Allow-Origin": {"*"}}, "Access-Control-Allow-Origin: *\n"},
	} {
		if c.preflight {
			c.policy.SetPreflight(c.header, c.allowed)
		} else {
			c.policy.Set(c.header, c.allowed)
		}
		var got strings.Builder
		if err := c.header.Write(&got); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(got.String(), "\r", ""); got != c.want {
			t.Errorf("%v, %q:\n%swant:\n%s", c.policy, c.allowed, got, c.want)
		}
	}
}

// Adding to Vary does not write into a list that somebody else has.
func TestSetSharesNothing(t *testing.T) {
	shared := append(make([]string, 0, 4), "Accept")
	p := mustNew(t, Options{Origins: []string{"https://app.example"}})
	p.Set(http.Header{"Vary": shared}, "")
	if rest := shared[:2]; rest[1] != "" {
		t.Errorf("got %q", rest)
	}
}

func TestOptionErrors(t *testing.T) {
	one := []string{"https://app.example"}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{}, "origin: an origin expected"},
		{Options{Origins: []string{"*", one[0]}}, `origin: "*" is every origin, and stands alone`},
		{Options{Origins: []string{"null"}}, `origin: "null" is no origin: any page can send it, from a sandbox`},
		{Options{Origins: make([]string, MaxOrigins+1)}, "origin: at most 1000 origins"},
		{Options{Origins: one, Methods: []string{"GET", "patch"}}, "methods: browsers tell patch from PATCH: methods are written in capitals"},
		{Options{Origins: one, Methods: []string{"GET POST"}}, `methods: "GET POST" is no name`},
		{Options{Origins: one, Headers: []string{""}}, `headers: "" is no name`},
		{Options{Origins: one, Headers: []string{"*"}, Credentials: true}, `headers: with credentials "*" means nothing to browsers: name them`},
		{Options{Origins: one, Expose: []string{"*", "Etag"}}, `expose: "*" is every one, and stands alone`},
		{Options{Origins: one, Headers: make([]string, MaxNames+1)}, "headers: at most 100 names"},
		{Options{Origins: []string{"*"}, Credentials: true}, ErrAnyWithCredentials.Error()},
	} {
		_, err := New(c.options)
		if err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := New(Options{Origins: []string{"*"}, Credentials: true}); !errors.Is(err, ErrAnyWithCredentials) {
		t.Errorf("got %v", err)
	}
}

// A path that is at two places has what both allow.
func TestAnd(t *testing.T) {
	a := mustNew(t, Options{Origins: []string{"https://a.example", "https://both.example"}, Credentials: true, Headers: []string{"X-A", "x-both"}, MaxAge: 10})
	b := mustNew(t, Options{Origins: []string{"https://b.example", "https://both.example"}, Headers: []string{"X-Both"}, Methods: []string{"*"}, MaxAge: 20})
	all := mustNew(t, Options{Origins: []string{"*"}})
	echo := mustNew(t, Options{Asked: true, Credentials: true})
	h := http.Header{}
	And(a, b).SetPreflight(h, "https://both.example")
	want := http.Header{
		"Access-Control-Allow-Origin": {"https://both.example"}, "Access-Control-Allow-Methods": {"GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD"},
		"Access-Control-Allow-Headers": {"x-both"}, "Access-Control-Max-Age": {"10"}, "Vary": {"Origin"},
	}
	for name, values := range want {
		if !slices.Equal(h[name], values) {
			t.Errorf("%s: got %q, want %q", name, h[name], values)
		}
	}
	if len(h) != len(want) {
		t.Errorf("got %v", h)
	}
	for name, c := range map[string]struct {
		p    *Policy
		want string
	}{
		"two lists":        {And(a, b), "https://both.example"},
		"a list and all":   {And(a, all), "https://a.example, https://both.example"},
		"all and a list":   {And(all, b), "https://b.example, https://both.example"},
		"a function, list": {And(echo, a), "https://a.example, https://both.example, with credentials"},
		"a function, all":  {And(echo, all), "any origin that a function allows"},
		"all, all":         {And(all, all), "any origin"},
		"off":              {And(a, nil), "off"},
		"off, too":         {And(nil, all), "off"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestIsPreflight(t *testing.T) {
	for _, c := range []struct {
		method       string
		origin, asks []string
		want         string
	}{
		{"OPTIONS", []string{"https://a.example"}, []string{"PATCH"}, "PATCH"},
		{"OPTIONS", []string{"null"}, []string{"GET"}, "GET"},
		{"OPTIONS", nil, []string{"GET"}, ""},
		{"OPTIONS", []string{"https://a.example"}, nil, ""},
		{"OPTIONS", []string{"https://a.example"}, []string{""}, ""},
		{"OPTIONS", []string{"https://a.example"}, []string{"A B"}, ""},
		{"OPTIONS", []string{"https://a.example"}, []string{"GET", "PUT"}, ""},
		{"OPTIONS", []string{"https://a.example", "https://b.example"}, []string{"GET"}, ""},
		{"GET", []string{"https://a.example"}, []string{"GET"}, ""},
	} {
		r := &http.Request{Method: c.method, Header: http.Header{"Origin": c.origin, "Access-Control-Request-Method": c.asks}}
		got, ok := IsPreflight(r)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%+v: got %q, %v", c, got, ok)
		}
	}
}
