package jsonlua

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
)

func TestLoopsEndWithTheBurst(t *testing.T) {
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"json values": func(L *lua.LState) {
			_, _ = Decode(L, []byte("["+strings.Repeat("1,", 5000)+"1]"))
		},
		"json array": func(L *lua.LState) {
			fillJSON(L, "["+strings.Repeat("1,", 1000)+"1]")
		},
		"json object": func(L *lua.LState) {
			fillJSON(L, "{"+strings.Repeat(`"a":1,`, 1000)+`"a":1}`)
		},
		"json encode":          func(L *lua.LState) { encodeOrRaise(L, luarttest.Strings(L, 5000)) },
		"json encode, members": func(L *lua.LState) { encodeOrRaise(L, luarttest.Names(L, 5000)) },
		"json encode, strings": func(L *lua.LState) {
			t := L.CreateTable(2, 0)
			t.Append(lua.LString(strings.Repeat("x", 1<<17)))
			t.Append(lua.LTrue)
			encodeOrRaise(L, t)
		},
		"json encode, texts": func(L *lua.LState) {
			text := "[" + strings.Repeat(`{"a":1},`, 1000) + "1]"
			encodeOrRaise(L, &lua.LUserData{Value: foreignText{text: text, isJSON: true}, Metatable: lua.LNil})
		},
		"json encode, holes": func(L *lua.LState) {
			t := luaval.NewJSONArray(L)
			t.RawSetInt(2500, lua.LTrue)
			encodeOrRaise(L, t)
		},
	})
}

// encodeOrRaise encodes as the library does.
func encodeOrRaise(L *lua.LState, v lua.LValue) {
	if _, err := Append(luaval.BudgetOf(L), nil, v); err != nil {
		L.RaiseError("%s", err)
	}
}

// fillJSON decodes a text whose values are too few for a look at the burst, but for the loop
// that puts them into their table.
func fillJSON(L *lua.LState, text string) {
	d := decoder{L: L, b: []byte(text)}
	_, _ = d.value(0, "a value")
}

// An array of more items than a table keeps as an array is refused: behind those it would cost a
// hundred times as much.
func TestJSONArrayTooLong(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	most := lua.MaxArrayIndex - 1
	v, err := Decode(L, []byte("["+strings.Repeat("1,", most-1)+"1]"))
	if err != nil || v.(*lua.LTable).Len() != most {
		t.Fatalf("%d items: %v", most, err)
	}
	_, err = Decode(L, []byte("["+strings.Repeat("1,", most)+"1]"))
	want := "invalid JSON at byte 2097153: an array of more than 1048575 items, the limit"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
