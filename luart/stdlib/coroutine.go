package stdlib

import (
	"fmt"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// MaxNestedCoroutines is how deep coroutines may resume coroutines. Each level nests a Lua stack of its
// own in one Go stack, and Go ends the process when that would grow beyond 512 MiB. 64 levels, each
// full of pcalls, comparators or metamethods, need at most 128 MiB.
const MaxNestedCoroutines = 64

// newCoCreate makes coroutine.create(f): a suspended coroutine. It runs on the budget of the Lua
// thread that made it, and sees its globals.
func newCoCreate(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		L.Push(newCoroutine(L, luaval.CheckFunction(L, 1), d))
		return 1
	})
}

// newCoroutine makes a coroutine of a function for code of a domain.
func newCoroutine(L *lua.LState, fn *lua.LFunction, d *TrustDomain) *lua.LState {
	env := d.Globals(L)
	if fn.IsG { // gopher-lua never ends a coroutine whose body is a Go function
		body := L.NewFunctionFromProto(goBody())
		body.Upvalues[0] = &lua.Upvalue{}
		body.Upvalues[0].SetValue(fn)
		fn = body
	}
	// NewThread would derive a context of its own, which nobody ends: slow, and never freed.
	ctx := L.RemoveContext()
	L.SetTop(0)
	L.Push(fn)
	pristine()["coroutine.create"].(*lua.LFunction).GFunction(L)
	th := L.Get(-1).(*lua.LState)
	glua.WipeFrames(th, 1) // its body has the first
	if ctx != nil {
		L.SetContext(ctx)
		th.SetContext(ctx)
	}
	th.Env = env
	return th
}

// goBody is a Lua function that calls its upvalue.
var goBody = sync.OnceValue(func() *lua.FunctionProto {
	proto, err := chunk.Compile([]byte("local f; return function(...) local g = f; return g(...) end"), "coroutine")
	if err != nil {
		panic(err)
	}
	return proto.FunctionPrototypes[0]
})

// coResume is coroutine.resume(co, …): true and what the coroutine yields or returns, or false and
// its error object.
func coResume(L *lua.LState) int {
	return resume(L, luaval.CheckThread(L, 1))
}

// resume is coroutine.resume for th, with its arguments from the second place of the stack on.
func resume(L, th *lua.LState) (n int) {
	depth := 0
	for at := L; at.Parent != nil; at = at.Parent {
		depth++
	}
	switch {
	case th.Dead:
		return refuse(L, "cannot resume dead coroutine")
	case th == L:
		return refuse(L, "cannot resume running coroutine")
	case th.Parent != nil: // it waits for one that it has resumed
		return refuse(L, "cannot resume normal coroutine")
	case depth >= MaxNestedCoroutines:
		return refuse(L, fmt.Sprintf("too many nested coroutines: the limit is %d", MaxNestedCoroutines))
	case glua.RanOut(th):
		th.Dead = true
		L.Replace(1, lua.LTrue)
		return L.GetTop()
	}
	defer func() {
		reason := recover()
		if reason == nil {
			return
		}
		// The first call frame did not fit into the coroutine's stack.
		L.G.CurrentThread, th.Parent, th.Dead = L, nil, true
		message := lua.LValue(lua.LString("stack overflow"))
		if err, ok := reason.(*lua.ApiError); ok {
			message = err.Object
		}
		L.SetTop(1)
		L.Push(lua.LFalse)
		L.Push(message)
		n = 2
	}()
	n = pristine()["coroutine.resume"].(*lua.LFunction).GFunction(L)
	if n == 2 && L.Get(-2) == lua.LFalse && th.Dead {
		switch message, ok := L.Get(-1).(lua.LString); {
		case ok && message == "lua callstack overflow":
			L.Replace(-1, lua.LString("stack overflow"))
		case ok && len(message) > luaval.MaxStringBytes:
			L.Replace(-1, message[:luaval.MaxStringBytes])
		}
	}
	return n
}

func refuse(L *lua.LState, message string) int {
	L.Push(lua.LFalse)
	L.Push(lua.LString(message))
	return 2
}

// newCoWrap makes coroutine.wrap(f): a function that resumes the coroutine and returns what it
// yields or returns. It raises the coroutine's error object, whatever its type.
func newCoWrap(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		th := newCoroutine(L, luaval.CheckFunction(L, 1), d)
		L.Push(L.NewFunction(func(L *lua.LState) int {
			L.Insert(th, 1)
			refused := th.Dead || th == L || th.Parent != nil
			n := resume(L, th)
			if L.Get(-n) == lua.LTrue {
				return n - 1
			}
			if refused { // the mistake is the caller's
				L.RaiseError("%s", L.Get(-1))
			}
			L.Error(L.Get(-1), 0)
			return 0
		}))
		return 1
	})
}

// coYield is coroutine.yield(…): what the next resume passes. Errors: no coroutine runs, or a Go
// function lies between the coroutine's body and the call (pcall, a metamethod, an iterator, a
// callback).
func coYield(L *lua.LState) int {
	if L.Parent == nil {
		L.RaiseError("attempt to yield from outside a coroutine")
	}
	if !glua.CanYield(L) {
		L.RaiseError("attempt to yield across pcall, a metamethod, an iterator or another Go function")
	}
	return -1
}

// coIsYieldable is coroutine.isyieldable(): whether yield would work here.
func coIsYieldable(L *lua.LState) int {
	L.Push(lua.LBool(L.Parent != nil && glua.CanYield(L)))
	return 1
}

// newCoRunning makes coroutine.running(): the coroutine that runs, nil in the code of a handler
// itself. The handler's Lua thread is not shown: resumed from elsewhere it would break other
// requests. Nor is a coroutine of another script that has called.
func newCoRunning(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		if L.Parent == nil || !d.has(L.Env) {
			L.Push(lua.LNil)
		} else {
			L.Push(L)
		}
		return 1
	})
}

// coStatus is coroutine.status(co): "running", "suspended", "normal" (it has resumed the one that
// runs, or waits) or "dead".
func coStatus(L *lua.LState) int {
	status := "suspended"
	switch th := luaval.CheckThread(L, 1); {
	case th == L:
		status = "running"
	case th.Dead:
		status = "dead"
	case th.Parent != nil:
		status = "normal"
	}
	L.Push(lua.LString(status))
	return 1
}
