package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
)

// responseField is res.name for what is not a method.
func responseField(L *lua.LState) int {
	r := checkResponse(L, 1)
	v := lua.LNil
	switch L.Get(2) {
	case lua.LString("status"):
		v = lua.LNumber(r.Status)
	case lua.LString("error"): // nil, or why nobody answered
		if r.from != nil && r.from.status == 0 && r.from.errorText != "" {
			v = lua.LString(r.from.errorText)
		}
	}
	L.Push(v)
	return 1
}

// setResponseField is res.status = n. That of a tunnel is refused by any other status.
func setResponseField(L *lua.LState) int {
	r := checkResponse(L, 1)
	if key := L.Get(2); key != lua.LString("status") {
		L.RaiseError("a response has no field %q that can be set", key.String())
	}
	if r.isTunnel() {
		if status := luaval.CheckInt(L, 3); status != r.Status {
			r.refuseTunnel(L, response.CheckStatus(L, 3))
		}
		return 0
	}
	status := response.CheckStatus(L, 3)
	if status >= 300 && r.from != nil && r.from.mayTunnel() {
		r.refuseTunnel(L, status)
		return 0
	}
	r.checkPart(L, status)
	r.Status, r.ByDefault = status, false
	return 0
}
