package luaval

import lua "github.com/yuin/gopher-lua"

// RaiseStatus is error{status=…, message=…}. tostring of it says where that was.
func RaiseStatus(L *lua.LState, status int, message string) {
	text := message
	if at := L.Where(1); at != "" { // "app.lua:12:"
		text = at + " " + text
	}
	meta := L.CreateTable(0, 2)
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(text))
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	t := L.CreateTable(0, 2)
	t.Metatable = meta
	t.RawSetString("status", lua.LNumber(status))
	t.RawSetString("message", lua.LString(message))
	L.Error(t, 1)
}
