package stdlib

import (
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// modules is a Resolve of sources in memory.
func modules(sources map[string]string) Hooks {
	return Hooks{Resolve: func(_ *lua.LState, name string) (Module, error) {
		source, ok := sources[name]
		if !ok {
			return Module{}, fmt.Errorf("module %q not found", name)
		}
		return Module{strings.ReplaceAll(name, ".", "/") + ".lua", []byte(source)}, nil
	}}
}

func TestRequire(t *testing.T) {
	L := sandboxThread(t, modules(map[string]string{
		"value":   "count = (count or 0) + 1 return {n = count}",
		"nothing": "",
		"no":      "return false",
		"args":    "return {...}",
		"a.b":     "return require 'value'",
		"self":    "package.loaded.self = 'set' ",
		"env":     "return getfenv(1)",
		"broken":  "local x = 1\nreturn return",
		"fails":   "tries = (tries or 0) + 1\nerror('no ' .. tries)",
		"object":  "error({status = 409})",
		"loop1":   "return require 'loop2'",
		"loop2":   "return require 'loop3'",
		"loop3":   "return require 'loop1'",
		"me":      "require 'me'",
		"half":    "package.loaded.half = {} error 'late'",
		"once":    "if not ready then error('not yet') end return 'now'",
	}))
	if err := runSandboxed(t, L, sandboxAssert, "assert.lua"); err != nil {
		t.Fatal(err)
	}
	err := runSandboxed(t, L, `
		local v = require "value"
		eq(require "value", v) eq(require "a.b", v) eq(v.n, 1) eq(package.loaded.value, v)
		eq(require "nothing", true) eq(require "nothing", true)
		eq(require "no", false) eq(package.loaded.no, false)
		eq((require "args")[1], "args") eq((require "args")[2], "args.lua")
		eq(require "self", "set") eq(require "env", _G) eq(require "string", string) eq(require "_G", _G)

		raises('app.lua:10: loading module "broken": broken.lua:2: syntax error near \'return\'', function()
			require "broken" end)
		raises("fails.lua:2: no 1", require, "fails")
		raises("fails.lua:2: no 2", require, "fails")
		eq(package.loaded.fails, nil)
		local ok, err = pcall(require, "object")
		eq(err.status, 409)
		raises("module loop: loop1 -> loop2 -> loop3 -> loop1", require, "loop1")
		raises("module loop: loop2 -> loop3 -> loop1 -> loop2", require, "loop2")
		raises("module loop: me -> me", require, "me")
		raises("late", require, "half")
		eq(package.loaded.half, nil)
		raises("not yet", require, "once")
		ready = true
		eq(require "once", "now")
		raises('module "missing" not found', require, "missing")
		raises("bad argument #1", require)

		package.preload.pre = function(name) return name .. "!" end
		eq(require "pre", "pre!")
		package.loaded.value = nil
		eq((require "value").n, 2)
		eq(coroutine.wrap(function() return require "value" end)().n, 2)
		coroutine.wrap(function() raises("module loop: me -> me", require, "me") end)()
	`, "app.lua")
	if err != nil {
		t.Fatal(err)
	}
	if top := L.GetTop(); top != 0 {
		t.Errorf("%d values left on the stack", top)
	}

	other := sandboxThread(t, Hooks{})
	if err := runSandboxed(t, other, `require "value"`, "app.lua"); err == nil ||
		!strings.Contains(err.Error(), `app.lua:1: module "value" not found: there is no folder to look in`) {
		t.Errorf("without Resolve: got %v", err)
	}
}

// TestRequireWhileLoading: a module waits while it loads, and another handler requires it
// meanwhile. That is no loop, and both get one value.
func TestRequireWhileLoading(t *testing.T) {
	var L *lua.LState
	var inner lua.LValue
	L = sandboxThread(t, modules(map[string]string{"slow": "wait() return {}"}))
	waiting := false
	L.Env.RawSetString("wait", L.NewFunction(func(*lua.LState) int {
		if waiting {
			return 0
		}
		waiting = true
		other, _ := L.NewThread() // another handler's
		other.Push(L.Env.RawGetString("require"))
		other.Push(lua.LString("slow"))
		if err := other.PCall(1, 1, nil); err != nil {
			t.Error(err)
		}
		inner = other.Get(-1)
		return 0
	}))
	L.Push(L.Env.RawGetString("require"))
	L.Push(lua.LString("slow"))
	if err := L.PCall(1, 1, nil); err != nil {
		t.Fatal(err)
	}
	if !waiting || L.Get(-1) != inner {
		t.Errorf("the handlers got %v and %v, want one value", L.Get(-1), inner)
	}
}
