package jsonlua

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
)

// edited is a text after a Lua function has changed its document, or the error.
func edited(tb testing.TB, L *lua.LState, text, f string) string {
	tb.Helper()
	doc, err := ReadDocument(L, []byte(text), false)
	if err != nil {
		return "error: " + err.Error()
	}
	fn := evalJSON(tb, L, "return function(doc) "+f+" end")
	L.Push(fn)
	L.Push(doc.Value)
	L.Call(1, 1)
	v := L.Get(-1)
	L.Pop(1)
	if v == lua.LNil {
		v = doc.Value
	}
	out, err := doc.Append(nil, []byte("dst:"), v)
	if err != nil {
		if string(out) != "dst:" {
			tb.Errorf("dst after an error is %q", out)
		}
		return "error: " + err.Error()
	}
	return strings.TrimPrefix(string(out), "dst:")
}

func TestDocument(t *testing.T) {
	const pretty = "{\n  \"id\" : 12345678901234567890,\n  \"name\" : \"A\\u00e9\\/\",\n  \"none\" : null,\n  \"list\" : [ 1.0, 2e0 , [] ]\n}\n"
	for _, tt := range []struct{ name, in, f, want string }{
		{"nothing", pretty, ``, pretty},
		{"the same values", pretty, `doc.name = "Aé/" doc.list[1] = 1 doc.list = doc.list doc.id = json.number("12345678901234567890")`, pretty},
		{"a scalar", pretty, `doc.name = "***"`, strings.Replace(pretty, `"A\u00e9\/"`, `"***"`, 1)},
		{"a scalar by a table", pretty, `doc.none = { 1, { a = 2 } }`, strings.Replace(pretty, `null`, `[1, {"a" : 2}]`, 1)},
		{"a table by a scalar", pretty, `doc.list = 7`, strings.Replace(pretty, `[ 1.0, 2e0 , [] ]`, `7`, 1)},
		{"deep", pretty, `doc.list[3][1] = true`, strings.Replace(pretty, `[]`, `[true]`, 1)},
		{"a new member", pretty, `doc.more = 1`, "{\n  \"id\" : 12345678901234567890,\n  \"name\" : \"A\\u00e9\\/\",\n  \"none\" : null,\n  \"list\" : [ 1.0, 2e0 , [] ],\n  \"more\" : 1\n}\n"},
		{"no member", pretty, `doc.none = nil`, strings.Replace(pretty, "\n  \"none\" : null,", "", 1)},
		{"not the first member", pretty, `doc.id = nil`, strings.Replace(pretty, "\n  \"id\" : 12345678901234567890,", "", 1)},
		{"not the last member", pretty, `doc.list = nil`, "{\n  \"id\" : 12345678901234567890,\n  \"name\" : \"A\\u00e9\\/\",\n  \"none\" : null\n}\n"},
		{"none of the members", pretty, `for k in pairs(doc) do doc[k] = nil end`, "{\n}\n"},
		{"renamed", `{"a":[1.0],"b":2}`, `doc.c, doc.a = doc.a, nil`, `{"b":2,"c":[1.0]}`},
		{"in two places", `{"a":[1.0]}`, `doc.b = { doc.a, doc.a }`, `{"a":[1.0],"b":[[1.0],[1.0]]}`},
		{"a part", `{"a":{"b" : 1.0},"c":2}`, `return doc.a`, `{"b" : 1.0}`},
		{"another", ` {"a":1} `, `return { wrapped = doc }`, ` {"wrapped":{"a":1}} `},
		{"a scalar for all", ` [1.0] `, `return "x"`, ` "x" `},
		{"false for all", `[]`, `return false`, `false`},
		{"null for all", `[]`, `return json.null`, `null`},
		{"a scalar document", ` 1.0 `, ``, ` 1.0 `},
		{"a null document", `null`, `assert(doc == json.null)`, `null`},
		{"an exact document", `1e400`, `assert(tostring(doc) == "1e400")`, `1e400`},

		{"items", `[1.0, 2.0 ,3.0 ]`, `doc[2] = "x"`, `[1.0, "x" ,3.0 ]`},
		{"new items", "[\n 1.0\n]", `doc[2] = 2 doc[3] = 3`, "[\n 1.0,\n 2,\n 3\n]"},
		{"fewer items", `[ 1.0, 2.0, 3.0 ]`, `doc[3] = nil`, `[ 1.0, 2.0 ]`},
		{"moved items", `[{"a":1.0},{"b":2.0}]`, `doc[1], doc[2] = doc[2], nil`, `[{"b":2.0}]`},
		{"a hole", `[1,2,3]`, `doc[2] = nil`, `[1,null,3]`},
		{"an empty array", `{"a":[ ]}`, `doc.b = 1`, `{"a":[ ],"b":1}`},
		{"an emptied array", `{"a":[ 1 ]}`, `doc.a[1] = nil`, `{"a":[ ]}`},
		{"an array without its first", `[1,2]`, `doc[1] = nil`, `[null,2]`},
		{"an empty object filled as a list", `{"a":{}}`, `doc.a[1] = "x"`, `{"a":["x"]}`},
		{"an empty object", `{"a": { } }`, `doc.a.b = 1`, `{"a": {"b": 1 } }`},
		{"an object with [1]", `{"a":1}`, `doc[1] = "x"`, `{"a":1,"1":"x"}`},

		{"a compact document", `{"a":{"b":[1,2]},"c":{},"d":[]}`, `doc.a.x = { 1, { y = 1 } } doc.a.b[3] = 3 doc.c.x = 1 doc.d[1], doc.d[2] = 1, 2 doc.e = 1`, `{"a":{"b":[1,2,3],"x":[1,{"y":1}]},"c":{"x":1},"d":[1,2],"e":1}`},
		{"one with spaces", `{"a": {"b": [1, 2]}, "c": {}, "d": []}`, `doc.a.x = { 1, { y = 1 } } doc.a.b[3] = 3 doc.c.x = 1 doc.d[1], doc.d[2] = 1, 2 doc.e = 1`, `{"a": {"b": [1, 2, 3], "x": [1, {"y": 1}]}, "c": {"x": 1}, "d": [1, 2], "e": 1}`},
		{"one with a line for each", "{\n\t\"a\": [\n\t\t1\n\t],\n\t\"b\": {}\n}", `doc.a[2] = 2 doc.b.x = 1 doc.b[1.5] = 2 doc[7] = 7 doc.c = { 1, 2 }`, "{\n\t\"a\": [\n\t\t1,\n\t\t2\n\t],\n\t\"b\": {\"x\": 1, \"1.5\": 2},\n\t\"7\": 7,\n\t\"c\": [1, 2]\n}"},
		{"one with spaces inside of brackets", `{ "a": 1, "l": [ 1 ] }`, `doc.b = 2 doc.l[2] = 2`, `{ "a": 1, "l": [ 1, 2 ], "b": 2 }`},
		{"one that changes its mind", `{"a": 1,"b":2}`, `doc.c = 3`, `{"a": 1,"b":2,"c":3}`},
		{"a first and only member", `{"a": 1}`, `doc.b = 2`, `{"a": 1, "b": 2}`},
		{"only new members", `{ "a":1,"b":2 }`, `doc.a, doc.b = nil, nil doc.c = 3 doc.d = 4`, `{ "c":3,"d":4 }`},
		{"a new value for all", `[1, 2]`, `return { a = 1, b = { 2, 3 } }`, `{"a": 1, "b": [2, 3]}`},

		{"a name twice", `{"a":"secret", "b":1, "a":"x"}`, ``, `{ "b":1, "a":"x"}`},
		{"a name twice, changed", `{"a":"secret","a":"x"}`, `doc.a = "***"`, `{"a":"***"}`},
		{"a name twice, removed", `{"a":"secret","b":{},"a":null}`, `doc.a = nil`, `{"b":{}}`},
		{"a name thrice, escaped", `{"a":[1],"\u0061":[2],"a":[3]}`, ``, `{"a":[3]}`},
		{"a name twice, deep", `[{"b":{"a":1,"a":2}}]`, ``, `[{"b":{"a":2}}]`},

		{"bytes that are no UTF-8", "{\"a\xff\":\"\xc0\"}", `doc.b = 1`, "{\"a\xff\":\"\xc0\",\"b\":1}"},
		{"lone surrogates", `{"a":"\ud800","b":1}`, `doc.b = 2`, `{"a":"\ud800","b":2}`},

		{"a cycle", `{"a":{"b":1}}`, `doc.a.c = doc`, `error: cannot encode a table as JSON: it contains itself (at .a.c)`},
		{"a function", `{"a":[{"b":1}]}`, `doc.a[1].c = print`, `error: cannot encode a function as JSON (at .a[1].c)`},
		{"a function in a place", `{"a":[{"b":1}]}`, `doc.a[1].b = print`, `error: cannot encode a function as JSON (at .a[1].b)`},
		{"a bad key", `{"a":1}`, `doc[true] = 1`, `error: cannot encode a table as JSON: keys must be strings or numbers, not a boolean`},
		{"a key in two ways", `{"1":1}`, `doc[1] = 2`, `error: cannot encode a table as JSON: it has both the number 1 and the string "1" as keys`},
		{"too deep", `{"a":1}`, `local t = doc for i = 1, 64 do t.x = {} t = t.x end`, `error: cannot encode a table as JSON: nested deeper than 64 levels (at ` + strings.Repeat(".x", 64) + `)`},
		{"sparse", `[1]`, `doc[2000] = 1`, `error: cannot encode a table as JSON: too sparse for an array (2 items, last index 2000)`},
		{"no JSON", `{"a":1,}`, ``, `error: invalid JSON at byte 8: expected a string key, got '}'`},
		{"more than one", `1 2`, ``, `error: invalid JSON at byte 3: expected end of input, got '2'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := edited(t, newJSONState(t), tt.in, tt.f); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Tables that stand in a document can be put into it again and again: the size limit ends that.
func TestDocumentSize(t *testing.T) {
	got := edited(t, newJSONState(t), `[[[1,2,3]]]`, `local t = doc[1] for i = 1, 60 do t = { t, t } end return t`)
	if want := "longer than 16777216 bytes (at [1]"; !strings.Contains(got, want) {
		t.Errorf("got %.200s, want %q in it", got, want)
	}
	long := `["` + strings.Repeat("x", MaxBytes) + `"]`
	if got := edited(t, newJSONState(t), long, `doc[2] = 1`); got != long[:len(long)-1]+",1]" {
		t.Errorf("a document of more than MaxBytes came back with %d bytes", len(got))
	}
}

func TestDocumentLoopsEndWithTheBurst(t *testing.T) {
	run := func(text string, change func(doc *Document)) func(L *lua.LState) {
		return func(L *lua.LState) {
			free := lua.NewState() // whose slice never ends
			defer free.Close()
			doc, err := ReadDocument(free, []byte(text), false)
			if err != nil {
				panic(err)
			}
			if change != nil {
				change(doc)
			}
			e := encoder{budget: luaval.BudgetOf(L), limit: MaxBytes, doc: doc}
			if _, err := e.value(nil, doc.Value); err != nil {
				L.RaiseError("%s", err)
			}
		}
	}
	members := "{" + strings.Repeat(`"a":{},`, 2000) + `"b":1}`
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"items":        run("["+strings.Repeat("1,", 2000)+"1]", nil),
		"members":      run("{"+strings.Repeat(`"a":1,`, 2000)+`"b":1}`, nil),
		"containers":   run(members, nil),
		"long strings": run(`["`+strings.Repeat("x", 1<<17)+`"]`, nil),
		"white space":  run(`[`+strings.Repeat(" ", 1<<17)+`1]`, nil),
		"added": run(`{"a":1}`, func(doc *Document) {
			for i := range 2000 {
				doc.Value.(*lua.LTable).RawSetString("name"+strconv.Itoa(i), lua.LTrue)
			}
		}),
	})
}

// FuzzDocument changes documents at random. What is not changed comes back byte for byte; what is
// changed means the same as the value encoded anew.
func FuzzDocument(f *testing.F) {
	for i, seed := range jsonSeeds {
		f.Add([]byte(seed), uint64(i))
	}
	for seed := range uint64(20) {
		f.Add([]byte(` { "a" : [ 1.0 , {"b":null,"c":[]} ],"d":{"e":12345678901234567890, "f" : "x"},"g":{},"a":[[2],[3]] } `), seed)
	}
	L := newJSONState(f)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		doc, err := ReadDocument(L, in, false)
		_, decodeErr := DecodeWith(L, in, Options{Null: true, Exact: true})
		if (err == nil) != (decodeErr == nil) {
			t.Fatalf("%q: %v as a document, decoded %v", in, err, decodeErr)
		}
		if err != nil {
			return
		}
		out, err := doc.Append(nil, nil, doc.Value)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		twice := false
		for _, w := range doc.byTable {
			twice = twice || w.twice
		}
		if !twice && !bytes.Equal(in, out) {
			t.Fatalf("%q came back as %q", in, out)
		}
		if !utf8.Valid(in) {
			return
		}
		r := rand.New(rand.NewPCG(seed, 0))
		changeAtRandom(L, r, doc.Value, 3)
		want, wantErr := Append(nil, nil, doc.Value)
		out, err = doc.Append(nil, nil, doc.Value)
		if wantErr != nil || err != nil {
			return // a name as a number and as a string
		}
		if !json.Valid(out) {
			t.Fatalf("%q with the seed %d became %q", in, seed, out)
		}
		if got, want := noEmpty(withNumbers(t, out)), noEmpty(withNumbers(t, want)); !sameJSON(got, want) {
			t.Fatalf("%q with the seed %d became %q, want %q", in, seed, out, want)
		}
	})
}

// changeAtRandom changes tables in v.
func changeAtRandom(L *lua.LState, r *rand.Rand, v lua.LValue, changes int) {
	root, ok := v.(*lua.LTable)
	if !ok {
		return
	}
	for range changes {
		t := root
		for r.IntN(3) > 0 { // down
			var inner []*lua.LTable
			for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
				if v, ok := v.(*lua.LTable); ok {
					inner = append(inner, v)
				}
			}
			if len(inner) == 0 {
				break
			}
			t = inner[r.IntN(len(inner))]
		}
		var keys []lua.LValue
		for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
			keys = append(keys, k)
		}
		list := t.RawGetInt(1) != lua.LNil
		n := t.Len()
		values := []lua.LValue{lua.LString("new"), lua.LNumber(1), lua.LTrue, L.NewTable()}
		value := values[r.IntN(len(values))]
		switch {
		case len(keys) == 0:
		case r.IntN(3) == 0 && (!list || n > 1): // remove
			if list {
				t.Remove(1 + r.IntN(n))
			} else {
				t.RawSet(keys[r.IntN(len(keys))], lua.LNil)
			}
		case r.IntN(2) == 0: // replace
			t.RawSet(keys[r.IntN(len(keys))], value)
		case list:
			t.Append(value)
		default:
			t.RawSetString("new", value)
		}
	}
}

// noEmpty makes empty arrays of empty objects: an array that was emptied stays one in a document.
func noEmpty(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = noEmpty(v[i])
		}
	case map[string]any:
		if len(v) == 0 {
			return []any{}
		}
		for k := range v {
			v[k] = noEmpty(v[k])
		}
	}
	return v
}
