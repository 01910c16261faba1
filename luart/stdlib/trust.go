package stdlib

import (
	"weak"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Scripts that share a VM by name share rover.state, caches, locks, channels and metrics, and
// nothing else: grants, secrets and libraries are the script's own. Two of them may call each
// other's functions, which they find in rover.state; there a function is a capability that its
// script hands over. What is called runs with the globals of the script that made it, and can
// reach of its caller what it is given as arguments, and no more:
//
//   - getfenv, setfenv and debug.getinfo answer for functions of the caller's own TrustDomain
//     only. Of others getfenv says what it says of Go functions.
//   - Library tables, also that of the methods of strings, belong to one generation. No value
//     that generations share leads to one: ("").__index is nil, and getmetatable("") is that of
//     the script that asks, whoever has called it.
//   - The metatables of what generations share are protected: rover.state tables cannot get
//     one, and those of ctx, responses and their kin are hidden.
//   - coroutine.running shows coroutines of the script's own.
//
// A generation is a TrustDomain of its own, and not a script: the next one may have other grants.

// TrustDomain is what one generation may look into. Only the holder may use it.
type TrustDomain struct {
	env     *lua.LTable // its globals
	Start   *lua.LTable // the globals of a Lua thread that begins: those that the script's own code had in the end
	strings *lua.LTable // the metatable of strings while it runs
	// envs are the tables that it has made the environment of a function. It had them before:
	// it learns nothing from getfenv. They are collected like any other.
	envs  map[weak.Pointer[lua.LTable]]struct{}
	sweep int // at how many envs those are looked for that have been collected
}

// give notes that a function of the domain has env as its environment.
func (d *TrustDomain) give(env *lua.LTable) {
	if env == d.env {
		return
	}
	if d.envs == nil {
		d.envs = map[weak.Pointer[lua.LTable]]struct{}{}
	}
	d.envs[weak.Make(env)] = struct{}{}
	if len(d.envs) <= d.sweep {
		return
	}
	for p := range d.envs {
		if p.Value() == nil {
			delete(d.envs, p)
		}
	}
	d.sweep = max(64, 2*len(d.envs))
}

// owns says whether a Lua function is one of the domain.
func (d *TrustDomain) owns(fn *lua.LFunction) bool {
	if fn == nil || fn.IsG || fn.Env == nil {
		return false
	}
	return d.has(fn.Env)
}

// has says whether env is the environment of a function of the domain.
func (d *TrustDomain) has(env *lua.LTable) bool {
	if env == d.env {
		return true
	}
	_, ok := d.envs[weak.Make(env)]
	return ok
}

// Globals returns the globals of a Lua thread, as its own code sees them: those of the domain,
// unless setfenv(0, t) has set others. Code of another domain that runs in the thread sees its own.
func (d *TrustDomain) Globals(L *lua.LState) *lua.LTable {
	if d.has(L.Env) {
		return L.Env
	}
	return d.env
}

// newGetfenv makes getfenv([f]): the globals of a Lua function, given itself or by its level on
// the stack (1, the default: the caller). Level 0, Go functions and those of other scripts give
// the globals of the Lua thread.
func newGetfenv(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		env := d.Globals(L)
		if fn := functionArg(L); d.owns(fn) {
			env = fn.Env
		}
		L.Push(env)
		return 1
	})
}

// newSetfenv makes setfenv(f, table): f, a Lua function given itself or by its level on the
// stack. setfenv(0, table) returns nothing: it sets the globals of the Lua thread, which what is
// loaded in it later sees, and coroutines that are made in it. Those of a request, hook or task
// last as long as it does. Errors: Go functions, and functions and Lua threads of other scripts.
func newSetfenv(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		env, fn := luaval.CheckTable(L, 2), functionArg(L)
		thread := fn == nil
		if thread && !d.has(L.Env) || !thread && !d.owns(fn) {
			L.RaiseError("'setfenv' cannot change environment of given object")
		}
		d.give(env)
		if thread {
			L.Env = env
			return 0
		}
		fn.Env = env
		L.Push(fn)
		return 1
	})
}

// newGetmetatable makes getmetatable(v): the metatable, or what its field __metatable says. That
// of strings is this generation's, also in a function that another script has called.
func newGetmetatable(b *envBuilder) lua.LValue {
	d, own := b.domain, pristine()[".getmetatable"].(*lua.LFunction).GFunction
	return b.L.NewFunction(func(L *lua.LState) int {
		if _, ok := L.Get(1).(lua.LString); !ok {
			return own(L)
		}
		if hidden := d.strings.RawGetString("__metatable"); hidden != lua.LNil {
			L.Push(hidden)
		} else {
			L.Push(d.strings)
		}
		return 1
	})
}

// SetStringMeta makes s:upper() and the like find the string table of a generation: the
// metatable of strings belongs to the whole VM, so it changes hands with the running generation.
func SetStringMeta(L *lua.LState, d *TrustDomain) { L.SetMetatable(lua.LString(""), d.strings) }
