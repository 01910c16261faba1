package luart

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// masking has the same functions for responses of the next handler, for what ctx:next returns, for
// answers of its own, and for requests.
const masking = `
	local api = rover.server {}
	local function mask(v)
		if type(v) ~= "table" then return end
		for k, inner in pairs(v) do
			if k == "email" then v[k] = "***" else mask(inner) end
		end
	end
	local kinds = {
		mask = mask,
		nothing = function() end,
		ids = function(doc) return { doc.id, tostring(doc.id), doc.id == rover.json.number("12345678901234567890") } end,
		other = function(doc) return { was = doc } end,
		scalar = function() return false end,
		null = function() return rover.json.null end,
		waits = function(doc) rover.sleep(0.001) doc.email = "***" end,
		raises = function(doc) doc.email = "***" local x = doc.nothing.there end,
		refuses = function() error { status = 403, message = "not for you" } end,
		burst = function() while true do rover.vm.spend() end end,
		bad = function(doc) doc.f = print end,
		user = function(doc) doc.user = "ann" end,
		removes = function(doc) doc.is_admin = nil end,
		zero = function(doc) doc[0] = 1 end,
		deep = function(doc) doc.of.user = "ann" end,
		items = function(doc) doc[1] = "a" doc[#doc + 1] = "b" table.insert(doc, "c") end,
	}
	local function kind(ctx) return kinds[ctx:query().kind] end
	function api.after.edit(ctx, res)
		local f = ctx:query().kind and ctx:query().at ~= "ctx" and kind(ctx)
		if not f then return end
		if ctx:query().pcall then
			local ok, err = pcall(res.edit_json, res, f)
			res:set_header("X-Caught", tostring(err.message or err))
		else
			assert(res:edit_json(f) == res)
		end
	end
	function api.asked.any(ctx)
		local res = ctx:next()
		return res:edit_json(kinds[ctx:query().edit])
	end
	function api.own.get() return { email = "a", id = 1 } end
	function api.own_text.get() return "text" end
	function api.own_stream.get() return api.stream(200, "application/json", function() end) end
	function api.own_none.get() return nil end
	function api.own_empty.get() return api.html("") end
	function api.request.any(ctx)
		assert(ctx:edit_json(kinds[ctx:query().edit]) == ctx)
		return api.pass()
	end
	function api.twice.any(ctx)
		ctx:edit_json(function(doc) doc.n = 1 end)
		ctx:edit_json(function(doc) doc.n = doc.n + 1 end)
		return ctx:body():json()
	end
	function api.wrong.any(ctx) ctx:edit_json() end
	return api`

func TestEditResponseJSON(t *testing.T) {
	const doc = "{ \"email\" : \"a@b\",\n  \"id\" : 12345678901234567890, \"n\":1.0, \"none\":null, \"list\":[] }\n"
	masked := strings.Replace(doc, "a@b", "***", 1)
	b := &backend{status: 200}
	s := newServer(t, masking, withSpend)
	s.next = b
	for _, c := range []struct {
		request, kind, body, want string
		status                    int
	}{
		{"GET /?kind=mask", "application/json", doc, "200 " + masked, 0},
		{"GET /?kind=mask", "Application/Problem+JSON; charset=utf-8", doc, "200 " + masked, 0},
		{"GET /?kind=mask", "", doc, "200 " + masked, 0},
		{"POST /?kind=mask", "application/json", doc, "404 " + masked, 404},
		{"GET /asked?edit=mask", "application/json", doc, "200 " + masked, 0},
		{"GET /?kind=nothing", "application/json", doc, "200 " + doc, 0},
		{"GET /?kind=waits", "application/json", doc, "200 " + masked, 0},
		{"GET /?kind=ids", "application/json", doc, "200 [12345678901234567890, \"12345678901234567890\", true]\n", 0},
		{"GET /?kind=other", "application/json", `[1.0]`, `200 {"was":[1.0]}`, 0},
		{"GET /?kind=scalar", "application/json", `[1.0]`, `200 false`, 0},
		{"GET /?kind=null", "application/json", `[1.0]`, `200 null`, 0},
		{"GET /?kind=mask", "application/json", `{"email":"a","x":{"email":"b","email":"c"}}`, `200 {"email":"***","x":{"email":"***"}}`, 0},

		{"GET /?kind=mask", "application/json", `null`, `200 null`, 0},
		{"GET /?kind=user", "application/json", `[{"user":1}]`, `502 {"error":"response body: an array stands where an object is expected"}`, 0},
		{"GET /?kind=removes", "application/json", `[]`, `502 {"error":"response body: an array stands where an object is expected"}`, 0},
		{"GET /?kind=items", "application/json", `[]`, `200 ["a","b","c"]`, 0},

		{"GET /own?kind=mask", "", "", `200 {"email":"***","id":1}`, 0},
		{"GET /own_none?kind=mask", "", "", `204 `, 0},
		{"GET /own_empty?kind=mask", "", "", `200 `, 0},
		{"GET /own_text?kind=mask", "", "", `502 {"error":"response body: Content-Type \"text/plain; charset=utf-8\" is not JSON: application/json, or a type that ends in +json"}`, 0},
		{"GET /own_stream?kind=mask", "", "", `500 {"error":"internal error"}`, 0},

		{"GET /?kind=mask", "application/json", "", "200 ", 0},
		{"GET /?kind=mask", "text/html", "", "302 ", 302},
		{"GET /?kind=mask", "application/json", "", "204 ", 204},
		{"GET /?kind=mask", "", "", "304 ", 304},
		{"GET /?kind=mask", "application/json", doc, "205 ", 205}, // it must have none, and has

		{"GET /?kind=mask", "text/html", "<b>a@b</b>", `502 {"error":"response body: Content-Type \"text/html\" is not JSON: application/json, or a type that ends in +json"}`, 0},
		{"GET /?kind=mask", "application/json, text/html", doc, `502 {"error":"response body: Content-Type \"application/json, text/html\" is not JSON: application/json, or a type that ends in +json"}`, 0},
		{"GET /?kind=mask", "application/json", `{"email":"a@b"`, `502 {"error":"response body: invalid JSON at byte 15: expected ',' or '}', got end of input"}`, 0},
		{"GET /?kind=mask", "application/json", " ", `502 {"error":"response body: invalid JSON at byte 2: expected a value, got end of input"}`, 0},
		{"GET /?kind=mask", "application/json", strings.Repeat("[", 65), `502 {"error":"response body: invalid JSON at byte 65: nested deeper than 64 levels"}`, 0},
		{"GET /?kind=mask", "application/json", `"` + strings.Repeat("x", 1<<20) + `"`, `500 {"error":"internal error"}`, 0},
		{"GET /?kind=raises", "application/json", doc, `500 {"error":"internal error"}`, 0},
		{"GET /?kind=burst", "application/json", doc, `500 {"error":"internal error"}`, 0},
		{"GET /?kind=bad", "application/json", doc, `500 {"error":"internal error"}`, 0},
		{"GET /?kind=refuses", "application/json", doc, `403 {"error":"not for you"}`, 0},
		{"GET /asked?edit=raises", "application/json", doc, `500 {"error":"internal error"}`, 0},
	} {
		b.status = 200
		if c.status != 0 {
			b.status = c.status
		}
		b.header = http.Header{}
		if c.kind != "" {
			b.header.Set("Content-Type", c.kind)
		}
		if b.status != 204 && b.status != 304 {
			b.header.Set("Content-Length", strconv.Itoa(len(c.body)))
		}
		b.pieces = nil
		if c.body != "" {
			b.pieces = []string{c.body[:len(c.body)/2], c.body[len(c.body)/2:]}
		}
		for range 2 {
			w := s.do(c.request, "")
			if got := answer(w); got != c.want {
				t.Errorf("%s of %.100q as %q:\ngot  %.300s\nwant %s", c.request, c.body, c.kind, got, c.want)
			}
			if n := w.Header().Get("Content-Length"); n != "" && n != strconv.Itoa(w.Body.Len()) {
				t.Errorf("%s: Content-Length %s of %d bytes", c.request, n, w.Body.Len())
			}
		}
	}
}

// What says something of the old bytes goes, as with set_body; what is compressed is decoded.
func TestEditResponseJSONHeaders(t *testing.T) {
	b := &backend{status: 200, pieces: []string{gzipped(`{"email":"a@b"}`)}, header: http.Header{
		"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}, "Etag": {`"x"`}, "Digest": {"x"}, "X-Kept": {"yes"},
	}}
	s := newServer(t, masking)
	s.next = b
	w := s.do("GET /?kind=mask", "", "Accept-Encoding: gzip")
	if got, want := answer(w), `200 {"email":"***"}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(w.Header()), "map[Content-Type:[application/json] X-Kept:[yes]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// on_failure pass lets pass what a failed hook or handler has left, but not what edit_json was to
// change, not even where the error was caught and another one raised.
func TestEditJSONOnFailurePass(t *testing.T) {
	b := &backend{status: 200, pieces: []string{`{"email":"a@b"}`}, header: http.Header{"Content-Type": {"application/json"}}}
	s := newServer(t, masking, withSpend, func(s *Script) { s.OnFailure = FailPass })
	s.next = b
	for path, status := range map[string]string{"GET /?kind=removes": "502", "POST /request?at=ctx&kind=x&edit=removes": "400"} {
		b.pieces = []string{"[]"}
		if got := answer(s.do(path, "[]")); !strings.HasPrefix(got, status+" ") {
			t.Errorf("%s of an array: got %s, want %s", path, got, status)
		}
	}
	b.pieces = []string{`{"email":"a@b"}`}
	for _, kind := range []string{"raises", "burst", "bad"} {
		for _, request := range []string{"GET /?kind=" + kind, "GET /asked?edit=" + kind, "POST /request?at=ctx&kind=x&edit=" + kind} {
			if got, want := answer(s.do(request, `{"email":"a@b"}`)), `500 {"error":"internal error"}`; got != want {
				t.Errorf("%s: got %s, want %s", request, got, want)
			}
		}
	}
	// A script that catches the error has decided.
	w := s.do("GET /?kind=refuses&pcall=1", "")
	if got, want := answer(w)+w.Header().Get("X-Caught"), `200 {"email":"a@b"}not for you`; got != want {
		t.Errorf("caught: got %s, want %s", got, want)
	}
}

func TestEditRequestJSON(t *testing.T) {
	const doc = "{ \"email\" : \"a@b\",\n  \"id\" : 12345678901234567890, \"n\":1.0, \"none\":null, \"list\":[] }\n"
	masked := strings.Replace(doc, "a@b", "***", 1)
	s := newServer(t, masking, withSpend)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := new(strings.Builder)
		_, _ = fmt.Fprintf(b, "%d %s %s ", r.ContentLength, r.Header.Get("Content-Length"), r.Header.Get("Digest"))
		p := make([]byte, 1<<10)
		n, _ := r.Body.Read(p)
		_, _ = fmt.Fprintf(w, "%s%s", b, p[:n])
	})
	const isJSON = "Content-Type: application/json"
	const noObject = `400 {"error":"request body: an array stands where an object is expected"}`
	for _, c := range []struct{ request, body, header, want string }{
		{"POST /request?edit=mask", doc, isJSON, "200 84 84  " + masked},
		{"POST /request?edit=waits", doc, isJSON, "200 84 84  " + masked},
		{"POST /request?edit=nothing", doc, isJSON, "200 84  sha " + doc},
		{"POST /request?edit=mask", doc, "X: y", "200 84 84  " + masked},
		{"POST /request?edit=other", "[1.0]", isJSON, `200 13 13  {"was":[1.0]}`},
		{"POST /request?edit=mask", `{"email":"a","email":"b"}`, isJSON, `200 15 15  {"email":"***"}`},
		{"POST /request?edit=mask", doc, "Content-Type: text/plain", `415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}`},
		{"POST /request?edit=mask", doc, "Content-Encoding: gzip", `415 {"error":"request body: Content-Encoding \"gzip\": it is not decoded here"}`},
		{"POST /request?edit=mask", `{"email"`, isJSON, `400 {"error":"request body: invalid JSON at byte 9: expected ':', got end of input"}`},
		{"GET /request?edit=mask", ``, "X: y", `400 {"error":"request body: invalid JSON at byte 1: expected a value, got end of input"}`},
		{"POST /request?edit=mask", `"` + strings.Repeat("x", 1<<20), isJSON, `413 {"error":"the request body is larger than 1048576 bytes"}`},
		{"POST /request?edit=raises", doc, isJSON, `500 {"error":"internal error"}`},
		{"POST /request?edit=burst", doc, isJSON, `500 {"error":"internal error"}`},
		{"POST /request?edit=refuses", doc, isJSON, `403 {"error":"not for you"}`},
		{"POST /request?edit=bad", doc, isJSON, `500 {"error":"internal error"}`},
		{"POST /request?edit=user", "[]", isJSON, noObject},
		{"POST /request?edit=user", "[1]", isJSON, noObject},
		{"POST /request?edit=user", `[{"is_admin":1}]`, isJSON, noObject},
		{"POST /request?edit=removes", `[{"is_admin":1}]`, isJSON, noObject},
		{"POST /request?edit=zero", "[1]", isJSON, noObject},
		{"POST /request?edit=deep", `{"of":[{"user":"eve"}]}`, isJSON, noObject},
		{"POST /request?edit=deep", `{"of":{}}`, isJSON, `200 21 21  {"of":{"user":"ann"}}`},
		{"POST /request?edit=items", `[ 1, 2.0 ]`, isJSON, `200 22 22  [ "a", 2.0, "b", "c" ]`},
		{"POST /request?edit=items", `[]`, isJSON, `200 13 13  ["a","b","c"]`},
		{"POST /request?edit=nothing", `[1, {"a":[]}]`, isJSON, `200 13  sha [1, {"a":[]}]`},
		{"POST /request?edit=user", "null", isJSON, `400 {"error":"request body: an object or an array expected"}`},
		{"POST /request?edit=user", `"x"`, isJSON, `400 {"error":"request body: an object or an array expected"}`},
		{"POST /request?edit=mask", "1", isJSON, `400 {"error":"request body: an object or an array expected"}`},
		{"POST /twice", `{}`, isJSON, `200 {"n":2}`},
		{"POST /wrong", `{}`, isJSON, `500 {"error":"internal error"}`},
	} {
		for range 2 {
			if got := answer(s.do(c.request, c.body, c.header, "Digest: sha")); got != c.want {
				t.Errorf("%s of %.100q, %s:\ngot  %.300q\nwant %q", c.request, c.body, c.header, got, c.want)
			}
		}
	}
}
