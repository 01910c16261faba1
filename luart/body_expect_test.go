package luart

import "testing"

func TestBodyExpect(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local order = {
			id = "integer", note = "string?", paid = "boolean", tags = "array", any = "any", t = "table?",
			items = { { price = "number", name = "string?" } },
			["address?"] = { city = "string" },
			words = { "string" },
		}
		function api.order.post(ctx) return rover.json.encode(ctx:body():expect(order).id) end
		function api.number.post(ctx) return ctx:body():expect("number") + 1 end
		function api.list.post(ctx) return #ctx:body():expect({ "integer" }) end
		function api.typo.post(ctx) return ctx:body():expect({ a = { b = "strng" } }) end
		function api.wrong.post(ctx) return ctx:body():expect({ a = true }) end
		function api.none.post(ctx) return ctx:body():expect() end
		function api.debug.post(ctx) local ok, err = pcall(ctx:body().expect, ctx:body(), { a = { b = "strng" } }) return tostring(err) end
		function api.debug2.post(ctx) local ok, err = pcall(ctx:body().expect, ctx:body(), { a = true }) return tostring(err) end
		return api`)
	const good = `"id":1,"paid":false,"tags":[],"any":0,"items":[{"price":1.5}],"words":["a"]`
	for _, c := range []struct{ request, body, want string }{
		{"POST /order", `{` + good + `}`, "200 1"},
		{"POST /order", `{` + good + `,"note":null,"address":null,"more":{}}`, "200 1"},
		{"POST /order", `{` + good + `,"note":"n","address":{"city":"x"},"t":[]}`, "200 1"},
		{"POST /order", `{` + good + `,"note":1}`, `400 {"error":"note: string expected, got number 1"}`},
		{"POST /order", `{` + good + `,"t":""}`, `400 {"error":"t: table expected, got string"}`},
		{"POST /order", `{` + good + `,"address":{}}`, `400 {"error":"address.city: string expected, got nothing"}`},
		{"POST /order", `{` + good + `,"address":[]}`, `400 {"error":"address: object expected, got array"}`},
		{"POST /order", `{` + good + `,"items":[{"price":1},{"price":"x"}]}`, `400 {"error":"items[2].price: number expected, got string"}`},
		{"POST /order", `{` + good + `,"items":{}}`, `400 {"error":"items: array expected, got object"}`},
		{"POST /order", `{` + good + `,"words":["a",null]}`, `400 {"error":"words[2]: string expected, got nothing"}`},
		{"POST /order", `{` + good + `,"id":1.5}`, `400 {"error":"id: integer expected, got number 1.5"}`},
		{"POST /order", `{` + good + `,"tags":{}}`, `400 {"error":"tags: array expected, got object"}`},
		{"POST /order", `{}`, `400 {"error":"any: any expected, got nothing"}`},
		{"POST /order", `[]`, `400 {"error":"request body: object expected, got array"}`},
		{"POST /order", `null`, `400 {"error":"request body: object expected, got nothing"}`},
		{"POST /order", `{`, `400 {"error":"request body: `},
		{"POST /number", `41`, "200 42"},
		{"POST /number", `true`, `400 {"error":"request body: number expected, got boolean"}`},
		{"POST /list", `[1,2]`, "200 2"},
		{"POST /list", `[1,"2"]`, `400 {"error":"[2]: integer expected, got string"}`},
		{"POST /typo", `{"a":{"b":1}}`, `500 {"error":"internal error"}`},
		{"POST /wrong", `{"a":1}`, `500 {"error":"internal error"}`},
		{"POST /none", `1`, `500 {"error":"internal error"}`},
		{"POST /debug", `{"a":{"b":1}}`, `200 app.lua:15: body:expect: a.b: "strng" is not a type`},
		{"POST /debug2", `{"a":1}`, `200 app.lua:16: body:expect: a: a type or a table expected, got boolean`},
	} {
		if got := answer(s.do(c.request, c.body)); got != c.want && !(c.body == "{" && len(got) > len(c.want) && got[:len(c.want)] == c.want) {
			t.Errorf("%s %s: got %q, want %q", c.request, c.body, got, c.want)
		}
	}
}
