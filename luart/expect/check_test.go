package expect

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/schema"
)

// newState returns a VM with rover.json as the global "json".
func newState(tb testing.TB) *lua.LState {
	L := lua.NewState()
	tb.Cleanup(L.Close)
	L.SetGlobal("json", jsonlua.Open(L))
	return L
}

func eval(tb testing.TB, L *lua.LState, expression string) lua.LValue {
	tb.Helper()
	if err := L.DoString("return " + expression); err != nil {
		tb.Fatal(err)
	}
	defer L.SetTop(0)
	return L.Get(1)
}

func decoded(tb testing.TB, L *lua.LState, text string) lua.LValue {
	tb.Helper()
	v, err := jsonlua.DecodeWith(L, []byte(text), jsonlua.Options{Exact: true, Null: true})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// outcome is the value that Check returns, as JSON, or its faults, as field: type: message.
func outcome(tb testing.TB, L *lua.LState, expected, v lua.LValue, extra schema.Extra) string {
	tb.Helper()
	got, faults := Check(L, "request body", Read(L, "request body", expected, nil), v, Options{Extra: extra, JSON: true, Own: true, Exact: true})
	if faults != nil {
		var lines []string
		for _, f := range faults.All() {
			lines = append(lines, f.Field+": "+f.Type+": "+f.Message)
		}
		return strings.Join(lines, " | ")
	}
	text, err := jsonlua.Append(nil, nil, got)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestCheck(t *testing.T) {
	const order = `{
		id = "integer", note = "string?", paid = "boolean", tags = "array", any = "any", t = "table?",
		items = { { price = "number", name = "string?" } },
		["address?"] = { city = "string" },
		words = { "string" },
	}`
	const good = `"id":1,"paid":false,"tags":[],"any":0,"items":[{"price":1.5}],"words":["a"]`
	const result = `{"any":0,"id":1,"items":[{"price":1.5}],"paid":false,"tags":[],"words":["a"]}`
	for _, tt := range []struct{ schema, in, want string }{
		{order, `{` + good + `}`, result},
		{order, `{` + good + `,"note":null,"address":null,"more":{}}`, result},
		{
			order, `{` + good + `,"note":"n","address":{"city":"x","zip":1},"t":[]}`,
			`{"address":{"city":"x"},"any":0,"id":1,"items":[{"price":1.5}],"note":"n","paid":false,"t":[],"tags":[],"words":["a"]}`,
		},
		{order, `{` + good + `,"note":1}`, `note: type: Must be a string, got number`},
		{order, `{` + good + `,"t":""}`, `t: type: Must be an object or an array, got string`},
		{order, `{` + good + `,"address":{}}`, `address.city: required: Field 'address.city' is required`},
		{order, `{` + good + `,"address":[]}`, `address: type: Must be an object, got array`},
		{order, `{` + good + `,"items":[{"price":1},{"price":"x"}]}`, `items[2].price: type: Must be a number, got string`},
		{order, `{` + good + `,"items":{}}`, `items: type: Must be an array, got object`},
		{order, `{` + good + `,"words":["a",null]}`, `words[2]: required: Field 'words[2]' is required`},
		{order, `{` + good + `,"id":1.5}`, `id: type: Must be an integer, got float 1.5`},
		{order, `{` + good + `,"id":"1"}`, `id: type: Must be an integer, got string`},
		{order, `{` + good + `,"id":3.0}`, strings.Replace(result, `"id":1`, `"id":3`, 1)},
		{order, `{` + good + `,"tags":{}}`, `tags: type: Must be an array, got object`},
		{`{ a = "string", b = { c = "number" }, d = "any" }`, `{"b":{}}`, `a: required: Field 'a' is required | b.c: required: Field 'b.c' is required | d: required: Field 'd' is required`},

		{`"number"`, `41`, `41`},
		{`"number"`, `true`, `: type: Request body must be a number, got boolean`},
		{`"string?"`, `null`, `null`},
		{`{ "integer" }`, `[1,2]`, `[1,2]`},
		{`{ "integer" }`, `[]`, `[]`},
		{`{ "integer" }`, `[1,"2","3"]`, `[2]: type: Must be an integer, got string | [3]: type: Must be an integer, got string`},
		{`{ "integer?" }`, `[1,null,2]`, `[1,null,2]`},
		{`{ { a = "string" } }`, `[{"a":"x","b":1}]`, `[{"a":"x"}]`},
		{`{ "integer" }`, `[12345678901234567890]`, `[12345678901234567890]`},
		{`{ "integer" }`, `[1e-400]`, `[1]: type: Must be an integer, got float 1e-400`},
		{`{ "number" }`, `[1e-400]`, `[1e-400]`},
		{`{ "integer" }`, `[1e400,1.0e30]`, `[1e400,1.0e30]`},
		{`"string"`, `12345678901234567890`, `: type: Request body must be a string, got number`},
		{`{ "integer" }`, `{}`, `: type: Request body must be a JSON array`},
		{`{}`, `{"a":1}`, `{}`},
		{`{}`, `[]`, `: type: Request body must be a JSON object`},
		{`{}`, `null`, `: type: Request body must be a JSON object`},
		{`"object"`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{ a = "object" }`, `{"a":{"b":1},"c":2}`, `{"a":{"b":1}}`},
	} {
		L := newState(t)
		if got := outcome(t, L, eval(t, L, tt.schema), decoded(t, L, tt.in), schema.Strip); got != tt.want {
			t.Errorf("%s against %s:\ngot  %s\nwant %s", tt.in, tt.schema, got, tt.want)
		}
	}
}

// Check leaves the value alone: what it returns are other tables.
func TestCheckCopies(t *testing.T) {
	L := newState(t)
	v := eval(t, L, `{ a = { b = 1, c = 2 }, d = { { e = 1, f = 2 } } }`)
	outcome(t, L, eval(t, L, `{ a = { b = "number" }, d = { { e = "number" } } }`), v, schema.Strip)
	text, err := jsonlua.Append(nil, nil, v)
	if want := `{"a":{"b":1,"c":2},"d":[{"e":1,"f":2}]}`; err != nil || string(text) != want {
		t.Errorf("the value has become %s, %v", text, err)
	}
}

func TestCheckExtra(t *testing.T) {
	const expected = `{ a = "number", b = { c = "number?" }, d = { { e = "number" } } }`
	const in = `{ x = 1, a = 1, b = { y = { z = 1 }, c = 2 }, d = { { e = 3, ["w\n"] = 4 } } }`
	for extra, want := range map[schema.Extra]string{
		schema.Strip:  `{"a":1,"b":{"c":2},"d":[{"e":3}]}`,
		schema.Keep:   `{"x":1,"a":1,"b":{"y":{"z":1},"c":2},"d":[{"w\n":4,"e":3}]}`,
		schema.Refuse: `x: unknown: Is not expected | b.y: unknown: Is not expected | d[1].w\n: unknown: Is not expected`,
	} {
		L := newState(t)
		if got := outcome(t, L, eval(t, L, expected), eval(t, L, in), extra); got != want {
			t.Errorf("%d:\ngot  %s\nwant %s", extra, got, want)
		}
	}
	L := newState(t)
	if got, want := outcome(t, L, eval(t, L, `{ ["a?"] = "number" }`), eval(t, L, `{ ["a?"] = 1 }`), schema.Refuse), "a?: unknown: Is not expected"; got != want {
		t.Errorf("a name that ends in ?: got %s, want %s", got, want)
	}
	long := eval(t, L, `{ [string.rep("k", 1000)] = 1 }`)
	want := strings.Repeat("k", 64) + "...: unknown: Is not expected"
	if got := outcome(t, L, L.NewTable(), long, schema.Refuse); got != want {
		t.Errorf("a long name: %s", got)
	}
}
