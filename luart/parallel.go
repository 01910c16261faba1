package luart

import (
	"context"
	"sync"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// maxParallel functions may be given to one rover.parallel: each has a goroutine and
// a Lua thread of its own, some 20 KiB while it waits.
const maxParallel = 256

// Functions of rover.parallel may call it in turn, so those that have not returned are also
// counted over all levels: maxRequestParallel of one request or task, and maxVMParallel of a
// VM, some 200 MiB.
const (
	maxRequestParallel = 1024
	maxVMParallel      = 10_000
)

// parallel is rover.parallel{f, g, …}: it calls the functions concurrently (one runs
// while others wait) and returns the first result of each, in order, when all have
// returned. With named functions, rover.parallel{a = f, b = g}, it returns one table
// of results by name. They have what is left of the request's timeout. The first error
// is raised by parallel; the others are cancelled first, and have ended by then. A
// function that uses up its burst ends the caller too.
// Errors: not a table of functions, positions and names mixed, more than maxParallel, or
// more at once than maxRequestParallel and maxVMParallel allow; and in a request, while the
// scripts keep more memory than they may.
func (vm *VM) parallel(L *lua.LState) int {
	names, fns := checkFunctions(L)
	parent := vm.cur
	release := vm.acquireParallel(L, parent, len(fns))
	defer release()
	ctx, cancel := context.WithCancelCause(parent.ctx)
	defer cancel(nil)
	results := make([]lua.LValue, len(fns))
	var failed *call
	var failure, killed error
	on := waitsOn{what: "rover.parallel", cancel: func() { cancel(errKilled) }}
	vm.detachAll(L, on, len(fns), func(i int) {
		child := &call{
			gen: parent.gen, x: parent.x, parent: parent,
			ctx: ctx, retired: parent.retired, deadline: parent.deadline,
		}
		err := vm.loop.DoAdmitted(func(th *thread) error {
			vm.start(child, th)
			defer child.done()
			if err := vm.over(child); err != nil { // before it has begun
				child.waitErr = err
				return err
			}
			v, err := vm.pcall(child, fns[i])
			results[i] = v
			if err != nil && failure == nil {
				failed, failure, killed = child, err, vm.budget.Err()
				cancel(errSibling)
			}
			return nil
		})
		_ = err // only an end that detachAll finds for the parent too, or errSibling
	})
	if failure != nil {
		parent.waitErr = failed.waitErr
		if killed != nil {
			vm.budget.Kill(killed) // it cannot be caught here either
		}
		raiseAgain(L, failure)
	}
	if names == nil {
		for _, v := range results {
			L.Push(v)
		}
		return len(results)
	}
	t := L.CreateTable(0, len(names))
	for i, name := range names {
		t.RawSet(name, results[i])
	}
	L.Push(t)
	return 1
}

// acquireParallel counts n functions that c is about to run, until release is called. It raises
// in L when there would be too many. Only the holder may call both.
func (vm *VM) acquireParallel(L *lua.LState, c *call, n int) (release func()) {
	origin := c.origin()
	switch {
	case origin.parallel+n > maxRequestParallel:
		L.RaiseError("rover.parallel: %d functions of this request or task are running, and %d more would be beyond the limit, %d",
			origin.parallel, n, maxRequestParallel)
	case vm.parallels+n > maxVMParallel:
		L.RaiseError("rover.parallel: %d functions are running in the VM, and %d more would be beyond the limit, %d",
			vm.parallels, n, maxVMParallel)
	case c.x != nil && vm.memory.Over(): // background work may make room
		L.RaiseError("rover.parallel: %s", ErrMemory)
	}
	origin.parallel += n
	vm.parallels += n
	return func() {
		origin.parallel -= n
		vm.parallels -= n
	}
}

// origin is the call that c is part of: the request's own, or that of a background task.
func (c *call) origin() *call {
	if c.x != nil {
		return &c.x.call
	}
	for c.parent != nil {
		c = c.parent
	}
	return c
}

// detachAll calls run(0) to run(n-1) at once, each on a goroutine of its own, and
// returns with the hold when all have returned.
func (vm *VM) detachAll(L *lua.LState, on waitsOn, n int, run func(i int)) {
	vm.detach(L, on, func(*call) {
		vm.clock.Begin(n - 1) // the caller is as good as one of them until the last has ended
		var left atomic.Int64
		left.Store(int64(n))
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				run(i)
				if left.Add(-1) > 0 {
					vm.clock.End()
				}
			})
		}
		wg.Wait()
		if n == 0 {
			vm.clock.Begin(1)
		}
	})
}

// checkFunctions returns argument 1, a table of functions, and their names if it has
// names.
func checkFunctions(L *lua.LState) (names []lua.LValue, fns []*lua.LFunction) {
	t := luaval.CheckTable(L, 1)
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		if len(fns) == maxParallel {
			L.RaiseError("rover.parallel: more than %d functions, the limit", maxParallel)
		}
		fn, ok := v.(*lua.LFunction)
		if !ok {
			luaval.ArgError(L, 1, "table of functions expected, it has a "+luaval.TypeName(v)+" at "+lua.LVAsString(L.ToStringMeta(key)))
		}
		if _, named := key.(lua.LString); named {
			names = append(names, key)
		}
		fns = append(fns, fn)
	}
	if len(names) == len(fns) {
		return names, fns
	}
	for i := range fns {
		fn, ok := t.RawGetInt(i + 1).(*lua.LFunction)
		if !ok {
			luaval.ArgError(L, 1, "functions at 1, 2, 3, … or with names expected, not both or with gaps")
		}
		fns[i] = fn
	}
	return nil, fns
}

// raiseAgain raises in L what a protected call in another Lua thread ended with.
func raiseAgain(L *lua.LState, err error) {
	if api, ok := err.(*lua.ApiError); ok { //nolint:errorlint // PCall returns no other, and never wraps it
		L.Error(api.Object, 0)
	}
	L.RaiseError("%s", err.Error())
}
