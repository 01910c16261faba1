package stdlib

import (
	"context"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
)

// TestCoroutineContext: a coroutine must run on its creator's very context. One derived from it
// would stay registered there until the end of the VM.
func TestCoroutineContext(t *testing.T) {
	L := sandboxThread(t, Hooks{})
	ctx, cancel := context.WithCancel(context.Background())
	L.SetContext(ctx)
	var seen []context.Context
	L.Env.RawSetString("see", L.NewFunction(func(L *lua.LState) int {
		seen = append(seen, L.Context())
		return 0
	}))
	err := runSandboxed(t, L, `coroutine.wrap(function() see() coroutine.wrap(see)() end)() see()
		assert(not pcall(coroutine.create)) see()`, "ctx.lua")
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4 {
		t.Fatalf("see ran %d times, want 4", len(seen))
	}
	for i, c := range seen {
		if c != ctx {
			t.Errorf("call %d ran on %v, want the thread's own context", i, c)
		}
	}

	cancel()
	for _, loop := range []string{
		"while true do end",
		"coroutine.wrap(function() while true do end end)()",
		"while true do pcall(coroutine.wrap(function() while true do end end)) end",
		"while true do xpcall(function() while true do end end, function() end) end",
		"table.sort({3, 2, 1}, function() while true do end end)",
		"local function f() pcall(f) f() end f()",
	} {
		err := runSandboxed(t, L, loop, "loop.lua")
		if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
			t.Errorf("%s: got %v, want it ended", loop, err)
		}
	}
}

// TestCoroutineAfterOverflow: arguments that do not fit into the stack of a new coroutine end that
// coroutine only.
func TestCoroutineAfterOverflow(t *testing.T) {
	L := sandboxThread(t, Hooks{})
	err := runSandboxed(t, L, `
		local co = coroutine.create(function(...) return select("#", ...) end)
		local args = {}
		for i = 1, 7900 do args[i] = i end
		local ok, n = coroutine.resume(co, unpack(args))
		assert(ok and n == 7900, n)
		assert(coroutine.running() == nil)
		assert(coroutine.wrap(function() return coroutine.status(coroutine.running()) end)() == "running")`, "fit.lua")
	if err != nil {
		t.Error(err)
	}
	if L.G.CurrentThread != L {
		t.Error("the handler's thread is not the current one any more")
	}
}

func BenchmarkSandbox(b *testing.B) {
	for name, source := range map[string]string{
		"pcall":   "local f = function() return 1 end return function(n) for i = 1, n do pcall(f) end end",
		"error":   "return function(n) for i = 1, n do pcall(error, 'x') end end",
		"wrap":    "return function(n) for i = 1, n do coroutine.wrap(function() end)() end end",
		"yield":   "local co = coroutine.wrap(function() while true do coroutine.yield() end end) return function(n) for i = 1, n do co() end end",
		"format":  "return function(n) for i = 1, n do string.format('%s=%d', 'k', i) end end",
		"gsub":    "return function(n) for i = 1, n do string.gsub('hello world', 'o', '0') end end",
		"require": "package.loaded.m = {} return function(n) for i = 1, n do require 'm' end end",
	} {
		b.Run(name, func(b *testing.B) {
			L := sandboxThread(b, Hooks{})
			proto, err := chunk.Compile([]byte(source), "bench.lua")
			if err != nil {
				b.Fatal(err)
			}
			L.Push(L.NewFunctionFromProto(proto))
			L.Call(0, 1)
			b.ReportAllocs()
			L.Push(lua.LNumber(b.N))
			L.Call(1, 0)
		})
	}
	b.Run("newEnv", func(b *testing.B) {
		L := sandboxThread(b, Hooks{})
		b.ReportAllocs()
		for b.Loop() {
			New(L, Hooks{})
		}
	})
}
