package luart

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/route"
)

// A name that means something is no segment. What is written there says how it is: the message
// names the path, and the call of api:at that is meant.
func TestReservedSegments(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for _, tt := range []struct{ source, want string }{
		{`api.x.delete.post = f`, `api.x.delete.post: delete is the handler of DELETE and no segment; for the path /x/delete write api:at("/x/delete").post`},
		{`function api.users.p_id.delete.post() end`, `api.users.p_id.delete.post: delete is the handler of DELETE and no segment; for the path /users/:id/delete write api:at("/users/:id/delete").post`},
		{`api["delete"].get = f`, `api.delete.get: delete is the handler of DELETE and no segment; for the path /delete write api:at("/delete").get`},
		{`for _, m in ipairs { "put" } do local n = api.x[m] end api.x["any"].b.get = f`, `api.x.any.b: any is the handler of all methods and no segment; for the path /x/any write api:at("/x/any").b`},
		{`api.x.get = f api.x.get.y = f`, `api.x.get.y: get is the handler of GET and no segment; for the path /x/get write api:at("/x/get").y`},
		{`function api.x.get() end local g = api.x.get` + "\n" + `g.y = f`, `api.x.get.y: get is the handler of GET and no segment; for the path /x/get write api:at("/x/get").y`},
		{`function api.ws.get() end`, `api.ws.get: ws is kept for WebSocket handlers and is no segment; for the path /ws write api:at("/ws").get`},
		{`api.ws.before.token = f`, `api.ws.before: ws is kept for WebSocket handlers and is no segment; for the path /ws write api:at("/ws").before`},
		{`api.chat.ws = f`, `api.chat.ws: WebSocket handlers in Lua are not available; hand the request over with api.proxy or api.pass; for the path /chat/ws write api:at("/chat/ws")`},
		{`api.orders.after.items.get = f`, `api.orders.after.items.get: api.orders.after is the list of after hooks, which holds functions; for the path /orders/after/items write api:at("/orders/after/items").get`},
		{`api.orders.before = { items = { get = f } }`, `api.orders.before.items must be a function, not a table; for the path /orders/before write api:at("/orders/before")`},
		{`api.cart = { delete = { post = f } }`, `api.cart.delete must be a function, not a table; for the path /cart/delete write api:at("/cart/delete")`},
		{`api.json.get = f`, `api.json.get: api.json builds responses and has no such method; for the path /json write api:at("/json").get`},
		{`api.stream.items.get = f`, `api.stream.items: api.stream builds responses and has no such method; for the path /stream write api:at("/stream").items`},
		{`api.error["x y"].get = f`, `api.error["x y"]: api.error builds responses and has no such method; for the path /error write api:at("/error")["x y"]`},
		{`api.html = { get = f }`, `api.html builds responses and cannot be assigned; for the path /html write api:at("/html")`},
		{`api.idempotent.get = f`, `api.idempotent.get: api.idempotent makes handlers and has no such method; for the path /idempotent write api:at("/idempotent").get`},
		{`api.at.get = f`, `api.at.get: api.at names a path and has no such method; for the path /at write api:at("/at").get`},
		{`api.on_start.get = f`, `api.on_start.get: api.on_start takes the function of a hook and has no fields; for the path /on_start write api:at("/on_start").get`},
		{`api.on_error.before.x = f`, `api.on_error.before: api.on_error takes the function of a hook and has no fields; for the path /on_error write api:at("/on_error").before`},
		{`api.on_stop = { get = f }`, `api.on_stop must be a function, not a table; for the path /on_stop write api:at("/on_stop")`},
		{`api:at("/ws").delete.post = f`, `api:at("/ws").delete.post: delete is the handler of DELETE and no segment; for the path /ws/delete write api:at("/ws/delete").post`},
		{`api:at("/ws").rooms["end"].put.x = f`, `api:at("/ws").rooms["end"].put.x: put is the handler of PUT and no segment; for the path /ws/rooms/end/put write api:at("/ws/rooms/end/put").x`},

		// What is wrong otherwise keeps its own message.
		{`local cfg = {} if not api.x.get then cfg.missing.z = 1 end`, "attempt to index a non-table object(nil) with key 'z'"},
		{`local cfg = {} cfg.get.z = 1`, "attempt to index a non-table object(nil) with key 'z'"},
	} {
		err := s.load("local api = rover.server {} local function f() end\n" + tt.source + "\nreturn api")
		if err == nil || !strings.HasSuffix(strings.TrimSuffix(err.Error(), "\n"), tt.want) || !strings.HasPrefix(err.Error(), "app.lua:") {
			t.Errorf("%s:\n got  %v\n want %s", tt.source, err, tt.want)
		}
	}
}

// A message that says what to write is right: it loads.
func TestReservedSegmentsCanBeWritten(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	reservedNames := append(slices.Clone(route.MethodNames[:]), "before", "after", "ws", "p_x", "w_x")
	for name := range s.gen.api.Builders() {
		reservedNames = append(reservedNames, name)
	}
	for name := range s.gen.api.Hooks() {
		reservedNames = append(reservedNames, name)
	}
	for _, name := range reservedNames {
		for _, path := range []string{"/" + name, "/" + name + "/", "/a/" + name, "/" + name + "/sub", "/a/:id/" + name} {
			err := s.load(fmt.Sprintf(`
				local api = rover.server {}
				local n = api:at(%q)
				function n.get(ctx) return "at " .. ctx.path end
				function n.before.guard(ctx) if ctx:header("x-stop") then return api:error(403, "stop") end end
				return api`, path))
			if err != nil {
				t.Fatal(err)
			}
			asked := strings.Replace(path, ":id", "7", 1)
			s.expect("GET "+asked, "200 at "+asked)
			if got := answer(s.do("GET "+asked, "", "X-Stop: 1")); !strings.HasPrefix(got, "403") {
				t.Errorf("the guard at %s: %s", path, got)
			}
			if got := s.gen.Routes()[0].Pattern; got != path {
				t.Errorf("%s is shown as %s", path, got)
			}
		}
	}
}

// The two spellings are one node, and mix.
func TestAtIsTheSameNode(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		assert(api:at("/users/:id") == api.users.p_id)
		assert(api:at("/") == api:at("/") and api:at("/") ~= api)
		assert(api:at("/users/:id").posts == api.users.p_id.posts)
		assert(api:at("/files/*rest") == api.files.w_rest)
		assert(api:at("/a/") == api.a[""] and api:at("/a/") ~= api:at("/a"))
		assert(api:at("//a") == api[""].a)
		assert(api:at("/a b") == api["a b"] and api:at("/a%20b") == api["a b"] and api:at("/100%25") == api["100%"])
		assert(api:at("/{x") == api["{x"] and api:at("/a:b") == api["a:b"] and api:at("/a*") == api["a*"])
		assert(api:at("/\\x") == api["\\x"] and api:at("/%00") == api["\0"])
		function api.users.p_id.get(ctx) return "user " .. ctx:param("id") end
		api:at("/users/:id").post = function(ctx) return "posted " .. ctx:param("id") end
		api:at("/users/:id/delete").post = function(ctx) return "deleted " .. ctx:param("id") end
		api:at("/ws").before.x = function(ctx) return "guard of " .. ctx.path end
		api:at("/").get = function() return "home" end
		function api.before.first(ctx) ctx:set("seen", "first") end
		api:at("/").before.second = function(ctx) ctx:set("seen", ctx:get("seen") .. ", second") end
		api:at("/").json.get = function(ctx) return ctx:get("seen") end
		api:at("/%3Aid/%2A").get = function() return "literal" end
		api:at("/p_x").get = function() return "p_x" end
		api:at("/a/").get = function() return "with a slash" end
		api:at("/a").get = function() return "without" end
		api:at("/late").get = function(ctx) return tostring(api:at("/ws") == api:at("/ws")) end
		api:at("/later").get = function(ctx) return api:at("/new") end
		return api`)
	s.expect("GET /users/7", "200 user 7")
	s.expect("POST /users/7", "200 posted 7")
	s.expect("POST /users/7/delete", "200 deleted 7")
	s.expect("GET /ws", "200 guard of /ws")
	s.expect("GET /ws/below", "200 guard of /ws/below")
	s.expect("GET /", "200 home")
	s.expect("GET /json", "200 first, second")
	s.expect("GET /:id/*", "200 literal")
	s.expect("GET /7/*", "200 GET /7/* ")
	s.expect("GET /p_x", "200 p_x")
	s.expect("GET /other", "200 GET /other ")
	s.expect("GET /a/", "200 with a slash")
	s.expect("GET /a", "200 without")
	s.expect("GET /late", "200 true")
	if got := answer(s.do("GET /later", "")); !strings.HasPrefix(got, "500") {
		t.Errorf("a node that is made late: %s", got)
	}
	var patterns []string
	for _, r := range s.gen.Routes() {
		patterns = append(patterns, r.Pattern)
	}
	for _, p := range []string{"/", "/%3Aid/%2A", "/p_x", "/a/", "/users/:id/delete"} {
		if !slices.Contains(patterns, p) {
			t.Errorf("%s is not among %q", p, patterns)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for pattern, want := range map[string]string{
		`"users"`:                `api:at("users"): a pattern begins with a slash`,
		`""`:                     `api:at(""): a pattern begins with a slash`,
		`"/a?b=1"`:               `a pattern is a path, without a query; a segment has a ? as %3F`,
		`"/a#b"`:                 `a segment has a # as %23`,
		`"/100%"`:                `"100%": a percent sign begins an escape such as %20; a segment has one as %25`,
		`"/a%2Fb"`:               `"a%2Fb": a segment cannot hold a slash`,
		`"/a/../b"`:              `"..": clients resolve . and .. before they ask`,
		`"/a/%2e"`:               `"%2e": clients resolve . and ..`,
		`"/:"`:                   `":": a parameter is a whole segment, and its name consists of letters, digits and _; a segment that begins with : has it as %3A`,
		`"/:id.json"`:            `":id.json": a parameter is a whole segment`,
		`"/*"`:                   `"*": a wildcard is a whole segment`,
		`"/*rest/more"`:          `"*rest" takes the rest of the path, nothing can follow it`,
		`"/users/{id}"`:          `"{id}": a parameter is written :id; a segment that begins with { has it as %7B`,
		`7`:                      `bad argument #1 to at (string expected, got number)`,
		``:                       `bad argument #1 to at (string expected, got no value)`,
		`"/users/:name"`:         `api:at("/users/:name"): this place already has the parameter "id" (app.lua:1)`,
		`"/users/:id/*"`:         `a wildcard is a whole segment`,
		`"/files/*rest/a"`:       `takes the rest of the path`,
		`"/files/*rest").x=1 (f`: `api.files.w_rest.x must be a function or a table`,
	} {
		err := s.load("local api = rover.server {} local u = api.users.p_id local f = print\napi:at(" + pattern + ").get = f return api")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "app.lua:2: ") {
			t.Errorf("%s:\n got  %v\n want %s", pattern, err, want)
		}
	}
	err := s.load("local api = rover.server {}\napi.at('/x').get = print return api")
	if err == nil || !strings.Contains(err.Error(), "call api:at(pattern) with a colon") {
		t.Error(err)
	}
}
