package luart

import (
	"strings"
	"testing"
)

func TestPathsOfProxiedRequests(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.rewrite.w_rest.get(ctx) ctx:rewrite("/public/" .. ctx:param("rest")) return api.pass() end
		function api.proxied.w_rest.get(ctx) return api.proxy("a:1", { path = "/public/" .. ctx:param("rest") }) end
		function api.wait.w_rest.get(ctx) return ctx:proxy("a:1", { path = "/public/" .. ctx:param("rest") }) end
		function api.mirror.w_rest.get(ctx) ctx:mirror("a:1", { path = "/public/" .. ctx:param("rest") }) return "sent" end
		function api.built.w_rest.get(ctx) ctx:rewrite(rover.url.path("/public", ctx:param("rest"))) return api.pass() end
		function api.item.p_id.get(ctx) return rover.url.path("/items/", ctx:param("id"), 7) end
		function api.caught.get(ctx)
			local ok, err = pcall(function() ctx:rewrite("/a/../b") end)
			return tostring(err.status) .. " " .. err.message .. " " .. tostring(err):match("^ctx:rewrite")
		end
		function api.query.get(ctx)
			ctx:rewrite("/a%2Fb", "x=1&y")
			local first = ctx.path .. " " .. ctx.raw_path .. " " .. ctx.uri
			local ok, err = pcall(ctx.rewrite, ctx, "/new", "a#b")
			return first .. " " .. tostring(ok) .. " " .. err.message .. " " .. ctx.uri
		end
		return api`)
	s.expect("GET /rewrite/a.txt?q=1", "200 GET /public/a.txt?q=1 ")
	for _, how := range []string{"rewrite", "proxied", "wait", "mirror", "built"} {
		for _, rest := range []string{"..%252Fprivate", "%252e%252e/private", "..%2Fprivate/s.txt", "%2e%2e/private", "../private", `..%5cprivate`, "a/..%3B/b"} {
			if how == "built" && strings.Contains(rest, "%25") {
				continue // text that has a percent sign, and is sent as such
			}
			if got := answer(s.do("GET /"+how+"/within/"+rest, "")); !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "would lead elsewhere") {
				t.Errorf("/%s/%s: %s", how, rest, got)
			}
		}
		if got := answer(s.do("GET /"+how+"/a%20b", "")); how != "built" && !strings.Contains(got, "must be escaped, as %20 (rover.url.path(") {
			t.Errorf("/%s/a%%20b: %s", how, got)
		}
	}
	s.expect("GET /rewrite/..%2Fprivate", `400 {"error":"The path can be read in several ways"}`)
	s.expect("GET /built/a%20b%3Fx%23/c%252Fd/%C3%BC", "200 GET /public/a%20b%3Fx%23/c%252Fd/%C3%BC ")
	s.expect("GET /item/a%2Fb;c", "200 /items/a/b%3Bc/7")
	s.expect("GET /caught", `200 400 ctx:rewrite: the path "/a/../b": it has the segment "..", decoded, and would lead elsewhere (rover.url.path(base, …) escapes parts such as parameters) ctx:rewrite`)
	s.expect("GET /query?old", `200 /a/b /a%2Fb /a%2Fb?x=1&y false ctx:rewrite: query: "#" must be escaped, as %23 /a%2Fb?x=1&y`)
}

func TestStripPrefix(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.before.strip(ctx)
			ctx:set("stripped", ctx:strip_prefix("/strip/"))
		end
		function api.after.tell(ctx, res) res:set_header("X-Stripped", tostring(ctx:get("stripped"))) end
		function api.bad.get(ctx)
			local _, none = pcall(ctx.strip_prefix, ctx, "/")
			local _, word = pcall(ctx.strip_prefix, ctx, "strip")
			return none .. word
		end
		return api`)
	for request, want := range map[string]string{
		"GET /strip/foo%20bar.pdf?q=%zz": "200 GET /foo%20bar.pdf?q=%zz ",
		"GET /strip/a%3Fb":               "200 GET /a%3Fb ",
		"GET /strip/x%25y":               "200 GET /x%25y ",
		"GET /strip/a%2Fb":               "200 GET /a%2Fb ",
		"GET /strip":                     "200 GET / ",
		"GET /stripped/a":                "200 GET /stripped/a ",
	} {
		s.expect(request, want)
	}
	if got := answer(s.do("GET /strip/..%2Fadmin", "")); !strings.HasPrefix(got, "400 ") {
		t.Error(got)
	}
	if got := s.do("GET /other", "").Header().Get("X-Stripped"); got != "false" {
		t.Error(got)
	}
	if got := answer(s.do("GET /bad", "")); strings.Count(got, "prefix beginning with / and a segment expected") != 2 {
		t.Error(got)
	}
}
