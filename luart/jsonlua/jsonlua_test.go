package jsonlua

import (
	"strings"
	"sync"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Each chunk runs in a VM of its own and checks itself.
func TestLibJSON(t *testing.T) {
	tests := []struct{ name, chunk string }{
		{"encode", `assert(json.encode{message="hello"} == '{"message":"hello"}')`},
		{"encode nil", `assert(json.encode(nil) == "null")`},
		{"encode long", `local s = ("x"):rep(2^20) assert(json.encode(s) == '"' .. s .. '"') assert(json.encode{} == "{}")`},
		{"encode after an error", `assert(not pcall(json.encode, {1, print})) assert(json.encode{1} == "[1]")`},
		{"decode", `local v, err = json.decode('{"a":[1,2]}') assert(v.a[2] == 2 and err == nil)`},
		{"decode null", `local n = select("#", json.decode("null")) assert(n == 1 and json.decode("null") == nil)`},
		{"decode error", `local v, err = json.decode("[1,x]") assert(v == nil and err == "invalid JSON at byte 4: expected a value, got 'x'", err)`},
		{"decode number", `assert(json.decode(12) == 12)`},
		{"decode NUL", `assert(json.decode('"a\\u0000b"') == "a\0b")`},
		{"null in arrays", `local v = json.decode("[null,2]") assert(v[1] == json.null and #v == 2)`},
		{"null in objects", `assert(json.decode('{"a":null}').a == nil)`},
		{"decode with null", `
			local v = json.decode('{"a":null,"b":[null]}', {null=true})
			assert(v.a == json.null and v.b[1] == json.null and json.decode("null", {null=true}) == json.null)
			assert(json.encode(v) == '{"a":null,"b":[null]}')
			assert(json.decode('{"a":null}', {null=false}).a == nil and json.decode('{"a":null}', {}).a == nil)`},
		{"decode exactly", `
			local text = '{"id":1234567890123456789,"small":7,"sum":0.10000000000000000001,"huge":[1e400,-9007199254740993]}'
			local v = json.decode(text, {exact=true})
			assert(json.encode(v) == text, json.encode(v))
			assert(tostring(v.id) == "1234567890123456789" and "/" .. v.id == "/1234567890123456789")
			assert(type(v.small) == "number" and type(v.id) == "userdata")
			assert(v.id == json.number("1234567890123456789") and v.id ~= json.number("1234567890123456788"))
			assert(v.huge[2] < v.id and v.id < v.huge[1])
			assert(not pcall(function() return v.id + 1 end))`},
		{"number", `
			assert(json.number("12") == 12 and json.number("-1.50") == -1.5 and json.number(3) == 3)
			local n = json.number("12345678901234567890")
			assert(json.number(n) == n and json.encode{n} == "[12345678901234567890]")`},
		{"exact numbers are protected", `
			local n = json.number("12345678901234567890")
			assert(getmetatable(n) == "json.number")
			assert(not pcall(function() n.x = 1 end) and not pcall(function() return n.x end))`},
		{"empty array stays one", `assert(json.encode(json.decode('{"a":[]}')) == '{"a":[]}')`},
		{"empty array can be filled", `local t = json.decode("[]") t[1] = "x" t[#t + 1] = "y" assert(json.encode(t) == '["x","y"]')`},
		{"array marks its argument", `local t = {} assert(json.array(t) == t and json.array(t) == t and json.encode(t) == "[]")`},
		{"arrays are distinct", `assert(json.array() ~= json.array())`},
		{"null", `assert(json.null and tostring(json.null) == "null" and json.null == json.null and type(json.null) == "userdata")`},
		{"null is protected", `
			assert(getmetatable(json.null) == "json.null")
			assert(not pcall(setmetatable, json.null, {}))
			assert(not pcall(function() json.null.x = 1 end))
			assert(not pcall(function() return json.null.x end))
			assert(json.encode(json.null) == "null")`},
		{"mark is protected", `
			local t = json.array()
			assert(getmetatable(t) == "json.array")
			assert(not pcall(setmetatable, t, nil) and not pcall(setmetatable, t, {}))
			t.__index = "x"
			assert(json.array().__index == nil and json.encode(json.array()) == "[]")`},
		{"a forged mark is none", `assert(json.encode(setmetatable({}, {__metatable="json.array"})) == "{}")`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			L := newJSONState(t)
			lua.OpenString(L)
			L.SetTop(0)
			if err := L.DoString(tt.chunk); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLibJSONRaises(t *testing.T) {
	tests := []struct{ chunk, want string }{
		{`json.encode({run={print}})`, "script.lua:2: cannot encode a function as JSON (at .run[1])"},
		{`json.encode({["100%d"]={[true]=1}})`, `script.lua:2: cannot encode a table as JSON: keys must be strings or numbers, not a boolean (at ["100%d"])`},
		{`json.encode()`, "script.lua:2: bad argument #1 to encode (value expected)"},
		{`json.decode({})`, "script.lua:2: bad argument #1 to decode (string expected, got table)"},
		{`json.decode()`, "script.lua:2: bad argument #1 to decode (string expected, got no value)"},
		{`json.decode("1", {nul=true})`, "script.lua:2: bad argument #2 to decode (unknown option \"nul\": did you mean null?)"},
		{`json.decode("1", {exact="big"})`, "script.lua:2: bad argument #2 to decode (option 'exact': boolean expected, got big)"},
		{`json.decode("1", true)`, "script.lua:2: bad argument #2 to decode (table expected, got boolean)"},
		{`json.number("x\n")`, `script.lua:2: bad argument #1 to number ("x\\n" is no number in JSON)`},
		{`json.number("")`, `script.lua:2: bad argument #1 to number ("" is no number in JSON)`},
		{`json.number(" 1")`, `script.lua:2: bad argument #1 to number (" 1" is no number in JSON)`},
		{`json.number("1 ")`, `script.lua:2: bad argument #1 to number (invalid JSON at byte 2: expected end of input, got ' ')`},
		{`json.number("01")`, `script.lua:2: bad argument #1 to number (invalid JSON at byte 2: a number must not start with 0)`},
		{`json.number({})`, `script.lua:2: bad argument #1 to number (string expected, got table)`},
		{`json.array(nil)`, "script.lua:2: bad argument #1 to array (table expected, got nil)"},
		{`json.array("x")`, "script.lua:2: bad argument #1 to array (table expected, got string)"},
		{`json.array(setmetatable({}, {}))`, "script.lua:2: bad argument #1 to array (table has a metatable already)"},
	}
	for _, tt := range tests {
		L := newJSONState(t)
		fn, err := L.Load(strings.NewReader("local _\n_ = "+tt.chunk), "script.lua")
		if err != nil {
			t.Fatal(err)
		}
		L.Push(fn)
		err = L.PCall(0, 0, nil)
		if err == nil {
			t.Errorf("%s: no error", tt.chunk)
			continue
		}
		if got, _, _ := strings.Cut(err.Error(), "\nstack traceback"); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.chunk, got, tt.want)
		}
	}
}

// VMs share the mark, the sentinel and the buffers, and nothing else: the race detector watches.
func TestLibJSONManyVMs(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		L := newJSONState(t)
		wg.Go(func() {
			if err := L.DoString(`
				for i = 1, 200 do
					local text = json.encode{i, json.null, json.array(), {a=tostring(json.null)}}
					assert(json.encode(json.decode(text)) == text, text)
					assert(getmetatable(json.array()) == "json.array" and json.array().x == nil)
				end`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkLibJSON(b *testing.B) {
	for _, bb := range []struct{ name, body string }{
		{"encode", `json.encode{message="hello"}`},
		{"decode", `json.decode('{"message":"hello"}')`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			L := newJSONState(b)
			fn := evalJSON(b, L, "return function() return "+bb.body+" end")
			b.ReportAllocs()
			for b.Loop() {
				L.Push(fn)
				L.Call(0, 0)
			}
		})
	}
}
