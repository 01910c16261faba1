package luart

import (
	"strings"
	"testing"
)

func TestCookieIsWhatTheUpstreamGets(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx)
			local name = ctx:header("x-name")
			local all = ctx:cookies()
			return tostring(ctx:cookie(name)) .. " " .. table.concat(all:all(name), "|") .. " " .. tostring(all[name])
		end
		return api`)
	for _, c := range []struct{ name, cookie, want string }{
		{"a", "a=1", "1 1 1"},
		{"prefs", `prefs={"a":1}`, `{"a":1} {"a":1} {"a":1}`},
		{"sess", `x=1; sess=a"b`, `a"b a"b a"b`},
		{"q", `q="v"`, `"v" "v" "v"`},
		{"admin", `admin="1`, `"1 "1 "1`},
		{"utf", "utf=é", "é é é"},
		{"back", `back=a\b`, `a\b a\b a\b`},
		{"a b", "x; a b=1 2 ,3", "1 2 ,3 1 2 ,3 1 2 ,3"},
		{"é", "é=1", "1 1 1"},
		{"flag", "x=1;flag;y=2", "  "},
		{"a", "a=1; a=2;a =3; A=4", "1 1|2|3 1"},
		{"a", "b=a=1", "nil  nil"},
		{"", "; =v;;", "v v v"},
		{"admin", strings.Repeat("a=1; ", 3000) + "admin=1", "1 1 1"},
	} {
		s.expect("GET /", "200 "+c.want, "Cookie: "+c.cookie, "X-Name: "+c.name)
	}
	// Several headers, which HTTP/2 allows.
	s.expect("GET /", "200 1 1|2 1", "Cookie: x=0; a=1", "Cookie: a=2", "X-Name: a")
	s.expect("GET /", `400 {"error":"more than 10000 cookies"}`, "Cookie: "+strings.Repeat("a;", 10_001), "X-Name: a")
}
