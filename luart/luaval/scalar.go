package luaval

import lua "github.com/yuin/gopher-lua"

// Scalar returns a string, number, boolean or nil as a Go value; ok is false for others.
func Scalar(v lua.LValue) (any, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		if n := int64(v); lua.LNumber(n) == v {
			return n, true
		}
		return float64(v), true
	case lua.LBool:
		return bool(v), true
	case *lua.LNilType:
		return nil, true
	}
	return nil, false
}
