package jsonlua

import (
	_ "embed"
	"math"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Stubs are definitions of rover.json for editors. They must not be changed.
//
//go:embed json.lua
var Stubs string

// Open returns a new rover.json table.
//
//	rover.json.encode(value) -> string
//
// The value as JSON, by the rules of a returned table: a table with [1] is an array up to its last
// non-nil index (its other keys are left out), any other table is an object, {} is {}. Raises an
// error with the path of the trouble: "cannot encode a function as JSON (at .items[3].run)"; see
// Append for all rules.
//
//	rover.json.decode(text[, options]) -> value | nil, message
//
// The value of a JSON text. A null is nil, and inside an array rover.json.null. As the text "null"
// gives nil as well, look at the message to know whether it failed: "invalid JSON at byte 17:
// expected ',' or '}', got 'x'". Integers beyond 2^53 lose their low digits. With null = true each
// null is rover.json.null; with exact = true numbers that a Lua number cannot hold are kept as
// rover.json.number makes them: see Options.
//
//	rover.json.number(text) -> number or exact number
//
// The number that a JSON text spells: a Lua number where that is exact, else a value that encodes as
// the text: see luaval.NewExactNumber. A number is returned as it is.
//
//	rover.json.array([table]) -> table
//
// Marks the table, or a new one, as an array, and returns it: empty it encodes as [], and without
// [1] it still encodes as an array. The mark stays for good; members with string keys are left out.
// It is a metatable: a table that has another one is a bad argument, and setmetatable refuses a
// marked table.
//
//	rover.json.null
//
// Encodes as null. It is true in a condition, like every value but nil and false, and tostring
// gives "null".
func Open(L *lua.LState) *lua.LTable {
	lib := L.CreateTable(0, 5)
	lib.RawSetString("encode", L.NewFunction(encode))
	lib.RawSetString("decode", L.NewFunction(decode))
	lib.RawSetString("number", L.NewFunction(number))
	lib.RawSetString("array", L.NewFunction(markArray))
	lib.RawSetString("null", luaval.JSONNull)
	return lib
}

// maxPooledBytes is what a buffer may have grown to and still be kept for the next encode.
const maxPooledBytes = 64 << 10

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// encode is rover.json.encode.
func encode(L *lua.LState) int {
	v := luaval.CheckAny(L, 1)
	buf := buffers.Get().(*[]byte)
	out, err := Append(luaval.BudgetOf(L), (*buf)[:0], v)
	text := string(out)
	if cap(out) <= maxPooledBytes {
		*buf = out
		buffers.Put(buf)
	}
	if err != nil {
		L.RaiseError("%s", err)
	}
	L.Push(lua.LString(text))
	return 1
}

// decode is rover.json.decode.
func decode(L *lua.LState) int {
	text := luaval.CheckString(L, 1)
	v, err := DecodeWith(L, []byte(text), CheckOptions(L, 2))
	L.Push(v)
	if err != nil {
		L.Push(lua.LString(err.Error()))
		return 2
	}
	return 1
}

// OptionNames are the options for decoding.
var OptionNames = luaval.NewOptions("null", "exact")

// CheckOptions returns argument n, a table of options for decoding, or none.
func CheckOptions(L *lua.LState, n int) (o Options) {
	if t := luaval.OptTable(L, n); t != nil {
		OptionNames.Each(L, t, n, func(name string, v lua.LValue) { o.Read(L, n, name, v) })
	}
	return o
}

// Read reads one option, in argument n. It raises for a value that is no boolean.
func (o *Options) Read(L *lua.LState, n int, name string, v lua.LValue) {
	on, ok := v.(lua.LBool)
	if !ok {
		luaval.CheckOption(L, n, name, v, "boolean")
	}
	switch name {
	case "null":
		o.Null = bool(on)
	case "exact":
		o.Exact = bool(on)
	}
}

// number is rover.json.number.
func number(L *lua.LState) int {
	v := luaval.CheckAny(L, 1)
	if _, ok := luaval.ExactNumber(v); ok {
		L.Push(v)
		return 1
	}
	if n, ok := v.(lua.LNumber); ok && (math.Abs(float64(n)) <= luaval.MaxExact || math.IsInf(float64(n), 0) || n != n) {
		L.Push(v)
		return 1
	} else if ok { // as the same value would be that was read
		L.Push(luaval.NewExactNumber(string(AppendNumber(nil, float64(n)))))
		return 1
	}
	text := luaval.CheckString(L, 1)
	d := decoder{L: L, b: []byte(text), o: Options{Exact: true}}
	if text == "" || text[0] != '-' && (text[0] < '0' || '9' < text[0]) {
		luaval.ArgError(L, 1, luaval.Quote(luaval.Shown(text))+" is no number in JSON")
	}
	n, err := d.number()
	if err == nil && d.pos < len(d.b) {
		err = d.expected("end of input")
	}
	if err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	L.Push(n)
	return 1
}

// markArray is rover.json.array.
func markArray(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(luaval.NewJSONArray(L))
		return 1
	}
	t := luaval.CheckTable(L, 1)
	if !luaval.IsJSONArray(t) {
		if !luaval.Unmarked(t) {
			luaval.ArgError(L, 1, "table has a metatable already")
		}
		t.Metatable = luaval.JSONArray
	}
	L.Push(t)
	return 1
}
