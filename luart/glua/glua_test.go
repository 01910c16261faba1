package glua

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// budget marks a Lua state as one of ours, which is never over.
type budget struct{ context.Context }

func (budget) Over() bool { return false }

func newState(t testing.TB, ours bool) *lua.LState {
	L := lua.NewState()
	t.Cleanup(L.Close)
	if ours {
		L.SetContext(budget{context.Background()})
	}
	return L
}

func TestCheck(t *testing.T) {
	if err := Check(); err != nil {
		t.Fatal(err, ": look at what has changed, and mend this package")
	}
}

// Strings are bounded in our Lua states, and in no others of the process.
func TestConcatIsBoundedInOurs(t *testing.T) {
	const source = `local s = ("x"):rep(2^23) .. "y" s = s .. s .. s assert(#s == 3 * 2^23 + 3)`
	if err := newState(t, false).DoString(source); err != nil {
		t.Error(err)
	}
	if err := newState(t, true).DoString(source); err == nil {
		t.Error("a string of 24 MiB was made")
	}
}

// The bound of .. costs nothing that can be measured.
func BenchmarkConcat(b *testing.B) {
	for kind, ours := range map[string]bool{"kind=stock": false, "kind=bounded": true} {
		b.Run(kind, func(b *testing.B) {
			L := newState(b, ours)
			if err := L.DoString(`
				name, n = "GET", "seven"
				function f()
					local name, n = name, n
					local a = "hello, " .. name
					local b = a .. "!" .. n
					local c = "<" .. b .. ">"
					local d = c .. "\n" .. a
					return d .. n
				end`); err != nil {
				b.Fatal(err)
			}
			f := L.GetGlobal("f")
			b.ReportAllocs()
			for b.Loop() {
				L.Push(f)
				L.Call(0, 0)
			}
		})
	}
}

// object:method(…) calls what __index says, whoever says it: a type, one whose __index was replaced,
// a type whose methods are made when they are asked for, a metatable of somebody else.
func TestSelf(t *testing.T) {
	for _, ours := range []bool{true, false} {
		L := newState(t, ours)
		returns := func(s string) lua.LGFunction {
			return func(L *lua.LState) int { L.Push(lua.LString(s)); return 1 }
		}
		asked := 0
		field := func(L *lua.LState) int {
			asked++
			L.Push(L.NewFunction(returns("field " + L.Get(2).String())))
			return 1
		}
		newType := func() *lua.LTable {
			return luaval.NewType(L, "thing", map[string]lua.LGFunction{"m": returns("method"), "self": func(L *lua.LState) int {
				L.Push(lua.LBool(L.GetTop() == 3 && L.Get(1).Type() == lua.LTUserData && L.Get(2).String() == "a" && L.Get(3).String() == "b"))
				return 1
			}}, field)
		}
		replaced := newType()
		replaced.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
			L.Push(L.NewFunction(returns("replaced")))
			return 1
		}))
		any := newType()
		luaval.AnyMethod(L, any, func(name string) lua.LGFunction { return returns("any " + name) })
		table := L.NewTable()
		methods := L.NewTable()
		methods.RawSetString("m", L.NewFunction(returns("of a table")))
		table.RawSetString("__index", methods)
		for name, mt := range map[string]*lua.LTable{"typed": newType(), "replaced": replaced, "any": any, "foreign": table} {
			L.SetGlobal(name, luaval.NewObject(mt, 1))
		}
		L.SetGlobal("bare", L.NewUserData())
		err := L.DoString(`
			local function eq(got, want) if got ~= want then error(tostring(got) .. ", want " .. want, 2) end end
			local typed = typed
			eq(typed:m(), "method")
			eq(typed.m(typed), "method")
			assert(typed.m == typed.m and typed:self("a", "b"))
			typed = typed:m() -- into the register of the object
			eq(typed, "method")
			eq(_G.typed:other(), "field other")
			eq(replaced:m(), "replaced")
			eq(any:m(), "method")
			eq(any:x(), "field x")
			eq(foreign:m(), "of a table")
			eq(("x"):upper(), "X")
			assert(not pcall(function() return bare:m() end))
			assert(not pcall(function() return foreign:none() end))`)
		if err != nil {
			t.Error("ours:", ours, err)
		}
		if asked != 2 {
			t.Errorf("ours: %v: field was asked %d times", ours, asked)
		}
	}
}

// What a method of one of our types costs beside one that __index is asked for.
func BenchmarkSelf(b *testing.B) {
	for _, kind := range []string{"found", "asked"} {
		b.Run("kind="+kind, func(b *testing.B) {
			L := newState(b, true)
			mt := luaval.NewType(L, "thing", map[string]lua.LGFunction{"m": func(*lua.LState) int { return 0 }}, nil)
			if kind == "asked" {
				index := mt.RawGetString("__index").(*lua.LFunction)
				mt.RawSetString("__index", L.NewFunction(index.GFunction))
			}
			L.SetGlobal("thing", luaval.NewObject(mt, 1))
			if err := L.DoString(`function f() local t = thing t:m() t:m() t:m() t:m() end`); err != nil {
				b.Fatal(err)
			}
			f := L.GetGlobal("f")
			b.ReportAllocs()
			for b.Loop() {
				L.Push(f)
				L.Call(0, 0)
			}
		})
	}
}
