package cors

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	rscors "github.com/rs/cors"
)

// mayRead is what a browser makes of a response, as the Fetch standard has it: whether a page of an
// origin may read it.
func mayRead(h http.Header, origin string, credentials bool) bool {
	values := h["Access-Control-Allow-Origin"]
	if len(values) != 1 {
		return false
	}
	if !credentials {
		return values[0] == "*" || values[0] == origin
	}
	return values[0] == origin && slices.Equal(h["Access-Control-Allow-Credentials"], yes)
}

// mayAsk is what a browser makes of the answer to a preflight: whether the request may follow.
func mayAsk(h http.Header, origin, method string, names []string, credentials bool) bool {
	if !mayRead(h, origin, credentials) {
		return false
	}
	list := func(name string) (list []string) {
		for item := range strings.SplitSeq(strings.Join(h[name], ","), ",") {
			list = append(list, strings.TrimSpace(item))
		}
		return list
	}
	methods, headers := list("Access-Control-Allow-Methods"), list("Access-Control-Allow-Headers")
	all := func(list []string) bool { return !credentials && slices.Contains(list, "*") }
	if !slices.Contains(methods, method) && !all(methods) && !slices.Contains([]string{"GET", "HEAD", "POST"}, method) {
		return false
	}
	for _, name := range names {
		named := slices.ContainsFunc(headers, func(h string) bool { return strings.EqualFold(h, name) })
		if !named && !(all(headers) && !strings.EqualFold(name, "Authorization")) {
			return false
		}
	}
	return true
}

// A browser that asks us is let do what github.com/rs/cors would let it do with the same policy: no
// more, and no less. Where the two differ by intent the test says so.
func FuzzLikeRsCors(f *testing.F) {
	f.Add("https://app.example", "GET", "content-type", uint8(0))
	f.Add("https://app.example", "DELETE", "authorization,content-type", uint8(1))
	f.Add("https://evil.example", "PATCH", "x-other", uint8(2))
	f.Add("http://localhost:5173", "PUT", "", uint8(3))
	f.Add("https://APP.example", "GET", "", uint8(0))
	f.Add("null", "POST", "content-type", uint8(2))
	f.Add("https://app.example\x00", "TRACE", "x-a,x-b", uint8(1))
	f.Fuzz(func(t *testing.T, origin, method, asked string, kind uint8) {
		o := Options{
			Origins: []string{"https://app.example", "http://localhost:5173"},
			Methods: []string{"GET", "HEAD", "POST", "PUT", "DELETE"}, Headers: []string{"Content-Type", "X-A"},
			Credentials: kind&1 != 0, MaxAge: 600, Expose: []string{"X-Total"},
		}
		if kind&2 != 0 {
			o.Origins, o.Credentials = []string{"*"}, false
		}
		var names []string
		for name := range strings.SplitSeq(asked, ",") {
			if isToken(name) && name == strings.ToLower(name) { // as browsers write them
				names = append(names, name)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
		ours := mustNew(t, o)
		theirs := rscors.New(rscors.Options{
			AllowedOrigins: o.Origins, AllowedMethods: o.Methods, AllowedHeaders: o.Headers, AllowCredentials: o.Credentials,
			ExposedHeaders: o.Expose, MaxAge: o.MaxAge,
		})

		r := &http.Request{Method: http.MethodOptions, URL: &url.URL{Path: "/"}, Header: http.Header{"Origin": {origin}, "Access-Control-Request-Method": {method}}}
		if names != nil {
			r.Header["Access-Control-Request-Headers"] = []string{strings.Join(names, ",")}
		}
		if _, ok := IsPreflight(r); !ok {
			return // no browser sends it
		}
		got := http.Header{}
		ours.SetPreflight(got, ours.Allow(r.Header))
		recorder := httptest.NewRecorder()
		theirs.HandlerFunc(recorder, r)
		// It compares origins in any case of letters; browsers write them small. It has OPTIONS allowed
		// always, which is no method that a page sends.
		exact := origin == strings.ToLower(origin) && method != http.MethodOptions && origin != ""
		if a, b := mayAsk(got, origin, method, names, o.Credentials), mayAsk(recorder.Header(), origin, method, names, o.Credentials); exact && a != b {
			t.Errorf("preflight %q %q %q: %v, theirs %v\n%v\n%v", origin, method, names, a, b, got, recorder.Header())
		}

		r = &http.Request{Method: http.MethodGet, URL: r.URL, Header: http.Header{"Origin": {origin}}}
		got = http.Header{}
		ours.Set(got, ours.Allow(r.Header))
		recorder = httptest.NewRecorder()
		theirs.HandlerFunc(recorder, r)
		if a, b := mayRead(got, origin, o.Credentials), mayRead(recorder.Header(), origin, o.Credentials); exact && a != b {
			t.Errorf("request %q: %v, theirs %v\n%v\n%v", origin, a, b, got, recorder.Header())
		}
		if value := got.Get("Access-Control-Allow-Origin"); value != "" && value != "*" && !slices.Contains(o.Origins, value) {
			t.Errorf("it says %q", value)
		}
	})
}

// An origin that is read reads as itself, as net/url reads it, and can stand in a header.
func FuzzParseOrigin(f *testing.F) {
	for _, text := range []string{
		"https://app.example", "HTTP://A.b:80", "http://[::1]:3000", "null", "https://a@b", "https://127.1", "a+b://c", "https://a:443", "file://x",
		"https://a\\b", "https://a%2eb", "https://a\tb", "https://1.2.3.4", "https://a.0x1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		origin, err := ParseOrigin(text)
		if err != nil {
			return
		}
		again, err := ParseOrigin(origin)
		if err != nil || again != origin {
			t.Fatalf("%q is %q, and that %q, %v", text, origin, again, err)
		}
		u, err := url.Parse(origin)
		if err != nil || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || u.Scheme+"://"+u.Host != origin {
			t.Fatalf("%q is %q: %#v, %v", text, origin, u, err)
		}
		if strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' }) {
			t.Fatalf("%q is %q", text, origin)
		}
		if got, ok := RequestOrigin(http.Header{"Origin": {origin}}); !ok || got != origin {
			t.Fatalf("%q is %q, and a request has %q, %v", text, origin, got, ok)
		}
	})
}
