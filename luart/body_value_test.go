package luart

import (
	"net/http"
	"testing"
)

// A body stands for its text, and in JSON for what it is.
func TestBodyAsValue(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local kept
		function api.inside.post(ctx) kept = ctx:body() return { body = ctx:body(), n = #ctx:body() } end
		function api.kept.post() return { pcall(function() return rover.json.encode { kept } end) } end
		function api.strings.post(ctx)
			local body = ctx:body()
			return { tostring(body), "<" .. body .. ">", body .. 1, body .. body, body:as_string(), body:bytes(), #body, body:len() }
		end
		function api.raw_alias.post(ctx) return { ctx:body():raw().a, ctx:body():raw({ exact = true }) } end
		function api.wrong.post(ctx) return { pcall(function() return ctx:body() .. {} end) } end
		function api.answers.w_rest.any(ctx)
			local res = ctx:next()
			local body = res:body()
			return { body = body, text = "" .. body, n = #body, again = body:as_string() }
		end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("X-Type"))
		_, _ = w.Write([]byte(r.Header.Get("X-Body")))
	})
	const isJSON = "Content-Type: application/json"
	for _, c := range []struct {
		request, body string
		headers       []string
		want          string
	}{
		{"POST /inside", `{ "id": 12345678901234567890, "none": null }`, []string{isJSON}, `200 {"body":{ "id": 12345678901234567890, "none": null },"n":44}`},
		{"POST /inside", `{"a":1}`, nil, `200 {"body":"{\"a\":1}","n":7}`},
		{"POST /inside", `{"a":1}`, []string{"Content-Type: text/plain"}, `200 {"body":"{\"a\":1}","n":7}`},
		{"POST /inside", `{"a":1`, []string{isJSON}, `200 {"body":"{\"a\":1","n":6}`},
		{"POST /inside", ``, []string{isJSON}, `200 {"body":"","n":0}`},
		{"POST /kept", ``, nil, `200 [false,"app.lua:5: the request is over: its body is valid until the handler returns (at [1])"]`},
		{"POST /strings", `ab`, nil, `200 ["ab","<ab>","ab1","abab","ab","ab",2,2]`},
		{"POST /raw_alias", `{"a":1}`, []string{isJSON}, `200 [1,{"a":1}]`},
		{"POST /raw_alias", `{"a":1}`, []string{"Content-Type: text/plain"}, `415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}`},
		{"POST /wrong", `ab`, nil, `200 [false,"app.lua:11: attempt to concatenate a body and a table value"]`},
		{"GET /answers/x", "", []string{"X-Type: application/json", `X-Body: [1.0]`}, `200 {"body":[1.0],"text":"[1.0]","n":5,"again":"[1.0]"}`},
		{"GET /answers/x", "", []string{"X-Type: text/plain", `X-Body: [1.0]`}, `200 {"body":"[1.0]","text":"[1.0]","n":5,"again":"[1.0]"}`},
	} {
		if got := answer(s.do(c.request, c.body, c.headers...)); got != c.want {
			t.Errorf("%s %s %v:\ngot  %s\nwant %s", c.request, c.body, c.headers, got, c.want)
		}
	}
}
