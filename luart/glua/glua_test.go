package glua

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"
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
