package cookie_test

import (
	"testing"

	"github.com/caddy-rover/rover/luart/lib/cookie"
	"github.com/caddy-rover/rover/luart/libtest"
)

func TestCookie(t *testing.T) {
	vm := libtest.New(t, cookie.Library)
	for _, c := range []struct{ chunk, want string }{
		// parse
		{`local c = rover.cookie.parse(" a=1;b = 2 ; a=3;;c; d=x=y; e=%20\"q\"") return c.a, c.b, c.c == "", c.d, c.e`, `3 | 2 | true | x=y | %20"q"`},
		{`return next(rover.cookie.parse(""))`, "nil"},
		{`return select(2, pcall(rover.cookie.parse, ("a;"):rep(10001))).status`, "400"},

		// parse_set_cookie
		{`local c = rover.cookie.parse_set_cookie("n=v=w; PATH = /a ;Max-Age=5; Secure;HttpOnly; name=x; SameSite=Lax") return c.name, c.value, c.path, c["max-age"], c.secure, c.httponly, c.samesite`, "n | v=w | /a | 5 | true | true | Lax"},
		{`return rover.cookie.parse_set_cookie("novalue"), rover.cookie.parse_set_cookie("=v"), rover.cookie.parse_set_cookie("")`, "nil | nil | nil"},

		// set
		{
			`return rover.cookie.set("n", "v"):path("/a"):domain("example.com"):max_age(60):expires("Thu, 01 Jan 2026 00:00:00 GMT"):secure():http_only():same_site("None"):build()`,
			"n=v; Path=/a; Domain=example.com; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Max-Age=60; HttpOnly; Secure; SameSite=None",
		},
		{`return rover.cookie.set("n", ""):build(), rover.cookie.set("n", "v"):path(""):secure(false):max_age(0):build()`, "n=; Path=/ | n=v; Max-Age=0"},
		{`local a = rover.cookie.set("n", "v") local b = a:secure() return a:build(), b:build()`, "n=v; Path=/ | n=v; Path=/; Secure"},
		{`rover.cookie.set("n", "a;b")`, `error: chunk:1: bad argument #1 to set (http: invalid byte ';' in Cookie.Value)`},
		{`rover.cookie.set("n", "a\r\nb")`, `error: chunk:1: bad argument #1 to set (http: invalid byte '\r' in Cookie.Value)`},
		{`rover.cookie.set("n", "a,b")`, `error: chunk:1: bad argument #2 to set (a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say)`},
		{`rover.cookie.set("n", "a b")`, `error: chunk:1: bad argument #2 to set (a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say)`},
		{`rover.cookie.delete("n", { path = "x" })`, `error: chunk:1: cookie "n": a path begins with /: browsers leave out another one`},
		{`rover.cookie.set("n=m", "v")`, `error: chunk:1: bad argument #1 to set (http: invalid Cookie.Name)`},
		{`rover.cookie.set("", "v")`, `error: chunk:1: bad argument #1 to set (http: invalid Cookie.Name)`},
		{`rover.cookie.set("n", "v"):path("/a;b")`, `error: chunk:1: bad argument #1 to path (http: invalid byte ';' in Cookie.Path)`},
		{`rover.cookie.set("n", "v"):path("a")`, `error: chunk:1: bad argument #1 to path (a path begins with /)`},
		{`rover.cookie.set("n", "v"):domain("a b")`, `error: chunk:1: bad argument #1 to domain (http: invalid Cookie.Domain)`},
		{`rover.cookie.set("n", "v"):max_age(1.5)`, `error: chunk:1: bad argument #1 to max_age (whole seconds expected)`},
		{`rover.cookie.set("n", "v"):max_age(0/0)`, `error: chunk:1: bad argument #1 to max_age (whole seconds expected)`},
		{`rover.cookie.set("n", "v"):expires("tomorrow")`, `error: chunk:1: bad argument #1 to expires (a date as in HTTP expected: Thu, 01 Jan 2026 00:00:00 GMT)`},
		{`rover.cookie.set("n", "v"):same_site("Laxx")`, `error: chunk:1: bad argument #1 to same_site ("lax", "strict" or "none" expected)`},
		{`rover.cookie.set("n", "v"):secure(1)`, `error: chunk:1: bad argument #1 to secure (boolean expected, got number)`},
		{`rover.cookie.set("n", "v"):same_site("none"):build()`, `error: chunk:1: cookie "n": browsers drop a cookie with same_site = "none" that is not secure: add secure = true`},
		{`rover.cookie.set("__Host-n", "v"):secure():path("/a"):build()`, `error: chunk:1: cookie "__Host-n": browsers drop a cookie whose name begins with __Host- unless it has secure = true, path = "/" and no domain`},

		// delete
		{`return rover.cookie.delete("n", { path = "/a", domain = "example.com" })`, "n=; Path=/a; Domain=example.com; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0"},
		{`return rover.cookie.delete("__Host-n")`, "__Host-n=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure"},
		{`rover.cookie.delete("n", { path = 1 })`, "error: chunk:1: bad argument #2 to delete (option 'path': a string expected, got 1)"},
	} {
		vm.Expect(t, c.chunk, c.want)
	}
}
