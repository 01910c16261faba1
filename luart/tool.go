package luart

import (
	"context"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Tool makes a script a Lua program that serves no requests, such as a file of tests: it
// needs no rover.server, and Go calls functions in it, and it functions of Go.
type Tool struct {
	// Prelude is Lua code that runs before the script, in its environment, with rover and a
	// table of Natives as arguments. It returns a table of the functions that Call calls.
	// Tracebacks and errors call it Name, which no file of the script has.
	Name    string
	Prelude []byte
	Natives map[string]Native
}

// Native is a function of Go for a Tool. Other Lua code of the VM runs meanwhile; ctx ends
// when its caller must not wait any longer. Arguments and results are as luaval.GoValue says, or Plain. An
// error gives Lua nil and a message.
type Native func(ctx context.Context, args []any) ([]any, error)

// openTool runs the prelude. Only the holder may call it, within a call.
func (g *Generation) openTool(c *call, t *Tool) *ScriptError {
	vm := g.vm
	proto, err := chunk.Compile(t.Prelude, t.Name)
	if err != nil {
		return &ScriptError{Message: err.Error()}
	}
	natives := vm.main.CreateTable(0, len(t.Natives))
	for name, native := range t.Natives {
		natives.RawSetString(name, g.newFunction(func(L *lua.LState) int { return vm.callNative(L, native) }))
	}
	fn := c.th.L.NewFunctionFromProto(proto)
	fn.Env = g.env
	v, serr := vm.call1(c, fn, g.env.RawGetString("rover"), natives)
	if serr != nil {
		return serr
	}
	g.callbacks, _ = v.(*lua.LTable)
	g.api.Close()
	g.tree = newTree(&api.Node{})
	return nil
}

func (g *Generation) newFunction(f lua.LGFunction) *lua.LFunction {
	L := g.vm.main
	defer func(env *lua.LTable) { L.Env = env }(L.Env)
	L.Env = g.env
	return L.NewFunction(f)
}

func (vm *VM) callNative(L *lua.LState, native Native) int {
	args := make([]any, L.GetTop())
	for i := range args {
		p, _, err := luaval.CopyData(L.Get(i+1), luaval.MaxDataBytes)
		if err != nil {
			luaval.ArgError(L, i+1, err.Error())
		}
		args[i] = luaval.GoValue(p)
	}
	var results []any
	var err error
	vm.await(L, waitsOn{what: "function of Go"}, func(ctx context.Context) { results, err = native(ctx, args) })
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	for _, v := range results {
		L.Push(luaval.NewValue(L, copyGo(v)))
	}
	return len(results)
}

// Call calls a function that the prelude of a Tool has returned, as a background task, which
// ends with ctx. An error is a *ScriptError, see Details, or says why the VM did not call it.
// Any goroutine may call it.
func (g *Generation) Call(ctx context.Context, name string, args ...any) (results []any, err error) {
	vm := g.vm
	err = vm.loop.DoAdmitted(func(th *thread) error {
		fn, ok := g.callbacks.RawGetString(name).(*lua.LFunction)
		if !ok {
			return fmt.Errorf("the tool has no function %q", name)
		}
		c := &call{gen: g, ctx: ctx, kind: name}
		vm.start(c, th)
		defer c.done()
		list := make([]lua.LValue, len(args))
		for i, a := range args {
			list[i] = luaval.NewValue(vm.main, copyGo(a))
		}
		first, second, serr := vm.call2(c, fn, list...)
		if serr != nil {
			g.explain(serr)
			return serr
		}
		for _, v := range []lua.LValue{first, second} {
			p, _, err := luaval.CopyData(v, luaval.MaxDataBytes)
			if err != nil {
				return fmt.Errorf("result of %s: %w", name, err)
			}
			results = append(results, luaval.GoValue(p))
		}
		return nil
	})
	return results, err
}

// Plain is plain data of Lua. It does not change, and belongs to no VM.
type Plain struct{ p luaval.DataCopy }

// copyGo is luaval.CopyGo that knows Plain.
func copyGo(v any) luaval.DataCopy {
	if state, ok := v.(Plain); ok {
		return state.p
	}
	return luaval.CopyGo(v)
}

// State returns a copy of rover.state(name), ok = false if there is none. It fails if that
// is no plain data. Any goroutine may call it.
func (vm *VM) State(name string) (state Plain, ok bool, err error) {
	err = vm.loop.DoAdmitted(func(*thread) error {
		t := vm.states[name]
		if t == nil {
			return nil
		}
		ok = true
		p, _, err := luaval.CopyData(t, luaval.MaxDataBytes)
		state = Plain{p}
		if err != nil {
			return errors.New(err.Error())
		}
		return nil
	})
	return state, ok, err
}
