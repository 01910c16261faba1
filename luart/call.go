package luart

import (
	lua "github.com/yuin/gopher-lua"
)

// call1 calls fn, protected, in the running call's own Lua thread and returns its
// first result. Only the holder may call it.
func (vm *VM) call1(c *call, fn *lua.LFunction, args ...lua.LValue) (lua.LValue, *ScriptError) {
	L := c.th.L
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	err := L.PCall(len(args), 1, nil)
	if err == nil && vm.budget.fired { // it caught the end of its burst in Go code
		err = errBurst
	}
	if err != nil {
		// A Go panic leaves open upvalues behind, which a later call would share.
		c.th.broken = true
		return lua.LNil, vm.scriptError(c, err)
	}
	v := L.Get(-1)
	L.SetTop(0)
	return v, nil
}
