package luart

import (
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/response"
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
			want := "400 " + string(response.Error(400, "query: "+want).Body)
			if got := s.send(x); got != want {
				t.Errorf("%s %q: got %q, want %q", path, query, got, want)
			}
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
