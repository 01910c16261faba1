package stdlib

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// newRequire makes require(name): the value of a module, which runs once per generation. It is what
// package.loaded has under the name; else what the function in package.preload returns; else what
// the module's file returns, true when that is nil. The file runs with this generation's globals
// and gets the name and its path as arguments. A module that fails is not kept and runs again at
// the next require.
//
// Errors: the module is not found (the message says where it was looked for) or is malformed;
// modules require each other in a circle; the module's own errors, as they are.
func newRequire(b *envBuilder) lua.LValue {
	r := &requirer{
		loaded:   b.loaded,
		preload:  b.pre,
		resolve:  b.hooks.Resolve,
		compile:  b.hooks.Compile,
		compiled: b.hooks.Loaded,
		read:     b.hooks.Read,
		running:  map[*lua.LState][]string{},
	}
	return b.L.NewFunction(r.require)
}

// requirer is the require of one generation. Only the holder may use it.
type requirer struct {
	loaded, preload *lua.LTable
	resolve         Resolver
	compile         func(L *lua.LState, source []byte, path string) (*lua.FunctionProto, error)
	compiled        func(*lua.FunctionProto) // nil: nobody wants to know
	read            func(path string, source []byte, err error)

	// running has the modules that each handler is in the middle of, outermost first. A module may
	// wait while it loads; another handler that wants it meanwhile runs it, too, and the value of
	// the first one to end stays.
	running map[*lua.LState][]string
}

func (r *requirer) require(L *lua.LState) int {
	name := luaval.CheckString(L, 1)
	if v := r.loaded.RawGetString(name); lua.LVAsBool(v) {
		L.Push(v)
		return 1
	}
	handler := L
	for handler.Parent != nil {
		handler = handler.Parent
	}
	chain := r.running[handler]
	for i, loading := range chain {
		if loading == name {
			L.RaiseError("module loop: %s", strings.Join(append(chain[i:len(chain):len(chain)], name), " -> "))
		}
	}
	fn, path := r.find(L, name)
	if v := r.loaded.RawGetString(name); lua.LVAsBool(v) { // another handler was faster
		L.Push(v)
		return 1
	}

	r.running[handler] = append(chain, name)
	defer func() {
		if len(chain) == 0 {
			delete(r.running, handler)
		} else {
			r.running[handler] = chain
		}
	}()
	before := r.loaded.RawGetString(name)
	done := false
	defer func() {
		if !done {
			r.loaded.RawSetString(name, before)
		}
	}()
	L.Push(fn)
	L.Push(lua.LString(name))
	L.Push(lua.LString(path))
	L.Call(2, 1)
	done = true

	value := L.Get(-1)
	if kept := r.loaded.RawGetString(name); lua.LVAsBool(kept) { // by the module itself, or by another handler
		value = kept
	} else if value == lua.LNil {
		value = lua.LTrue
	}
	r.loaded.RawSetString(name, value)
	L.Push(value)
	return 1
}

// find returns the function that makes a module, and its path.
func (r *requirer) find(L *lua.LState, name string) (*lua.LFunction, string) {
	if fn, ok := r.preload.RawGetString(name).(*lua.LFunction); ok {
		return fn, ""
	}
	if r.resolve == nil {
		L.RaiseError("module %q not found: there is no folder to look in", name)
	}
	m, err := r.resolve(L, name)
	if err != nil {
		L.RaiseError("%s", err.Error())
	}
	proto, err := r.compileModule(L, m.Source, m.Path)
	if r.read != nil {
		r.read(m.Path, m.Source, err)
	}
	if err != nil {
		L.RaiseError("%s", fmt.Errorf("loading module %q: %w", name, err).Error())
	}
	if r.compiled != nil {
		r.compiled(proto)
	}
	fn := L.NewFunctionFromProto(proto)
	fn.Env = L.Get(lua.EnvironIndex).(*lua.LTable)
	return fn, m.Path
}

// shortModule is the longest source that is compiled while the VM is held: it takes less than 20
// ms, and waiting has a price, too.
const shortModule = 64 << 10

func (r *requirer) compileModule(L *lua.LState, source []byte, path string) (*lua.FunctionProto, error) {
	if r.compile == nil || len(source) <= shortModule {
		return chunk.Compile(source, path)
	}
	return r.compile(L, source, path)
}

// Module is a module as it was loaded.
type Module struct {
	Path   string // inside the script's folder: its name in messages
	Source []byte
}

// Resolver finds a module for require.
type Resolver = func(L *lua.LState, name string) (Module, error)

// MaxCalls nested Lua calls raise "stack overflow". Each costs about 1 KiB of Go
// stack when it goes through a Go function, so that this depth stays in 2 MiB.
const MaxCalls = 2048
