package stdlib

import (
	"github.com/caddy-rover/rover/luart/luaval"

	lua "github.com/yuin/gopher-lua"
)

// baseTonumber is tonumber(v[, base]). Without a base, or with 10: a number, or the number that a
// string spells as in Lua source (1e3, .5, 0x10, blanks around it), else nil. "inf", "nan" and
// "1_000" spell none. With another base from 2 to 36 the whole number that the string spells in it,
// else nil.
func baseTonumber(L *lua.LState) int {
	v, base := luaval.CheckAny(L, 1), luaval.OptInt(L, 2, 10)
	if base < 2 || base > 36 {
		luaval.ArgError(L, 2, "base out of range")
	}
	var number float64
	ok := false
	switch lv := v.(type) {
	case lua.LNumber:
		number, ok = float64(lv), true
		if base != 10 {
			number, ok = luaval.ParseInBase(luaval.NumberString(lv), base)
		}
	case lua.LString:
		if base == 10 {
			number, ok = luaval.ParseNumber(string(lv))
		} else {
			number, ok = luaval.ParseInBase(string(lv), base)
		}
	}
	if ok {
		L.Push(lua.LNumber(number))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}
