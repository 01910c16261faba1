package luart

import (
	"errors"
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// raiseAbsent raises that a response has no body to be decoded. Only the holder may call it.
func (b *body) raiseAbsent(L *lua.LState) {
	t := L.CreateTable(0, 2)
	t.RawSetString("status", lua.LNumber(http.StatusBadGateway))
	t.RawSetString("message", lua.LString("response body: there is none"))
	if b.x != nil {
		b.x.absent = t
	}
	L.Error(t, 1)
}

// callHook calls an after hook. One that ends because it wants to decode a body where there
// is none has nothing to say about the response: what it did before stands. Only the holder
// may call it.
func (x *Exchange) callHook(h *handler, res lua.LValue) (lua.LValue, *ScriptError) {
	vm := x.gen.vm
	v, err := vm.pcall(&x.call, h.fn, x.ctxValue(), res)
	if err == nil {
		return v, nil
	}
	var api *lua.ApiError
	if x.absent != nil && vm.budget.why == nil && errors.As(err, &api) && api.Object == lua.LValue(x.absent) {
		return lua.LNil, nil
	}
	return lua.LNil, vm.scriptError(&x.call, err)
}
