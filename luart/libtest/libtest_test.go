package libtest_test

import (
	"context"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/libtest"
)

// counter counts calls in the VM, and says whether the environment is granted.
var counter = &lib.Library{
	Name:     "counter",
	NewState: func(lib.VM) any { return new(int) },
	Open: func(s *lib.Scope) lua.LValue {
		t := s.L().NewTable()
		s.L().SetFuncs(t, map[string]lua.LGFunction{
			"next": func(L *lua.LState) int {
				s.Caller().Await(L, lib.WaitsOn{What: "nothing"}, func(context.Context) {})
				n := s.State.(*int)
				*n++
				L.Push(lua.LNumber(*n))
				return 1
			},
			"granted": func(L *lua.LState) int {
				L.Push(lua.LBool(s.Grants.Getenv != nil))
				return 1
			},
		})
		return t
	},
}

// A chunk is a generation of its own in the VM of the test.
func TestEval(t *testing.T) {
	vm := libtest.New(t, counter)
	vm.Expect(t, "return rover.counter.next()", "1")
	vm.Expect(t, "return rover.counter.next(), nil, 'x'", "2 | nil | x")
	vm.Expect(t, "return", "")
	vm.Expect(t, "error('no', 0)", "error: no")
	vm.Expect(t, "\nerror('no')", "error: chunk:2: no")
	vm.Expect(t, "return rover.counter.granted()", "false")
	vm.Change = func(s *luart.Script) { s.AllowEnv, s.Getenv = true, func(string) (string, bool) { return "", false } }
	vm.Expect(t, "return rover.counter.granted()", "true")
	if _, err := vm.Eval(t.Context(), "return ("); err == nil {
		t.Error("a chunk that does not compile is none")
	}
}
