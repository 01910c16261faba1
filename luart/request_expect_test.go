package luart

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const expecting = `
	local api, g = rover.server {}, rover.guard
	api.orders.expect {
		post = {
			body = { item = g:string():required():match(rover.re.compile("^[a-z]+$")), count = g:integer():default(1), ["note?"] = "any" },
			query = { dry = g:boolean():default(false), tag = { "string" } },
			headers = { ["X-Client"] = g:string():max(5) },
		},
		get = { query = { page = g:integer():min(1):default(1) }, extra = "error" },
		any = { query = {}, extra = "error" },
	}
	function api.orders.post(ctx) return ctx:expected() end
	function api.orders.get(ctx) return ctx:expected() end
	api.orders.p_id.expect { get = { params = { id = "integer" } }, delete = { params = { id = g:string():uuid() } } }
	function api.orders.p_id.get(ctx) return ctx:expected().params end
	function api.orders.p_id.delete(ctx) return "gone" end
	function api.orders.mine.get(ctx) return "mine" end
	api.up.expect { post = { body = { a = "integer" } }, put = { body = { { id = "integer" } } } }
	api.files.w_path.expect { get = { query = {}, extra = "error" } }
	api.expect { get = { query = { q = "string" } } }
	function api.get(ctx) return ctx:expected().query.q end
	function api.free.get(ctx) return select(2, pcall(ctx.expected, ctx)) end
	return api`

func faultOf(field, message, kind string) string {
	return fmt.Sprintf(`400 {"errors":[{"field":%q,"message":"%s","type":%q}]}`, field, message, kind)
}

func TestExpectRule(t *testing.T) {
	s := newServer(t, expecting)
	const ok = `200 {"query":{"dry":false,"tag":["a"]},"headers":{},"body":{"count":1,"item":"cup"}}`
	for _, c := range []struct{ request, body, header, want string }{
		{"POST /orders?tag=a", `{"item":"cup","admin":true}`, "", ok},
		{"POST /orders?tag=a&more=1", `{"item":"cup"}`, "Content-Type: application/json", ok},
		{"POST /orders?tag=a&tag=b&dry=true", `{"item":"cup","count":2.0,"note":{"a":[null]}}`, "x-client: me", `200 {"query":{"dry":true,"tag":["a","b"]},"headers":{"X-Client":"me"},"body":{"count":2,"item":"cup","note":{"a":[null]}}}`},

		// All faults of the head, before the body is looked at; then all of the body.
		{"POST /orders?dry=1", `{`, "X-Client: too long", `400 {"errors":[{"field":"query.dry","message":"Must be a boolean, got '1'","type":"type"},` +
			`{"field":"query.tag","message":"Field 'query.tag' is required","type":"required"},` +
			`{"field":"headers.X-Client","message":"Must have at most 5 characters, got 8","type":"max"}]}`},
		{"POST /orders?tag=a", `{"item":"A","count":"x"}`, "", `400 {"errors":[{"field":"count","message":"Must be an integer, got string","type":"type"},` +
			`{"field":"item","message":"Must match ^[a-z]+$","type":"match"}]}`},
		{"POST /orders?tag=a", `[]`, "", faultOf("", "Request body must be a JSON object", "type")},
		{"POST /orders?tag=a", `{`, "", `400 {"error":"request body: invalid JSON at byte 2: expected a string key or '}', got end of input"}`},
		{"POST /orders?tag=a", ``, "", `400 {"error":"request body: invalid JSON at byte 1: expected a value, got end of input"}`},
		{"POST /orders?tag=a", `{"item":"cup"}`, "Content-Type: text/plain", `415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}`},
		{"POST /orders?tag=a", `{"item":"cup"}`, "Content-Encoding: gzip", `415 {"error":"request body: Content-Encoding \"gzip\": it is not decoded here"}`},
		{"POST /orders?tag=a", `{"item":"cup"}`, "Origin: https://evil.example", `415 {"error":"request body: a page of another site has sent it without a Content-Type: application/json expected"}`},
		{"POST /orders?tag=a", `{"item":"` + strings.Repeat("a", 2000) + `"}`, "", `413 {"error":"the request body is larger than 1000 bytes"}`},

		// What can be read in two ways.
		{"POST /orders?tag=a", `{"item":"cup","item":"CUP"}`, "", `400 {"error":"request body: invalid JSON at byte 28: two members of the object before are called \"item\""}`},
		{"POST /orders?tag=a", `{"item":"cup","i\u0074em":"CUP"}`, "", `400 {"error":"request body: invalid JSON at byte 33: two members of the object before are called \"item\""}`},
		{"POST /orders?tag=a", "{\"item\":\"cup\",\"note\":\"\xff\"}", "", `400 {"error":"request body: invalid JSON at byte 23: a byte that is no UTF-8"}`},
		{"POST /orders?tag=a", `{"item":"cup","note":"\ud800"}`, "", `400 {"error":"request body: invalid JSON at byte 28: half of a surrogate pair"}`},
		{"POST /orders?tag=a", `{"item":"cup","count":9007199254740993}`, "", faultOf("count", "Must be an integer, got 9007199254740993, which is beyond 2^53", "type")},
		{"GET /orders?page=2", "", "", `200 {"query":{"page":2}}`},
		{"GET /orders", "", "", `200 {"query":{"page":1}}`},
		{"GET /orders?page=0", "", "", faultOf("query.page", "Must be at least 1, got 0", "min")},
		{"GET /orders?page=0x10", "", "", faultOf("query.page", "Must be an integer, got '0x10'", "type")},
		{"GET /orders?page=1e3", "", "", faultOf("query.page", "Must be an integer, got '1e3'", "type")},
		{"GET /orders?page=+1", "", "", faultOf("query.page", "Must be an integer, got ' 1'", "type")},
		{"GET /orders?page=%2B1", "", "", faultOf("query.page", "Must be an integer, got '+1'", "type")},
		{"GET /orders?page=1%0a", "", "", faultOf("query.page", `Must be an integer, got '1\\n'`, "type")},
		{"GET /orders?page=", "", "", faultOf("query.page", "Must be an integer, got ''", "type")},
		{"GET /orders?page=1&page=2", "", "", faultOf("query.page", "Must be one value, got 2", "type")},
		{"GET /orders?page=1&Page=2", "", "", faultOf("query.Page", "Is not expected", "unknown")},
		{"GET /orders?page[]=1", "", "", faultOf("query.page[]", "Is not expected", "unknown")},

		// The other methods, however they are written.
		{"HEAD /orders?page=0", "", "", faultOf("query.page", "Must be at least 1, got 0", "min")},
		{"PATCH /orders?a=1", "", "", faultOf("query.a", "Is not expected", "unknown")},
		{"get /orders?page=0", "", "", faultOf("query.page", "Must be at least 1, got 0", "min")},

		{"GET /orders/7", "", "", `200 {"id":7}`},
		{"GET /orders/07", "", "", faultOf("params.id", "Must be an integer, got '07'", "type")},
		{"GET /orders/mine", "", "", `200 mine`},
		{"DELETE /orders/7", "", "", faultOf("params.id", "Must be a UUID", "uuid")},

		// For exactly the path, in any reading of it, and also where nothing is routed.
		{"POST /orders/7?dry=1", `{`, "", "200 POST /orders/7?dry=1 {"},
		{"POST //orders?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"POST /orders/?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"POST /ORDERS?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"POST /x/../orders?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"POST /%6frders?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"POST /orders;v=1?dry=1&tag=a", "", "", faultOf("query.dry", "Must be a boolean, got '1'", "type")},
		{"GET /files/a/b?c=1", "", "", faultOf("query.c", "Is not expected", "unknown")},
		{"GET /?q=x", "", "", `200 x`},
		{"GET /", "", "", faultOf("query.q", "Field 'query.q' is required", "required")},
		{"GET /free", "", "", `200 app.lua:22: ctx:expected: nothing is expected of this request: there is no rule expect for its place and method`},
		{"POST /up", `{"a":1.5}`, "", faultOf("a", "Must be an integer, got float 1.5", "type")},
		{"PUT /up", `[{"id":1},{"id":null}]`, "", faultOf("[2].id", "Field '[2].id' is required", "required")},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{c.header}
		}
		s.gen.maxBody = 1000
		if got := answer(s.do(c.request, c.body, headers...)); got != c.want {
			t.Errorf("%s %.100s %s:\ngot  %s\nwant %s", c.request, c.body, c.header, got, c.want)
		}
	}
}

// No Lua runs for what is refused, and what gets through gets to the upstream as it was.
func TestExpectRuleBeforeLua(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.up.expect { post = { body = { a = "integer" } } }
		local seen = 0
		function api.up.before.seen(ctx) seen = seen + 1 end
		function api.seen.get() return seen end
		api.read.expect { post = { body = { a = "integer" } } }
		function api.read.post(ctx) return { all = ctx:body():text(), a = ctx:expected().body.a, again = ctx:expected().body.a } end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %v", body, r.ContentLength, err)
	})
	for _, c := range []struct{ request, body, want string }{
		{"POST /up", `{"a":"x"}`, faultOf("a", "Must be an integer, got string", "type")},
		{"GET /seen", "", "200 0"},
		{"POST /up", ` {"a": 1.0, "b" : [2] } `, `200  {"a": 1.0, "b" : [2] }  24 <nil>`},
		{"GET /seen", "", "200 1"},
		{"POST /read", ` {"a": 1.0}`, `200 {"all":" {\"a\": 1.0}","a":1,"again":1}`},
	} {
		if got := answer(s.do(c.request, c.body)); got != c.want {
			t.Errorf("%s %s: got %s, want %s", c.request, c.body, got, c.want)
		}
	}
	// A body of unknown length, which may be too long.
	s.gen.maxBody = 1000
	for body, want := range map[string]string{
		`{"a":1}`:                            `200 {"a":1} -1 <nil>`,
		`{"a":1` + strings.Repeat(" ", 2000): `413 {"error":"the request body is larger than 1000 bytes"}`,
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/up", io.MultiReader(strings.NewReader(body)))
		s.ServeHTTP(w, r)
		if got := answer(w); got != want {
			t.Errorf("chunked %.20s: got %s, want %s", body, got, want)
		}
	}
}

// A request that a before hook rewrites to a place with a rule is compared there, as it is by then.
func TestExpectRuleOfRewritten(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.before.go(ctx)
			local to, body = ctx:header("X-To"), ctx:header("X-Body")
			if to then ctx:rewrite(to, ctx:header("X-Query")) end
			if body then ctx:set_body(body) end
			if ctx:header("X-Put") then ctx:set_method("PUT") end
			ctx:strip_prefix("/pre")
		end
		function api.before.later(ctx) ctx:set_header("X-Later", "yes") end
		api.up.expect { post = { body = { a = "integer" }, query = { n = "integer?" } }, get = { query = {}, extra = "error" } }
		api.up.p_id.expect { post = { params = { id = "integer" } } }
		api.locked.auth { jwt = ("k"):rep(32) }
		api.locked.expect { post = { body = { a = "integer" } } }
		api.from.expect { post = { body = { a = "integer" } } }
		function api.route.post(ctx) return ctx:expected().body.a end
		return api`)
	var later string
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		later = r.Header.Get("X-Later")
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %v", r.Method, r.URL, body, err)
	})
	wrong := faultOf("a", "Must be an integer, got string", "type")
	for _, c := range []struct{ request, body, header, want string }{
		{"POST /x", `{"a":"x"}`, "X-To: /up", wrong},
		{"POST /x", `{"a":"x"}`, "X-To: /UP/", wrong},
		{"POST /x", `{"a":"x"}`, "X-To: /%75p", wrong},
		{"POST /pre/up", `{"a":"x"}`, "", wrong},
		{"POST /up/1", `{"a":"x"}`, "X-To: /up", wrong}, // it covered the request, which was below
		{"POST /from", `{"a":1}`, "X-To: /up | X-Query: n=x", faultOf("query.n", "Must be an integer, got 'x'", "type")},
		{"POST /x", `{`, "X-To: /up", `400 {"error":"request body: invalid JSON at byte 2: expected a string key or '}', got end of input"}`},
		{"POST /x", `{"a":1}`, "X-To: /up | Content-Type: text/plain", `415 {"error":"request body: Content-Type \"text/plain\" is not JSON: application/json, or a type that ends in +json"}`},
		{"POST /x", `{"a":1}`, "X-To: /up | X-Body: {\"a\":\"x\"}", wrong},
		{"POST /x", `{"a":1` + strings.Repeat(" ", 2000) + `}`, "X-To: /up", `413 {"error":"the request body is larger than 1000 bytes"}`},
		{"GET /x?q=1", ``, "X-To: /up", faultOf("query.q", "Is not expected", "unknown")},
		{"POST /x", ``, "X-To: /up/x", faultOf("params.id", "Must be an integer, got 'x'", "type")},
		{"POST /x", `{"a":"x"}`, "X-To: /locked", withoutToken},
		{"POST /route", `{"a":"x"}`, "X-To: /up", wrong},

		{"POST /x", ` {"a":1}`, "X-To: /up", `200 POST /up  {"a":1} <nil>`},
		{"POST /x", `{"a":"x"}`, `X-To: /up | X-Body: {"a":2}`, `200 POST /up {"a":2} <nil>`},
		{"POST /x", `{"a":"x"}`, "X-To: /up | X-Put: 1", `200 PUT /up {"a":"x"} <nil>`}, // nothing is expected of it
		{"POST /x", ``, "X-To: /up/7", `200 POST /up/7  <nil>`},
		{"POST /x", `{"a":"x"}`, "X-To: /up/7/below", `200 POST /up/7/below {"a":"x"} <nil>`},
		{"POST /from", `{"a":"x"}`, "X-To: /free", wrong}, // the place that it came to
		{"POST /route", `{"a":3}`, "X-To: /up", `200 3`},
	} {
		later = ""
		s.gen.maxBody = 1000
		got := answer(s.do(c.request, c.body, strings.Split(c.header, " | ")...))
		if got != c.want {
			t.Errorf("%s %.100s %s:\ngot  %s\nwant %s", c.request, c.body, c.header, got, c.want)
		}
		if got[0] != '2' && later != "" {
			t.Errorf("%s %.100s %s: a later hook has run", c.request, c.body, c.header)
		}
	}
	if got, want := countsOf(s, "/up"), "3 allowed, 12 denied, 0 failed"; got != want {
		t.Errorf("/up: got %s, want %s", got, want)
	}
	if got, want := countsOf(s, "/from"), "1 allowed, 1 denied, 0 failed"; got != want {
		t.Errorf("/from: got %s, want %s", got, want)
	}
}

// countsOf is what the rule expect of a place has said.
func countsOf(s *server, place string) string {
	c := s.vm.RuleCounts()[RuleID{"expect", place}]
	return fmt.Sprintf("%d allowed, %d denied, %d failed", c.Allowed.Load(), c.Denied.Load(), c.Failed.Load())
}

// What takes too long to compare is refused.
func TestExpectRuleTakesLong(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.up.expect { post = { body = { a = { "any" }, ["s?"] = rover.guard:string():match(rover.re.compile("(a?){1000}(a?){1000}(a?){1000}b")) } } }
		return api`)
	s.gen.burst = 1
	for _, body := range []string{
		`{"a":[` + strings.Repeat("1,", 5000) + `1]}`,
		`{"a":[],"s":"` + strings.Repeat("a", 50_000) + `"}`,
	} {
		if got := answer(s.do("POST /up", body)); got != `500 {"error":"internal error"}` {
			t.Errorf("%.20s: %s", body, got)
		}
	}
	if n := s.logs.FilterMessage("a request could not be compared with what is expected: it is refused").Len(); n != 2 {
		t.Errorf("it is %d times in the log", n)
	}
}

func TestExpectRuleErrors(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for rule, want := range map[string]string{
		`api.a.expect {}`:                                                              `app.lua:1: bad argument #1 to expect (what is expected of which method?`,
		`api.a.expect { pst = {} }`:                                                    `unknown option "pst"`,
		`api.a.expect { post = "string" }`:                                             `option 'post': { body = …, query = …, params = …, headers = … } expected, got string`,
		`api.a.expect { post = { bdy = {} } }`:                                         `app.lua:1: expect: post: unknown option "bdy": did you mean body?`,
		`api.a.expect { post = { body = "strng" } }`:                                   `app.lua:1: expect: expect: post: body: "strng" is not a type`,
		`api.a.expect { post = { query = { a = { b = "string" } } } }`:                 `expect: post: query: a: a text cannot be an object`,
		`api.a.expect { post = { query = { a = { { "string" } } } } }`:                 `expect: post: query: a: an array of texts has strings, numbers, integers or booleans`,
		`api.a.expect { post = { query = { "string" } } }`:                             `expect: post: query: a table of names and schemas expected`,
		`api.a.expect { post = { body = {}, extra = true } }`:                          `expect: post: extra: "strip", "keep" or "error" expected`,
		`api.a.expect { post = { params = { id = "integer" } } }`:                      `expect: post: params: /a has no parameter "id"`,
		`api.a.p_id.expect { post = { params = { di = "integer" } } }`:                 `expect: post: params: /a/:id has no parameter "di"`,
		`api.a.expect { post = {} } api.a.expect { get = {} }`:                         `api.a.expect: what is expected here is said already (app.lua:1)`,
		`api.a.expect { post = { body = { a = rover.guard:string():check(print) } } }`: `expect: post: body: a function of :check needs the VM`,
	} {
		err := s.load(`local api = rover.server {} ` + rule + ` return api`)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", rule, err, want)
		}
	}
}
