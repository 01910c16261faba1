package stdlib

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// arith is a metamethod of strings: arithmetic with the number that a string spells, by the rules
// of tonumber. gopher-lua's own conversion is Go's: "010" + 0 is 8, "1_000" + 0 is 1000 and "inf" +
// 0 is infinity. Metamethods of other operands work as without it.
func arith(operate func(a, b float64) float64) source {
	return func(b *envBuilder, _, event string) lua.LValue {
		return b.L.NewFunction(func(L *lua.LState) int {
			left, right := L.Get(1), L.Get(2)
			x, ok1 := operand(left)
			y, ok2 := operand(right)
			if ok1 && ok2 {
				L.Push(lua.LNumber(operate(x, y)))
				return 1
			}
			if right.Type() != lua.LTString {
				if other, ok := L.GetMetaField(right, event).(*lua.LFunction); ok {
					L.Push(other)
					L.Push(left)
					L.Push(right)
					L.Call(2, 1)
					return 1
				}
			}
			L.RaiseError("cannot perform %s operation between %s and %s", event[2:], left.Type(), right.Type())
			return 0
		})
	}
}

// operand returns the number that an operand is or spells.
func operand(v lua.LValue) (float64, bool) {
	switch lv := v.(type) {
	case lua.LNumber:
		return float64(lv), true
	case lua.LString:
		return luaval.ParseNumber(string(lv))
	}
	return 0, false
}

func opAdd(a, b float64) float64 { return a + b }
func opSub(a, b float64) float64 { return a - b }
func opMul(a, b float64) float64 { return a * b }
func opDiv(a, b float64) float64 { return a / b }

// strUnm is the metamethod of -s.
func strUnm(L *lua.LState) int {
	n, ok := operand(L.Get(1))
	if !ok {
		L.RaiseError("attempt to perform arithmetic on a string that is no number")
	}
	L.Push(lua.LNumber(-n))
	return 1
}

// numeric is gopher-lua's own function of this name, for numbers and for strings that tonumber
// accepts.
func numeric(b *envBuilder, lib, name string) lua.LValue {
	own := stock(b, lib, name).(*lua.LFunction)
	fn := own.GFunction
	own.GFunction = func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			if L.Get(i).Type() == lua.LTString {
				L.Replace(i, lua.LNumber(luaval.CheckNumber(L, i)))
			}
		}
		return fn(L)
	}
	return own
}
