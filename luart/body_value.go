package luart

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

var errBodyOver = errors.New("the request is over: its body is valid until the handler returns")

// JSONText is the body as a JSON value: what it says where it is JSON and is said to be, else its
// text.
func (b *body) JSONText() (text []byte, isJSON bool, err error) {
	if b.over {
		return nil, false, errBodyOver
	}
	return b.bytes, b.isJSON, nil
}

// saysJSON reports whether a request with the headers of x says that its body is JSON.
func (x *Exchange) saysJSON() bool {
	return x.r.Header.Get("Content-Type") != "" && reqbody.CheckJSON(x.r.Header) == nil
}

// addTextEvents lets a body be used as its text: #body, tostring(body), body .. s.
func addTextEvents(L *lua.LState, mt *lua.LTable) {
	mt.RawSetString("__len", L.NewFunction(bodyLen))
	mt.RawSetString("__tostring", L.NewFunction(bodyText))
	mt.RawSetString("__concat", L.NewFunction(func(L *lua.LState) int {
		a, b := bodyOperand(L, L.Get(1)), bodyOperand(L, L.Get(2))
		luaval.CheckSize(L, len(a)+len(b))
		L.Push(lua.LString(a + b))
		return 1
	}))
}

// bodyOperand is v as an operand of .., which may be a body.
func bodyOperand(L *lua.LState, v lua.LValue) string {
	if ud, ok := v.(*lua.LUserData); ok {
		if b, ok := ud.Value.(*body); ok {
			b.check(L)
			return string(b.bytes)
		}
	}
	text, ok := luaval.TextOf(v)
	if !ok {
		text, ok = luaval.ExactNumber(v)
	}
	if !ok {
		L.RaiseError("attempt to concatenate a body and a %s value", luaval.TypeName(v))
	}
	return text
}
