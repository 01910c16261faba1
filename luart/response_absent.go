package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// raiseAbsent raises that a response has no body to be decoded.
func (b *body) raiseAbsent(L *lua.LState) {
	t := L.CreateTable(0, 2)
	t.RawSetString("status", lua.LNumber(http.StatusBadGateway))
	t.RawSetString("message", lua.LString("response body: there is none"))
	if b.x != nil {
		b.x.absent = t
	}
	L.Error(t, 1)
}
