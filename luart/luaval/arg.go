package luaval

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// CheckAny returns argument n, which must be there.
func CheckAny(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		ArgError(L, n, "value expected")
	}
	return L.Get(n)
}

// CheckString returns argument n, a string or a number.
func CheckString(L *lua.LState, n int) string {
	text, ok := TextOf(L.Get(n))
	if !ok {
		ArgTypeError(L, n, "string")
	}
	return text
}

// CheckNumber returns argument n, a number or a string that spells one.
func CheckNumber(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if number, ok := ParseNumber(string(v)); ok {
			return number
		}
	}
	ArgTypeError(L, n, "number")
	return 0
}

// CheckInt is CheckNumber without the fraction, drawn into ±MaxExact; NaN is 0.
func CheckInt(L *lua.LState, n int) int {
	number := CheckNumber(L, n)
	if number != number {
		return 0
	}
	return int(max(-MaxExact, min(MaxExact, number)))
}

// OptInt is CheckInt with a value for nil and for an argument that was left out.
func OptInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return CheckInt(L, n)
}

// ArgTypeError raises gopher-lua's error for a wrong type, and C Lua's "no value" for an argument
// that was left out.
func ArgTypeError(L *lua.LState, n int, want string) {
	got := "no value"
	if n <= L.GetTop() {
		got = L.Get(n).Type().String()
	}
	ArgError(L, n, want+" expected, got "+got)
}

// ToString is tostring.
func ToString(L *lua.LState, v lua.LValue) string {
	if text, ok := TextOf(v); ok {
		return text
	}
	s := L.ToStringMeta(v)
	text, ok := TextOf(s)
	if !ok {
		L.RaiseError("'__tostring' must return a string, not a %s", s.Type().String())
	}
	return text
}

// StartAt returns the index that argument 3 of find and match means in a string of n bytes.
func StartAt(L *lua.LState, n int) int {
	init := OptInt(L, 3, 1)
	if init < 0 {
		init += n + 1
	}
	return min(max(init, 1)-1, n)
}

// CheckText returns argument n, a string or a number, as text.
func CheckText(L *lua.LState, n int) string {
	s, ok := StringValue(L.Get(n))
	if !ok {
		ArgTypeError(L, n, "string")
	}
	return s
}

// CheckTable returns argument n, a table.
func CheckTable(L *lua.LState, n int) *lua.LTable { return check[*lua.LTable](L, n, "table") }

// OptTable is CheckTable, but nil for nil and for an argument that was left out.
func OptTable(L *lua.LState, n int) *lua.LTable {
	if L.Get(n) == lua.LNil {
		return nil
	}
	return CheckTable(L, n)
}

// CheckFunction returns argument n, a function.
func CheckFunction(L *lua.LState, n int) *lua.LFunction {
	return check[*lua.LFunction](L, n, "function")
}

// CheckUserData returns argument n, an object.
func CheckUserData(L *lua.LState, n int) *lua.LUserData {
	return check[*lua.LUserData](L, n, "userdata")
}

// CheckThread returns argument n, a coroutine.
func CheckThread(L *lua.LState, n int) *lua.LState { return check[*lua.LState](L, n, "thread") }

func check[T lua.LValue](L *lua.LState, n int, want string) T {
	v, ok := L.Get(n).(T)
	if !ok {
		ArgTypeError(L, n, want)
	}
	return v
}

// CheckTypes raises unless argument n has one of the types.
func CheckTypes(L *lua.LState, n int, types ...lua.LValueType) {
	var names []string
	for _, t := range types {
		if L.Get(n).Type() == t {
			return
		}
		names = append(names, t.String())
	}
	ArgTypeError(L, n, strings.Join(names, " or "))
}

// OptString is CheckString with a value for nil and for an argument that was left out.
func OptString(L *lua.LState, n int, otherwise string) string {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return CheckString(L, n)
}

// OptNumber is CheckNumber with a value for nil and for an argument that was left out.
func OptNumber(L *lua.LState, n int, otherwise float64) float64 {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return CheckNumber(L, n)
}
