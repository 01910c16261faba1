package luart

import "testing"

// Values that are texts are read as what is expected; what body:json() returns has the method, too, and
// is plain data otherwise.
func TestCtxExpect(t *testing.T) {
	s := newServer(t, `
		local api, g = rover.server {}, rover.guard
		local kept = rover.state("kept", {})
		local user = g:object { name = g:string():required(), tags = g:array("string") }
		function api.q.get(ctx) return ctx:query():expect { page = g:integer():default(1), tag = { "string" }, on = "boolean?" } end
		function api.strict.get(ctx) return ctx:query():expect({ page = "integer?" }, { extra = "error" }) end
		function api.named.get(ctx) local q = ctx:query() return { q:all("expect"), q:expect({ expect = "string?" }) } end
		function api.typo.get(ctx) return select(2, pcall(function() ctx:query():expect({}, { extras = "keep" }) end)) end
		function api.items.p_id.get(ctx) return ctx:params():expect { id = g:integer():max(9) } end
		function api.h.get(ctx) return ctx:headers():expect { ["X-Retry"] = "integer", ["x-none"] = "string?" } end
		function api.user.post(ctx) return ctx:body():json():expect(user) end
		function api.list.post(ctx) return ctx:body():json():expect { "integer" } end
		function api.data.post(ctx)
			local data = ctx:body():json()
			kept.it, kept.params = data, ctx:params()
			local ok = setmetatable(ctx:body():json(), { __index = { more = 1 } }).more
			return { data = data, kept = kept.it, more = ok, params = ctx:params(), raw = ctx:body():raw() }
		end
		function api.empty.post(ctx) kept.list = ctx:body():json() return { kept.list, ctx:body():json() } end
		function api.on_error(err) if err.errors then return api:error(422, err) end end
		return api`)
	for _, c := range []struct{ request, body, header, want string }{
		{"GET /q?page=2&tag=a&tag=b&on=true&more=1", "", "", `200 {"on":true,"page":2,"tag":["a","b"]}`},
		{"GET /q?tag=a", "", "", `200 {"page":1,"tag":["a"]}`},
		{"GET /q?page=02&on=1", "", "", `422 {"errors":[{"field":"on","message":"Must be a boolean, got '1'","type":"type"},` +
			`{"field":"page","message":"Must be an integer, got '02'","type":"type"},{"field":"tag","message":"Field 'tag' is required","type":"required"}]}`},
		{"GET /strict?page=1&x=2", "", "", `422 {"errors":[{"field":"x","message":"Is not expected","type":"unknown"}]}`},
		{"GET /named?expect=1", "", "", `200 [["1"],{"expect":"1"}]`},
		{"GET /typo", "", "", `200 app.lua:8: query:expect: unknown option "extras": did you mean extra?`},
		{"GET /items/7", "", "", `200 {"id":7}`},
		{"GET /items/10", "", "", `422 {"errors":[{"field":"id","message":"Must be at most 9, got 10","type":"max"}]}`},
		{"GET /h", "", "x-retry: 3", `200 {"X-Retry":3}`},
		{"GET /h", "", "X-Retry: 0x3", `422 {"errors":[{"field":"X-Retry","message":"Must be an integer, got '0x3'","type":"type"}]}`},
		{"POST /user", `{"name":"Ann","tags":[],"admin":true}`, "", `200 {"name":"Ann","tags":[]}`},
		{"POST /user", `{"tags":{}}`, "", `422 {"errors":[{"field":"name","message":"Field 'name' is required","type":"required"},{"field":"tags","message":"Must be an array, got object","type":"type"}]}`},
		{"POST /user", `[]`, "", `422 {"errors":[{"field":"","message":"Request body must be a JSON object","type":"type"}]}`},
		{"POST /user", `[1]`, "", `422 {"errors":[{"field":"","message":"Request body must be a JSON object","type":"type"}]}`},
		{"POST /list", `[1,2]`, "", `200 [1,2]`},
		{"POST /list", `[]`, "", `200 []`},
		{"POST /list", `{}`, "", `422 {"errors":[{"field":"","message":"Request body must be a JSON array","type":"type"}]}`},
		{"POST /data", `{"a":[]}`, "", `200 {"data":{"a":[]},"kept":{"a":[]},"more":1,"params":{},"raw":{"a":[]}}`},
		{"POST /empty", `[]`, "", `200 [[],[]]`},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{c.header}
		}
		if got := answer(s.do(c.request, c.body, headers...)); got != c.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.request, c.body, got, c.want)
		}
	}
}
