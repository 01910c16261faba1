package luaval

import (
	lua "github.com/yuin/gopher-lua"
)

// EachField calls f for each string key of t, in gopher-lua's order, which is that
// of insertion.
func EachField(L *lua.LState, t *lua.LTable, f func(key string, v lua.LValue)) {
	var p Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		f(lua.LVAsString(k), v)
	}
}

// EachOption calls read for each option in t, argument n, by name. read returns "ok", what
// it wants instead of the value, or "" when it does not know the name; then EachOption
// raises in L.
func EachOption(L *lua.LState, t *lua.LTable, n int, known string, read func(name string, v lua.LValue) string) {
	t.ForEach(func(key, v lua.LValue) {
		name, ok := key.(lua.LString)
		if !ok {
			ArgError(L, n, "options by name expected, got a "+TypeName(key)+" as a name")
		}
		switch want := read(string(name), v); want {
		case "ok":
		case "":
			ArgError(L, n, "there is no option '"+string(name)+"': "+known+" are known")
		default:
			ArgError(L, n, "option '"+string(name)+"': "+want+" expected, got "+show(v))
		}
	})
}

// show is a wrong value for people: numbers and strings as they are, else the type.
func show(v lua.LValue) string {
	if text, ok := StringValue(v); ok {
		return text
	}
	return TypeName(v)
}
