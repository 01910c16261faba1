package luart

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/urltext"
)

// What a server behind may see of a query, a guard sees too, or the request is refused.
func TestQueryHidesNothing(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.qn.before.nodebug(ctx)
			local debug = ctx:query().debug
			if debug then return api:error(403, debug) end
		end
		function api.all.get(ctx) return table.concat(ctx:query():all("a"), "|") end
		return api`)
	for query, want := range map[string]string{
		"debug=1":                               "403 {\"error\":\"1\"}",
		strings.Repeat("&", 10_001) + "debug=1": "403 {\"error\":\"1\"}",
		strings.Repeat("a=1&", 9_999) + "debug": "403 {\"error\":\"\"}",
		strings.Repeat("a&", 10_000) + "debug":  `400 {"error":"query: more than 10000 parameters"}`,
		"debug=1;":                              `403 {"error":"1;"}`,
		"a=1;debug=1":                           "200 GET /qn?a=1;debug=1 ", // one parameter, for browsers and servers
		"%64ebug=%31":                           "403 {\"error\":\"1\"}",
		"debug=%zz":                             `400 {"error":"query: invalid URL escape \"%zz\""}`,
		"debug=%":                               `400 {"error":"query: invalid URL escape \"%\""}`,
		"debug%=1":                              `400 {"error":"query: invalid URL escape \"%\""}`,
		"x=%zz&debug=1":                         `400 {"error":"query: invalid URL escape \"%zz\""}`,
		"debug":                                 `403 {"error":""}`,
		"debug=a+b%2B":                          `403 {"error":"a b+"}`,
		"debug=1&debug=2":                       `403 {"error":"1"}`,
		"=1&debug=a=b":                          `403 {"error":"a=b"}`,
		"Debug=1&debug%5B%5D=1":                 "200 GET /qn?Debug=1&debug%5B%5D=1 ",
		"":                                      "200 GET /qn? ",
	} {
		s.expect("GET /qn?"+query, want)
	}
	s.expect("GET /all?a=1&b&%61=2&a;=3&a&a=%FF%00", "200 1|2||\xff\x00")
}

// net/http lets these through, and not all servers agree where the query ends then.
func TestQueryThatEndsSomewhere(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.read.get(ctx) return ctx:query().role or "none" end
		function api.set.get(ctx) ctx:set_query("lang", "en") return ctx.uri end
		return api`)
	for query, want := range map[string]string{
		"role=admin#x": `"#" must be escaped, as %23`, "role=admin x": `" " must be escaped, as %20`, "\x7f": `"\x7f" must be escaped, as %7F`,
	} {
		for _, path := range []string{"/read", "/set"} {
			x := newRequest(path)
			x.URL.RawQuery = query
			want := "400 " + string(errorResponse(400, "query: "+want).body)
			if got := s.send(x); got != want {
				t.Errorf("%s %q: got %q, want %q", path, query, got, want)
			}
		}
	}
}

func TestSetQueryLeavesTheRest(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", "lang=en"},
		{"a=1;b&c=%zz&d=1&b=2&flag", "a=1;b&c=%zz&d=1&b=2&flag&lang=en"},
		{strings.Repeat("&", 10_001) + "keep=1", strings.Repeat("&", 10_001) + "keep=1&lang=en"},
		{"userId=1&name=Foo&path=my/key&flag&sp=a%20b", "userId=1&name=Foo&path=my/key&flag&sp=a%20b&lang=en"},
		{"a=1&lang=de&b=2", "a=1&lang=en&b=2"},
		{"%6cang=de&b&l%61ng&b&lang", "lang=en&b&b"},
		{"lang%zz=1&Lang=2&lang;=3", "lang%zz=1&Lang=2&lang;=3&lang=en"},
		{"a=1&a=2&&", "a=1&a=2&&&lang=en"},
	} {
		if got := setPairs(c.query, "lang", []string{"en"}); got != c.want {
			t.Errorf("%.80q became %.80q, want %.80q", c.query, got, c.want)
		}
	}
	for _, c := range []struct {
		query, key, want string
		values           []string
	}{
		{"a=1&b=2&c=3", "b", "a=1&c=3", nil},
		{"b=2", "b", "", nil},
		{"b=2&&x", "b", "&x", nil},
		{"a+b=1&a%20b=2&x", "a b", "a+b=%26&a+b=%2B&x", []string{"&", "+"}},
		{"x", "k", "x", nil},
		{"=1&x", "", "=2&x", []string{"2"}},
	} {
		if got := setPairs(c.query, c.key, c.values); got != c.want {
			t.Errorf("%q, %q = %q: got %q, want %q", c.query, c.key, c.values, got, c.want)
		}
	}
}

// A form says the same as a query of the same bytes.
func TestFormHidesNothing(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.post(ctx) return ctx:body():form().debug or "none" end
		return api`)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for body, want := range map[string]string{
		"debug=1;": "200 1;", "a=1;debug=2": "200 none", "debug=%z": `400 {"error":"request body: invalid URL escape \"%z\""}`,
		strings.Repeat("&", 10_001) + "debug=1": "200 1",
		strings.Repeat("a&", 10_000) + "debug":  `400 {"error":"request body: more than 10000 parameters"}`,
	} {
		if got := answer(s.do("POST /", body, form)); got != want {
			t.Errorf("%.60q: got %q, want %q", body, got, want)
		}
	}
}

// FuzzPairs compares urltext.ParsePairs with net/url where that reads all, and checks that nothing
// is lost elsewhere; then that setPairs changes one name only.
func FuzzPairs(f *testing.F) {
	for _, query := range []string{"", "a=1&b=2", "a;b=1", "%zz", "a=%4", "&&a", "a+b=c%2bd", "=&=&a==", "k=1&%6b=2&k%=3"} {
		f.Add(query, "k", "v")
	}
	f.Fuzz(func(t *testing.T, query, key, value string) {
		got, err := urltext.ParsePairs(query)
		want, wantErr := url.ParseQuery(query)
		if !strings.Contains(query, ";") {
			if (err == nil) != (wantErr == nil) || err == nil && !maps.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("%q: got %q, %v, want %q, %v", query, got, err, want, wantErr)
			}
		}
		if err == nil {
			n := 0
			for _, values := range got {
				n += len(values)
			}
			pairs := slices.DeleteFunc(strings.Split(query, "&"), func(s string) bool { return s == "" })
			if n != len(pairs) {
				t.Fatalf("%q: %d values of %d pairs", query, n, len(pairs))
			}
		}
		set := setPairs(query, key, []string{value})
		if again := setPairs(set, key, []string{value}); again != set {
			t.Fatalf("%q: %q became %q", query, set, again)
		}
		if err != nil {
			return
		}
		after, err := urltext.ParsePairs(set)
		if err != nil {
			t.Fatal(err)
		}
		got[key] = []string{value}
		if !reflect.DeepEqual(got, after) {
			t.Fatalf("%q with %q=%q: got %q, want %q", query, key, value, after, got)
		}
	})
}
