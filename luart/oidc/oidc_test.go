package oidc

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/sealed"
)

// backs are texts that somebody would like browsers to be sent to, and where they are sent.
var backs = map[string]string{
	"/":                             "/",
	"/a/b?c=d&e=//f":                "/a/b?c=d&e=//f",
	"/a//b":                         "/a//b",
	"/a%20b%2Fc":                    "/a%20b%2Fc",
	"/?next=https://evil.com/":      "/?next=https://evil.com/",
	"":                              "/",
	"a":                             "/",
	"//evil.com":                    "/",
	"///evil.com":                   "/",
	`/\evil.com`:                    "/",
	`\\evil.com`:                    "/",
	`/a\..\\evil.com`:               "/",
	"https:evil.com":                "/",
	"https://evil.com":              "/",
	"HTTPS://evil.com":              "/",
	"javascript:alert(1)":           "/",
	"/%2fevil.com":                  "/",
	"/%2Fevil.com":                  "/",
	"/%5cevil.com":                  "/",
	"/%252fevil.com":                "/",
	"/%09/evil.com":                 "/",
	"/\t/evil.com":                  "/",
	"/\r\nSet-Cookie: a=b":          "/",
	"/%0d%0aSet-Cookie:a=b":         "/",
	"/.//evil.com":                  "/",
	"/../evil.com":                  "/",
	"/a/..//evil.com":               "/",
	"/%2e%2e//evil.com":             "/",
	"/a b":                          "/",
	"/ä":                            "/",
	"/%zz":                          "/",
	"/" + strings.Repeat("a", 1024): "/",
}

func TestBack(t *testing.T) {
	for text, want := range backs {
		if got := Back(text); got != want {
			t.Errorf("%q leads to %q, not to %q", text, got, want)
		}
	}
}

// FuzzBack has anything come back: behind the site's own origin it is always a path of the site, also
// where somebody has undone its escapes.
func FuzzBack(f *testing.F) {
	for text := range backs {
		f.Add(text)
	}
	base, _ := url.Parse("https://own.example/x/y")
	f.Fuzz(func(t *testing.T, text string) {
		back := Back(text)
		for range 2 {
			u, err := base.Parse(strings.ReplaceAll(back, `\`, "/"))
			if err != nil || u.Host != "own.example" || u.Scheme != "https" || u.User != nil {
				t.Fatalf("%q leads to %v, %v", text, u, err)
			}
			path, query, _ := strings.Cut(back, "?")
			if path, err = url.PathUnescape(path); err != nil {
				t.Fatalf("%q: %v", back, err)
			}
			if back = path; query != "" {
				back += "?x"
			}
			if strings.ContainsAny(back, "?#%") { // it is read otherwise from here on
				return
			}
		}
	})
}

func TestIsNavigation(t *testing.T) {
	for _, row := range []struct {
		method string
		header http.Header
		want   bool
	}{
		{"GET", http.Header{"Accept": {"text/html"}}, true},
		{"HEAD", http.Header{"Accept": {"image/png", "a/b, TEXT/HTML;q=0.1"}}, true},
		{"GET", http.Header{"Sec-Fetch-Mode": {"navigate"}}, true},
		{"GET", http.Header{"Sec-Fetch-Mode": {"navigate", "cors"}}, false},
		{"GET", http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Accept": {"text/html"}}, false},
		{"GET", http.Header{"Accept": {"application/json, text/plain, */*"}}, false},
		{"GET", http.Header{"Accept": {"text/html"}, "X-Requested-With": {"xmlhttprequest"}}, false},
		{"GET", http.Header{"Accept": {"text/html"}, "Upgrade": {"websocket"}}, false},
		{"GET", nil, false},
		{"POST", http.Header{"Accept": {"text/html"}}, false},
		{"CONNECT", http.Header{"Accept": {"text/html"}}, false},
	} {
		if got := IsNavigation(&http.Request{Method: row.method, Header: row.header}); got != row.want {
			t.Errorf("%s %v: %v", row.method, row.header, got)
		}
	}
}

// Who is let in. Each rule must hold, and what is missing lets nobody in.
func TestAllow(t *testing.T) {
	for _, row := range []struct {
		allow  Allow
		claims string
		want   bool
	}{
		{Allow{}, `{}`, true},
		{Allow{Groups: []string{"a", "b"}, GroupsClaim: "groups"}, `{"groups":["x","b"]}`, true},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{"groups":"a"}`, true},
		{Allow{Groups: []string{"a"}, GroupsClaim: "realm.roles"}, `{"realm":{"roles":["a"]}}`, true},
		{Allow{Groups: []string{"a"}, GroupsClaim: "realm.roles"}, `{"realm.roles":"a"}`, true},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{"groups":["A"]}`, false},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{"groups":["a",1]}`, false},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{"groups":{"a":true}}`, false},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{"GROUPS":["a"]}`, false},
		{Allow{Groups: []string{"a"}, GroupsClaim: "groups"}, `{}`, false},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"Ann@A.example","email_verified":true}`, true},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example","email_verified":"true"}`, true},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example","email_verified":false}`, false},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example","email_verified":"false"}`, false},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example","email_verified":1}`, false},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example"}`, false},
		{Allow{Emails: []string{"ann@a.example"}}, `{"email":"ann@a.example","Email_Verified":true}`, false},
		{Allow{Emails: []string{"mike@a.example"}}, `{"email":"mi\u212ae@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"bob@A.example","email_verified":true}`, true},
		{Allow{Domains: []string{"a.example"}}, `{"email":"bob@b.a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"bob@a.example@evil.com","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":["x@a.example"],"email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}, Emails: []string{"x@b.example"}}, `{"email":"x@b.example","email_verified":true}`, true},
		{Allow{Domains: []string{"a.example"}, Groups: []string{"a"}, GroupsClaim: "groups"}, `{"email":"x@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"a@evil@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"\"a@evil.com\"@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"\"a\"@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"a b@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x@evil.com,a@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x,y@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x<y@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x\u0000@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x\u00a0@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x\u202e@a.example","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"x@a.example ","email_verified":true}`, false},
		{Allow{Domains: []string{"a.example"}}, `{"email":"o'neil+x.ä@a.example","email_verified":true}`, true},
		{Allow{Emails: []string{"a@b@a.example"}}, `{"email":"a@b@a.example","email_verified":true}`, false},
		{Allow{Emails: []string{`"a"@a.example`}}, `{"email":"\"a\"@a.example","email_verified":true}`, false},
		{Allow{HD: []string{"a.example"}}, `{"hd":"a.example"}`, true},
		{Allow{HD: []string{"a.example"}}, `{"hd":"b.example"}`, false},
		{Allow{HD: []string{"a.example"}}, `{"email":"x@a.example","email_verified":true}`, false},
		{Allow{Subjects: []string{"1"}}, `{"sub":"1"}`, true},
		{Allow{Subjects: []string{"1"}}, `{"sub":1}`, false},
		{Allow{Subjects: []string{"1"}}, `{}`, false},
	} {
		claims, err := ParseClaims(json.RawMessage(row.claims))
		if err != nil {
			t.Fatal(err)
		}
		if err := row.allow.Check(claims); (err == nil) != row.want {
			t.Errorf("%+v, %s: %v", row.allow, row.claims, err)
		}
	}
}

// Each name that a program could take for one of the headers is foreign, whoever spells it how.
func TestHeaders(t *testing.T) {
	h, err := NewHeaders(map[string]string{"X-User": "sub", "X-Groups": "groups", "X-Admin": "admin", "X-Age": "age", "X-None": "none"})
	if err != nil {
		t.Fatal(err)
	}
	got := h.Foreign(http.Header{
		"X-User": nil, "X_user": nil, "x-USER": nil, "X_User": nil, "X-Groups": nil, "X-Users": nil, "Xuser": nil, "Accept": nil, "X--User": nil,
	})
	slices.Sort(got)
	if want := []string{"X-Admin", "X-Age", "X-Groups", "X-None", "X-User", "X_User", "X_user", "x-USER"}; !slices.Equal(got, want) {
		t.Errorf("foreign are %q, not %q", got, want)
	}
	values, err := h.Values(Claims{"sub": "ännchen", "groups": []any{"a", "b c"}, "admin": true, "age": float64(42)})
	want := map[string]string{"X-User": "ännchen", "X-Groups": "a,b c", "X-Admin": "true", "X-Age": "42"}
	if err != nil || !maps.Equal(values, want) {
		t.Errorf("%q, %v", values, err)
	}
	for _, wrong := range []any{
		"a,b", ",", "a\nb", "a\x00", "a\x7f", "a\u0085", " a", "a\t", "\xff",
		[]any{"a,b"},
		[]any{"a", ""},
		[]any{1.0},
		[]any{"a\r"},
		map[string]any{},
		strings.Repeat("a", 8<<10+1),
	} {
		if values, err := h.Values(Claims{"sub": wrong}); err == nil {
			t.Errorf("%q makes %q", wrong, values)
		}
	}
	if values, err := h.Values(Claims{"groups": []any{}}); err != nil || len(values) != 0 {
		t.Errorf("no groups make %q, %v", values, err)
	}
}

// An attempt opens for its own login only, and for ten minutes.
func TestAttempts(t *testing.T) {
	of := func(name, issuer, client, key string) *Attempts {
		c := &Config{Name: name, Issuer: issuer, ClientID: client, Redirects: []*url.URL{{Scheme: "https", Host: "a", Path: "/b"}}}
		box, err := sealed.New([]string{strings.Repeat(key, 32)}, "p", c.Context())
		if err != nil {
			t.Fatal(err)
		}
		return NewAttempts(c, box)
	}
	now := time.Unix(1_790_000_000, 0)
	a := of("login", "i", "c", "k")
	attempt := NewAttempt("//evil.com", now, rand.Reader)
	value := a.Seal(attempt, rand.Reader)
	if strings.Contains(value, attempt.State) || attempt.Back != "/" {
		t.Error(value, attempt)
	}
	for about, row := range map[string]struct {
		a    *Attempts
		now  time.Time
		want bool
	}{
		"its own":         {a, now, true},
		"almost too late": {a, now.Add(AttemptLife - time.Second), true},
		"too late":        {a, now.Add(AttemptLife), false},
		"of the future":   {a, now.Add(-time.Hour), false},
		"another name":    {of("other", "i", "c", "k"), now, false},
		"another issuer":  {of("login", "j", "c", "k"), now, false},
		"another client":  {of("login", "i", "d", "k"), now, false},
		"another key":     {of("login", "i", "c", "l"), now, false},
		"names as one":    {of("login", "i\x00c", "", "k"), now, false},
	} {
		got, ok := row.a.Open(value, row.now)
		if ok != row.want || ok && *got != *attempt {
			t.Errorf("%s: %v, %v", about, got, ok)
		}
	}
	if !attempt.Is(attempt.State) || attempt.Is("") || attempt.Is(attempt.State[1:]) {
		t.Error("the state is taken for another")
	}
	if a.Cookie("a") == a.Cookie("b") || !strings.HasPrefix(a.Cookie("a"), a.Prefix()) || !strings.HasPrefix(a.Prefix(), "__Host-") {
		t.Error(a.Cookie("a"), a.Cookie("b"))
	}
}

// The way back is chosen among those of the script, whatever Host a request has.
func TestRedirect(t *testing.T) {
	c := &Config{}
	for _, text := range []string{"https://a.example/back", "https://b.example:8443/cb"} {
		u, err := ParseRedirect(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Redirects = append(c.Redirects, u)
	}
	for host, want := range map[string]string{
		"a.example": "https://a.example/back true", "A.EXAMPLE:443": "https://a.example/back true", "b.example:8443": "https://b.example:8443/cb true",
		"b.example": "https://a.example/back false", "evil.com": "https://a.example/back false", "": "https://a.example/back false",
		"a.example.evil.com": "https://a.example/back false", "a.example:80": "https://a.example/back false",
	} {
		u, same := c.Redirect(host)
		if got := u.String() + map[bool]string{true: " true", false: " false"}[same]; got != want {
			t.Errorf("%q: %s", host, got)
		}
	}
	if !c.IsCallback("a.example", "/back") || c.IsCallback("a.example", "/cb") || c.IsCallback("evil.com", "/back") || c.IsCallback("a.example", "/BACK") {
		t.Error("the way back is mistaken")
	}
}

// FuzzParseLogin reads anything as a login of a session: it must not panic, and what it takes is of this
// provider and client.
func FuzzParseLogin(f *testing.F) {
	c := &Config{Issuer: "https://a.example", ClientID: "shop"}
	good, err := (&Login{Issuer: c.Issuer, Client: c.ClientID, Subject: "ann", Claims: json.RawMessage(`{"sub":"ann"}`), Got: 1, Ends: 2}).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(strings.Replace(string(good), "shop", "other", 1)))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := c.ParseLogin(data)
		if err != nil {
			return
		}
		if l.Issuer != c.Issuer || l.Client != c.ClientID || l.Subject == "" {
			t.Errorf("%q is %+v", data, l)
		}
		now := time.Unix(l.Ends, 0)
		if l.HasEnded(now.Add(-time.Hour)); l.Ends > 0 && !l.HasEnded(now) {
			t.Errorf("%+v goes on", l)
		}
		_ = l.IsDue(now)
	})
}

func TestLoginTimes(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	l := &Login{Refresh: "r", Got: 1000, Ends: 1300}
	for s, want := range map[int64]string{1000: "", 1239: "", 1240: "due", 1299: "due", 1300: "due ended", 2000: "due ended"} {
		got := ""
		if l.IsDue(at(s)) {
			got = "due"
		}
		if l.HasEnded(at(s)) {
			got += " ended"
		}
		if got != want {
			t.Errorf("at %d: %q, not %q", s, got, want)
		}
	}
	if (&Login{Got: 1000, Ends: 1300}).IsDue(at(1299)) || (&Login{Refresh: "r", Got: 1000}).IsDue(at(1e9)) {
		t.Error("what has no refresh token, or no end, is due")
	}
	if _, err := (&Login{Claims: json.RawMessage(`"` + strings.Repeat("x", MaxLogin) + `"`)}).Bytes(); err == nil {
		t.Error("a login may be too long for a session")
	}
}
