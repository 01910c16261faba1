package stdlib

import (
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestLoopsEndWithTheBurst(t *testing.T) {
	const n = 5000
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"maxn": func(L *lua.LState) { callGo(L, tabMaxn, luarttest.Names(L, n)) },
		"next, items that are gone": func(L *lua.LState) {
			t := luarttest.Strings(L, n)
			for i := range n - 1 {
				t.RawSetInt(i+1, lua.LNil)
			}
			nextKey(L, t, lua.LNil)
		},
		"next, keys that are gone": func(L *lua.LState) {
			t := luarttest.Names(L, n)
			for i := range n {
				t.RawSetString("name"+lua.LNumber(i).String(), lua.LNil)
			}
			nextKey(L, t, lua.LNil)
		},
		"concat": func(L *lua.LState) { callGo(L, tabConcat, luarttest.Strings(L, n)) },
		"sort":   func(L *lua.LState) { callGo(L, tabSort, luarttest.Strings(L, n)) },
	})
}

func callGo(L *lua.LState, f lua.LGFunction, arg lua.LValue) {
	L.Push(L.NewFunction(f))
	L.Push(arg)
	L.Call(1, 0)
}
