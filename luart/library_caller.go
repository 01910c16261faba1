package luart

import (
	"context"
	"net/http"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// caller is a call as libraries see it. It is as large as a pointer, so that an interface holds it
// without an allocation.
type caller struct{ c *call }

// vm returns the VM, where the call may wait: it runs.
func (c caller) vm() *VM {
	vm := c.c.gen.vm
	if vm.cur != c.c {
		panic("a library waits for a caller that does not run")
	}
	return vm
}

func (c caller) Await(L *lua.LState, on lib.WaitsOn, wait func(context.Context)) {
	c.vm().await(L, waitsOn{what: on.What, which: on.Which}, wait)
}

func (c caller) Park(L *lua.LState, on lib.WaitsOn, ready <-chan struct{}, d time.Duration) {
	c.vm().park(L, waitsOn{what: on.What, which: on.Which}, ready, d)
}

func (c caller) ParkFor(L *lua.LState, on lib.WaitsOn, r lib.Resource, ready <-chan struct{}) {
	c.vm().parkFor(L, waitsOn{what: on.What, which: on.Which}, r, ready)
}

func (c caller) CheckDeadlock(L *lua.LState, r lib.Resource) { c.vm().checkDeadlock(L, r) }

func (c caller) Holds(r lib.Resource) bool {
	held := r.HeldBy()
	for at := c.c; at != nil; at = at.above() {
		if slices.ContainsFunc(held, func(h *lib.Hold) bool { return callOf(h) == at }) {
			return true
		}
	}
	return false
}

func (c caller) AtEnd(key any, do func())         { c.c.atEnd(key, do) }
func (c caller) AtResponseEnd(key any, do func()) { c.c.atResponseEnd(key, do) }
func (c caller) Forget(key any)                   { c.c.forget(key) }

func (c caller) PatienceElsewhere() time.Duration {
	if c.c.deadline != 0 {
		return 0
	}
	return c.c.gen.timeout
}

func (c caller) Request() (id string, header http.Header, ok bool) {
	if c.c.x == nil {
		return "", nil, false
	}
	return c.c.x.requestID(), c.c.x.r.Header, true
}

func (c caller) Spawn(L *lua.LState, kind string, fn *lua.LFunction) bool {
	g := c.c.gen
	// A task of a generation that has not started might never begin: it may be refused.
	if !g.started || g.retired.Err() != nil || g.vm.closing || g.vm.tasks >= maxTasks {
		return false
	}
	g.launch(&backgroundTask{kind: kind, fn: fn, where: luaval.LuaLine(L)}, false)
	return true
}
