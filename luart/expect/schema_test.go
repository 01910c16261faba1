package expect

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luarttest"
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

// outcome is the value that Check returns, as JSON, or its faults, as field: type: message.
func outcome(tb testing.TB, L *lua.LState, schema, v lua.LValue, extra Extra) string {
	tb.Helper()
	got, faults := Check(L, "request body", schema, v, extra)
	if faults != nil {
		var lines []string
		for _, f := range faults.List {
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
		{`"number"`, `true`, `: type: Must be a number, got boolean`},
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
		{`"string"`, `12345678901234567890`, `: type: Must be a string, got number`},
		{`{ "integer" }`, `{}`, `: type: Must be a JSON array`},
		{`{}`, `{"a":1}`, `{}`},
		{`{}`, `[]`, `: type: Must be a JSON object`},
		{`{}`, `null`, `: type: Must be a JSON object`},
		{`"object"`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{ a = "object" }`, `{"a":{"b":1},"c":2}`, `{"a":{"b":1}}`},
	} {
		L := newState(t)
		v, err := jsonlua.DecodeWith(L, []byte(tt.in), jsonlua.Options{Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(t, L, eval(t, L, tt.schema), v, Strip); got != tt.want {
			t.Errorf("%s against %s:\ngot  %s\nwant %s", tt.in, tt.schema, got, tt.want)
		}
	}
}

// Check leaves the value alone: what it returns are other tables.
func TestCheckCopies(t *testing.T) {
	L := newState(t)
	v := eval(t, L, `{ a = { b = 1, c = 2 }, d = { { e = 1, f = 2 } } }`)
	outcome(t, L, eval(t, L, `{ a = { b = "number" }, d = { { e = "number" } } }`), v, Strip)
	text, err := jsonlua.Append(nil, nil, v)
	if want := `{"a":{"b":1,"c":2},"d":[{"e":1,"f":2}]}`; err != nil || string(text) != want {
		t.Errorf("the value has become %s, %v", text, err)
	}
}

func TestCheckExtra(t *testing.T) {
	const schema = `{ a = "number", b = { c = "number?" }, d = { { e = "number" } } }`
	const in = `{ x = 1, a = 1, b = { y = { z = 1 }, c = 2 }, d = { { e = 3, ["w\n"] = 4 } } }`
	for extra, want := range map[Extra]string{
		Strip:  `{"a":1,"b":{"c":2},"d":[{"e":3}]}`,
		Keep:   `{"x":1,"a":1,"b":{"y":{"z":1},"c":2},"d":[{"w\n":4,"e":3}]}`,
		Refuse: `x: unknown: Is not expected | b.y: unknown: Is not expected | d[1].w\n: unknown: Is not expected`,
	} {
		L := newState(t)
		if got := outcome(t, L, eval(t, L, schema), eval(t, L, in), extra); got != want {
			t.Errorf("%d:\ngot  %s\nwant %s", extra, got, want)
		}
	}
	L := newState(t)
	if got, want := outcome(t, L, eval(t, L, `{ ["a?"] = "number" }`), eval(t, L, `{ ["a?"] = 1 }`), Refuse), "a?: unknown: Is not expected"; got != want {
		t.Errorf("a name that ends in ?: got %s, want %s", got, want)
	}
	long := eval(t, L, `{ [string.rep("k", 1000)] = 1 }`)
	want := strings.Repeat("k", 40) + "...: unknown: Is not expected"
	if got := outcome(t, L, L.NewTable(), long, Refuse); got != want {
		t.Errorf("a long name: %s", got)
	}
}

func TestManyFaults(t *testing.T) {
	L := newState(t)
	list := L.CreateTable(0, 0)
	for range MaxFaults + 23 {
		list.Append(lua.LTrue)
	}
	_, faults := Check(L, "request body", eval(t, L, `{ "string" }`), list, Strip)
	if got := len(faults.List); got != MaxFaults {
		t.Errorf("%d faults are named", got)
	}
	if got, want := faults.Message(), "Field '[1]' must be a string, got boolean, and 122 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := faults.String(), "\n  and 23 more\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
}

func TestSchemaErrors(t *testing.T) {
	for schema, want := range map[string]string{
		`{ a = { b = "strng" } }`: `expect: a.b: "strng" is not a type: string, `,
		`{ a = { b = true } }`:    `expect: a.b: a type or a table expected, got boolean`,
		`"strng"`:                 `expect: request body: "strng" is not a type: string, `,
		`nil`:                     `expect: request body: a type or a table expected, got nil`,

		// Also where no value stands at the place.
		`{ no = { "strng" } }`:               `expect: no[1]: "strng" is not a type: string, `,
		`{ ["no?"] = { b = { c = true } } }`: `expect: no.b.c: a type or a table expected, got boolean`,
		`{ a = "string", z = 1 }`:            `expect: z: a type or a table expected, got number`,

		// The form in which Rover's own server describes a field.
		`{ a = { type = "integer", required = true } }`: `expect: a.required: a type or a table expected, got boolean; ` +
			`to say that a is of the type integer write "integer", or "integer?" where it may be missing`,
		`{ a = { type = "string", default = "x" } }`:          `to say that a is of the type string write "string", or`,
		`{ a = { b = { type = "string", enum = { "x" } } } }`: `number, integer, boolean, object, array, table and any are, with or without ?; to say that a.b is of the type string write "string", or`,
		`{ ["b?"] = { type = "string", required = true } }`:   `to say that b is of the type string write "string", or`,
	} {
		L := newState(t)
		s, v := eval(t, L, schema), eval(t, L, `{ a = { b = 1 } }`)
		err := L.GPCall(func(L *lua.LState) int { Check(L, "request body", s, v, Strip); return 0 }, lua.LNil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", schema, err, want)
		}
	}
}

// A schema may hold itself, and may be deeper than any value.
func TestSchemaWithoutEnd(t *testing.T) {
	L := newState(t)
	schema := eval(t, L, `(function()
		local tree, deep = { name = "string" }, { "strng" }
		tree["left?"], tree["all?"] = tree, { tree }
		for _ = 1, 100000 do deep = { deep } end
		tree["deep?"] = deep
		return tree
	end)()`)
	v := eval(t, L, `json.decode('{"name":"a","left":{"name":"b","all":[{"name":"c","x":1},{"name":2}]},"deep":[[[]]]}')`)
	if got, want := outcome(t, L, schema, v, Strip), "left.all[2].name: type: Must be a string, got number"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLoopsEndWithTheBurst(t *testing.T) {
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"items": func(L *lua.LState) {
			s := L.NewTable()
			s.Append(lua.LString("string"))
			Check(L, "x", s, luarttest.Strings(L, 2000), Strip)
		},
		"members": func(L *lua.LState) {
			Check(L, "x", luarttest.Names(L, 2000), L.NewTable(), Strip)
		},
		"extra members": func(L *lua.LState) {
			Check(L, "x", L.NewTable(), luarttest.Names(L, 2000), Refuse)
		},
	})
}

// FuzzCheck checks JSON against schemas that are made of JSON: what comes out is as the schema says,
// has no member that it does not name, and passes again unchanged; what is refused has faults that
// have names.
func FuzzCheck(f *testing.F) {
	f.Add(`{"a":"string","b?":{"c":"integer"}}`, `{"a":"x","b":{"c":1,"d":2}}`)
	f.Add(`[{"a":"number?"}]`, `[{"a":null},{"a":1.5,"b":[]}]`)
	f.Add(`"any"`, `{"a":[[]]}`)
	f.Add(`{"a":["string"],"b":"table"}`, `{"a":{},"b":1}`)
	f.Add(`{"a":"object","a?":"array"}`, `{"a":[]}`)
	f.Fuzz(func(t *testing.T, schemaText, valueText string) {
		L := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer L.Close()
		schema, err := jsonlua.Decode(L, []byte(schemaText))
		if err != nil {
			return
		}
		v, err := jsonlua.Decode(L, []byte(valueText))
		if err != nil {
			return
		}
		_ = L.GPCall(func(L *lua.LState) int { // a schema that is none raises
			for _, extra := range []Extra{Strip, Keep, Refuse} {
				got, faults := Check(L, "x", schema, v, extra)
				if faults != nil {
					if len(faults.List) == 0 || faults.Message() == "" || faults.String() == "" {
						t.Errorf("faults without a name: %+v", faults)
					}
					continue
				}
				again, faults := Check(L, "x", schema, got, Refuse)
				if extra == Keep {
					again, faults = Check(L, "x", schema, got, Keep)
				}
				if faults != nil {
					t.Fatalf("%s against %s: the result has faults: %s", valueText, schemaText, faults)
				}
				one, _ := jsonlua.Append(nil, nil, got)
				two, _ := jsonlua.Append(nil, nil, again)
				if len(one) != len(two) {
					t.Errorf("%s against %s: %s, and then %s", valueText, schemaText, one, two)
				}
			}
			return 0
		}, lua.LNil)
	})
}

func ExampleFaults_String() {
	L := lua.NewState()
	defer L.Close()
	s := L.NewTable()
	s.RawSetString("name", lua.LString("string"))
	_, faults := Check(L, "request body", s, L.NewTable(), Strip)
	fmt.Print(faults)
	// Output:
	// Validation failed for request body:
	//
	//   1. Field 'name'
	//      Error: Field 'name' is required
	//      Type: required
}
