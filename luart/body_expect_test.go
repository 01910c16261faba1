package luart

import "testing"

func TestBodyExpect(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local user = { name = "string", age = "integer?", tags = { { id = "integer" } } }
		function api.users.post(ctx) return ctx:body():expect(user) end
		function api.keep.post(ctx) return ctx:body():expect(user, { extra = "keep" }) end
		function api.strict.post(ctx) return ctx:body():expect(user, { extra = "error" }) end
		function api.exact.post(ctx) return ctx:body():expect({ id = "integer", to = "any?" }, { exact = true }) end
		function api.nulls.post(ctx) return ctx:body():expect({ id = "integer?", to = "any?" }, { null = true }) end
		function api.number.post(ctx) return ctx:body():expect("number") + 1 end
		function api.caught.post(ctx)
			local ok, err = pcall(function() return ctx:body():expect(user) end)
			return { status = err.status, message = err.message, errors = err.errors, text = tostring(err) }
		end
		function api.edit.post(ctx) ctx:edit_json(function() end) return "edited" end
		function api.as_json.post(ctx) return ctx:body():json() end
		function api.as_text.post(ctx) return rover.json.decode(ctx:body():text()) end
		function api.own.post() error { status = 409, message = "taken", errors = { { field = "name", type = "taken" } } } end
		function api.secret.post() error { message = "no status", errors = { "inner" } } end
		function api.typo.post(ctx) return ctx:body():expect({ a = { b = "strng" } }) end
		function api.none.post(ctx) return ctx:body():expect() end
		function api.option.post(ctx) return select(2, pcall(function() ctx:body():expect({}, { extras = "keep" }) end)) end
		function api.value.post(ctx) return select(2, pcall(function() ctx:body():expect({}, { extra = true }) end)) end
		function api.where.post(ctx) return select(2, pcall(function() ctx:body():expect { a = { b = "strng" } } end)) end
		return api`)
	const good = `"name":"Ann","tags":[{"id":1}]`
	const oneMissing = `400 {"errors":[{"field":"name","message":"Field 'name' is required","type":"required"}]}`
	for _, c := range []struct{ request, body, want string }{
		{"POST /users", `{` + good + `}`, `200 {"name":"Ann","tags":[{"id":1}]}`},
		{"POST /users", `{` + good + `,"is_admin":true}`, `200 {"name":"Ann","tags":[{"id":1}]}`},
		{"POST /users", `{"name":"Ann","tags":[{"id":1,"role":"root"}]}`, `200 {"name":"Ann","tags":[{"id":1}]}`},
		{"POST /keep", `{"name":"Ann","tags":[{"id":1,"role":"root"}]}`, `200 {"name":"Ann","tags":[{"role":"root","id":1}]}`},
		{"POST /strict", `{` + good + `,"is_admin":true}`, `400 {"errors":[{"field":"is_admin","message":"Is not expected","type":"unknown"}]}`},
		{"POST /strict", `{` + good + `,"is_admin":null}`, `400 {"errors":[{"field":"is_admin","message":"Is not expected","type":"unknown"}]}`},
		{"POST /strict", `{` + good + `,"age":null}`, `200 {"name":"Ann","tags":[{"id":1}]}`},
		{"POST /users", `{"name":1,` + good + `}`, `400 {"error":"request body: invalid JSON at byte 42: two members of the object before are called \"name\""}`},
		{"POST /users", "{\"is_\xffadmin\":1," + good + `}`, `400 {"error":"request body: invalid JSON at byte 6: a byte that is no UTF-8"}`},
		{"POST /edit", "{\"is_\xffadmin\":1," + good + `}`, `400 {"error":"request body: invalid JSON at byte 6: a byte that is no UTF-8"}`},
		{"POST /as_json", `{"a":"admin\ud800"}`, `400 {"error":"request body: invalid JSON at byte 17: half of a surrogate pair"}`},
		{"POST /edit", `{"a":"admin\ud800"}`, `400 {"error":"request body: invalid JSON at byte 17: half of a surrogate pair"}`},
		{"POST /edit", `{"a":1,"a":2}`, `200 edited`},
		{"POST /as_json", `{"a":1,"a":null}`, `400 {"error":"request body: invalid JSON at byte 17: two members of the object before are called \"a\""}`},
		{"POST /as_text", `{"a":1,"a":null}`, `200 {}`},
		{"POST /users", `{"tags":[]}`, oneMissing},
		{
			"POST /users", `{"age":"x","tags":[{},{"id":1.5}]}`,
			`400 {"errors":[` +
				`{"field":"age","message":"Must be an integer, got string","type":"type"},` +
				`{"field":"name","message":"Field 'name' is required","type":"required"},` +
				`{"field":"tags[1].id","message":"Field 'tags[1].id' is required","type":"required"},` +
				`{"field":"tags[2].id","message":"Must be an integer, got float 1.5","type":"type"}]}`,
		},
		{"POST /users", `[]`, `400 {"errors":[{"field":"","message":"Request body must be a JSON object","type":"type"}]}`},
		{"POST /users", `{`, `400 {"error":"request body: invalid JSON at byte 2: expected a string key or '}', got end of input"}`},
		{"POST /exact", `{"id":12345678901234567890,"to":null}`, `200 {"id":12345678901234567890}`},
		{"POST /nulls", `{"id":null}`, `200 {"id":null}`},
		{"POST /number", `41`, "200 42"},
		{
			"POST /caught", `{"tags":[]}`,
			`200 {"status":400,"message":"Field 'name' is required",` +
				`"errors":[{"field":"name","message":"Field 'name' is required","type":"required"}],` +
				`"text":"Validation failed for request body:\n\n  1. Field 'name'\n     Error: Field 'name' is required\n     Type: required\n"}`,
		},
		{"POST /own", ``, `409 {"error":"taken","errors":[{"field":"name","type":"taken"}]}`},
		{"POST /secret", ``, `500 {"error":"internal error"}`},
		{"POST /typo", `{"a":{"b":1}}`, `500 {"error":"internal error"}`},
		{"POST /none", `1`, `500 {"error":"internal error"}`},
		{"POST /option", `{}`, `200 app.lua:21: body:expect: unknown option "extras": did you mean extra?`},
		{"POST /value", `{}`, `200 app.lua:22: bad argument #2 to expect (option 'extra': "strip", "keep" or "error" expected, got boolean)`},
		{
			"POST /where", `{"a":{"b":1}}`,
			`200 app.lua:23: expect: a.b: "strng" is not a type: string, number, integer, boolean, object, array, table and any are, with or without ?`,
		},
	} {
		if got := answer(s.do(c.request, c.body)); got != c.want {
			t.Errorf("%s %s:\ngot  %s\nwant %s", c.request, c.body, got, c.want)
		}
	}
}

// on_error sees the faults.
func TestBodyExpectOnError(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.post(ctx) return ctx:body():expect { a = "string", b = "string" } end
		function api.get(ctx) error { status = 404, message = "none" } end
		function api.on_error(err) return api.json { n = err.errors and #err.errors, first = err.errors and err.errors[1].field } end
		return api`)
	if got, want := answer(s.do("POST /", `{}`)), `400 {"n":2,"first":"a"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := answer(s.do("GET /", "")), `404 {}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A body that is said to be something else than JSON is not read as JSON.
func TestBodyJSONContentType(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.decoded.post(ctx) return ctx:body():json() end
		function api.expect.post(ctx) return ctx:body():expect { a = "integer" } end
		function api.plain.post(ctx) return rover.json.decode(ctx:body():text()) end
		return api`)
	for _, c := range []struct{ kind, json, text string }{
		{"", `200 {"a":1}`, `200 {"a":1}`},
		{"application/json", `200 {"a":1}`, `200 {"a":1}`},
		{"application/vnd.api+json; charset=utf-8", `200 {"a":1}`, `200 {"a":1}`},
		{"text/plain", `415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}`, `200 {"a":1}`},
		{"application/x-www-form-urlencoded", `415 {"error":"request body: Content-Type \"application/x-www-form-urlencoded\" is not JSON: application/json, or a type that ends in +json"}`, `200 {"a":1}`},
		{"application/json, text/plain", `415 {"error":"request body: Content-Type \"application/json, text/plain\": mime: unexpected content after media subtype"}`, `200 {"a":1}`},
	} {
		headers := []string{}
		if c.kind != "" {
			headers = append(headers, "Content-Type: "+c.kind)
		}
		for path, want := range map[string]string{"/decoded": c.json, "/expect": c.json, "/plain": c.text} {
			if got := answer(s.do("POST "+path, `{"a":1}`, headers...)); got != want {
				t.Errorf("%s as %q:\ngot  %s\nwant %s", path, c.kind, got, want)
			}
		}
	}
}
