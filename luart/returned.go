package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/response"
)

// pcallReturned calls fn, protected, in c's own Lua thread.
func (vm *VM) pcallReturned(c *call, fn *lua.LFunction, args ...lua.LValue) (response.Returned, error) {
	if err := vm.pcallN(c, fn, 3, args); err != nil {
		return response.ReturnedNothing, err
	}
	L := c.th.L
	v := response.Returned{Value: L.Get(-3), Status: L.Get(-2), Headers: L.Get(-1)}
	L.SetTop(0)
	return v, nil
}

// callReturned is pcallReturned with the error as scripts and clients get it.
func (vm *VM) callReturned(c *call, fn *lua.LFunction, args ...lua.LValue) (response.Returned, *ScriptError) {
	v, err := vm.pcallReturned(c, fn, args...)
	if err != nil {
		return response.ReturnedNothing, vm.scriptError(c, err)
	}
	return v, nil
}

// replyOf returns a value that is a response as one, else nil.
func replyOf(v lua.LValue) *reply {
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*reply); ok {
			return r
		}
	}
	return nil
}
