package guard

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/re"
	"github.com/caddy-rover/rover/luart/libtest"

	lua "github.com/yuin/gopher-lua"
)

var libraries = []*lib.Library{
	Library,
	{Name: "re", Open: func(s *lib.Scope) lua.LValue { return re.Open(s.L()) }},
	{Name: "json", Open: func(s *lib.Scope) lua.LValue { return jsonlua.Open(s.L()) }},
}

func TestGuard(t *testing.T) {
	vm := libtest.New(t, libraries...)
	const setup = `local g, json = rover.guard, rover.json `
	for _, tt := range []struct{ chunk, want string }{
		// All ways to make one.
		{
			`return json.encode(g({ a = "x", b = 1, c = 2, d = true, e = { 1 }, f = { g = 1 }, h = 1 },
			{ a = g:string(), b = g.number(), c = g:integer(), d = g.boolean(), e = g.array(g.integer()), f = g:object { g = "number" } }))`,
			`{"a":"x","b":1,"c":2,"d":true,"e":[1],"f":{"g":1}}`,
		},
		{`return json.encode(g({ a = { { b = 1 } } }, g:object { a = g:array(g:object { b = g:integer():required() }):required() }))`, `{"a":[{"b":1}]}`},
		{
			`return json.encode(g({ a = 1 }, { a = "integer", ["b?"] = g:string(), c = { type = "string", default = "d" }, e = "string?", f = g:array { "string" } }))`,
			`{"a":1,"c":"d"}`,
		},
		{`return json.encode(g({ 1, 2 }, { "integer" }))`, `[1,2]`},
		{`return json.encode(g({ a = { any = { thing = 1 } } }, { a = g:object() }))`, `{"a":{"any":{"thing":1}}}`},
		{`return json.encode(g({ a = {} }, { a = g:array() }))`, `{"a":[]}`},
		{`return json.encode(g({ a = {} }, { a = g:array "string" }))`, `{"a":[]}`},
		{`return json.encode(g({ a = {} }, { a = g:object {} }))`, `{"a":{}}`},
		{`return json.encode(g({ a = { b = json.null } }, { a = g:object() }))`, `{"a":{"b":null}}`},

		// Defaults are copies, and have what is missing in them.
		{`local s = { a = g:array("integer"):default({ 1 }) }
			local one = g({}, s) one.a[1] = 7 return json.encode(g({}, s))`, `{"a":[1]}`},
		{`return json.encode(g({}, { a = g:object({ b = g:string():default("x"), c = g:string() }):default({ d = 1 }) }))`, `{"a":{"b":"x"}}`},
		{`return json.encode(g({}, { a = g:boolean():default(false) }))`, `{"a":false}`},
		{`return json.encode(g({}, { a = g:array("integer?"):default({ 1, json.null }) }))`, `{"a":[1,null]}`},

		// A validator stays what it was where it is.
		{`local name = g:string() local s = g:object { name = name } name:required():max(1)
			return json.encode(g({}, s)), (pcall(g, {}, { name = name })), json.encode(g({ name = "long" }, s))`, `{} | false | {"name":"long"}`},
		{`local a = g:string() return a == a:min(1):max(2)`, `true`},

		{`return g({ n = 4 }, { n = g:integer():check(function(n) if n % 2 == 1 then return "odd" end end) }).n`, `4`},
		{`return g({ n = 3 }, { n = g:integer():check(function(n) if n % 2 == 1 then return "odd" end end) }).n`, `error: Validation failed for data:

  1. Field 'n'
     Error: odd
     Type: check
`},
		{`return g({ n = "x" }, { n = g:integer():check(function(n) error("not asked") end) }).n`, `error: Validation failed for data:

  1. Field 'n'
     Error: Must be an integer, got string
     Type: type
`},
		{`g({ n = 3 }, { n = g:integer():check(function(n) return n == 3 end) })`, `error: chunk:1: check: a function of :check returns nil, or a message; it has returned a boolean`},
		{`g({ n = 3 }, { n = g:integer():check(function(n) error("own") end) })`, `error: chunk:1: own`},

		// Numbers that are none.
		{`g({ n = 0/0 }, { n = g:number():min(0):max(1) })`, `Error: Must be a number, got nan`},
		{`g({ n = 1/0 }, { n = g:integer() })`, `Error: Must be an integer, got inf`},
		{`g({ n = 2^53 }, { n = g:integer() })`, `Error: Must be an integer, got 9007199254740992, which is beyond 2^53`},

		{`g({ s = "a" }, { s = g:string():match(rover.re.compile [[^\d+\.$]]) })`, `Error: Must match ^\d+\.$`}, // as it is written

		// Own methods.
		{
			`local h = g:extend { slug = function(self, n) return self:match(rover.re.compile "^[a-z-]+$"):max(n) end }
			return h({ s = "a-b" }, { s = h:string():required():slug(5) }).s, (pcall(h, { s = "a/b" }, { s = h:string():slug(5) })), h:integer() ~= nil, g:string().slug`,
			`a-b | false | true | nil`,
		},
		{`local h = g:extend { a = function(self) return self:required() end }:extend { b = function(self) return self:a():len(1) end }
			return (pcall(h, {}, { s = h:string():b() })), h.string():b() ~= nil`, `false | true`},
		{`g:extend { required = function() end }`, `error: chunk:1: bad argument #1 to extend ('required' is a method of all validators: take another name)`},
		{`g:extend { slug = "x" }`, `('slug': a function expected, got string)`},

		{`return g.validate(function() return 1, nil, 3 end)`, `1 | nil | 3`},
		{`g.validate(function() error("why") end)`, `error: why`},
		{`g:validate(function() error("at 12:30: why", 0) end)`, `error: at 12:30: why`},
		{`local ok, e = pcall(g.validate, function() error({ code = 7 }) end) return ok, e.code`, `false | 7`},
		{`local ok, e = pcall(g.validate, function() g({}, { a = "string" }) end) return ok, e.status, e.message`, `false | 400 | Field 'a' is required`},
		{`g.validate()`, `bad argument #1 to validate (function expected`},

		// Mistakes have their line.
		{`g(1, {})`, `error: chunk:1: bad argument #1 to`},
		{`g({})`, `bad argument #2 to`},
		{"\ng:string():min(-1)", `error: chunk:2: min: a whole number of characters or items expected, got -1`},
		{"\n\ng:object { a = g:string():default(1) }", `error: chunk:3: default: the default does not fit: Value must be a string, got number`},
		{`g:object { a = "strng" }`, `error: chunk:1: expect: a: "strng" is not a type`},
		{`g:array(nil)`, `error: chunk:1: bad argument #1 to array (schema expected, got nil)`},
		{`g:object("x")`, `error: chunk:1: expect: object: a table of names and schemas expected`},
		{`g:object { "string" }`, `error: chunk:1: expect: object: a table of names and schemas expected`},
		{`g:string("x")`, `error: chunk:1: bad argument #1 to string (nothing expected: `},
		{`g:string():match("^a")`, "error: chunk:1: match: rover.re.compile(\"…\") expected, got string"},
		{`g:string():email(false)`, `error: chunk:1: email: takes no argument`},
		{`g:string():email():uuid()`, `error: chunk:1: uuid: it is an email address already`},
		{`g:string():default(nil)`, `error: chunk:1: default: a value expected, got null`},
		{`g:string():required(true)`, `error: chunk:1: required: a message expected, got boolean`},
		{`g:string().required()`, `validator expected, got nil (call v:required() with a colon)`},
		{`g:integer():enum { 1, "2" }`, `error: chunk:1: enum: value 2 must be an integer, got string`},
		{`g:string():check "x"`, `error: chunk:1: check: a function expected, got string`},
		{`g:string():emial()`, `attempt to call`},
	} {
		got, err := vm.Eval(t.Context(), setup+tt.chunk)
		if err != nil {
			t.Errorf("%s: %v", tt.chunk, err)
		} else if got != tt.want && !(strings.HasPrefix(got, "error: ") && strings.Contains(got, tt.want)) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.chunk, got, tt.want)
		}
	}
}

// What has no effect is in the log once, with its place.
func TestWarnings(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	vm, err := luart.NewVM(luart.VMOptions{Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer vm.Close(t.Context())
	_, err = vm.Load(t.Context(), luart.Script{Path: "app.lua", Libraries: libraries, Source: []byte(`local api, g = rover.server {}, rover.guard
		for _ = 1, 3 do local v = g:string():required():default("x") end
		g:object { a = { type = "string", required = true, default = "x" } }
		g:string():required()
		return api`)})
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, e := range logs.FilterMessage("a schema says what has no effect").All() {
		at = append(at, e.ContextMap()["at"].(string)+" "+e.ContextMap()["reason"].(string))
	}
	const why = "the default of a required value is not used: leave out one of the two"
	if got, want := strings.Join(at, "\n"), "app.lua:2 "+why+"\napp.lua:3 a: "+why; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
