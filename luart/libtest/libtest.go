// Package libtest runs Lua code with a library in a real VM, for the tests of the library.
package libtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib"
)

// VM is a VM whose code has libraries. It ends with the test.
type VM struct {
	*luart.VM
	libraries []*lib.Library

	// Change is called with what a chunk is loaded with, to change it: grants, for instance.
	// nil: nobody wants to.
	Change func(*luart.Script)
}

// New returns a VM for a test.
func New(t testing.TB, libraries ...*lib.Library) *VM {
	t.Helper()
	vm, err := luart.NewVM(luart.VMOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, end := context.WithCancel(context.Background())
		end() // what still waits does not go on
		vm.Close(ended)
	})
	return &VM{VM: vm, libraries: libraries}
}

// prelude runs a chunk and returns what it returns as text. It is one line up to the chunk, so
// that the lines of errors are those of the chunk.
const prelude = `local rover = ... return { run = function()` +
	` local function show(ok, ...) local values = {}` +
	` for i = 1, select("#", ...) do values[i] = tostring((select(i, ...))) end` +
	` return (ok and "" or "error: ") .. table.concat(values, " | ") end` +
	` return show(pcall(function() %s
end)) end }`

// Eval runs a chunk of Lua in a background task and returns what it returns: its values by
// tostring, with " | " between them, or "error: " and the error's text where it raises. Each call
// is a new generation, as after a reload, and the one before has retired. Any goroutine may call
// it, and several at once.
func (vm *VM) Eval(ctx context.Context, chunk string) (string, error) {
	script := luart.Script{
		Path: "test.lua", Timeout: time.Minute, Burst: time.Second, Libraries: vm.libraries,
		Tool: &luart.Tool{Name: "chunk", Prelude: fmt.Appendf(nil, prelude, chunk)},
	}
	if vm.Change != nil {
		vm.Change(&script)
	}
	gen, err := vm.Load(ctx, script)
	if err != nil {
		return "", err
	}
	defer gen.Retire()
	results, err := gen.Call(ctx, "run")
	if err != nil {
		return "", err
	}
	return results[0].(string), nil
}

// Expect runs a chunk and fails the test if it returns something else.
func (vm *VM) Expect(t testing.TB, chunk, want string) {
	t.Helper()
	got, err := vm.Eval(t.Context(), chunk)
	if err != nil {
		t.Errorf("%s: %v", chunk, err)
	} else if got != want {
		t.Errorf("%s\n got %q\nwant %q", chunk, got, want)
	}
}
