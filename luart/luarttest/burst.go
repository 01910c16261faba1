package luarttest

import (
	"context"
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

var errOver = errors.New("the slice of VM time is over")

// spent is the budget of a slice that is over.
type spent struct{ context.Context }

func (spent) Over() bool { return true }
func (spent) Err() error { return errOver }

var _ luaval.Budget = spent{}

// EndWithBurst fails for each loop that goes on to its end in a Lua state whose slice of VM time is
// over: loops of Go that data makes long must look at it on the way.
func EndWithBurst(t *testing.T, loops map[string]func(L *lua.LState)) {
	t.Helper()
	for name, run := range loops {
		L := lua.NewState()
		t.Cleanup(L.Close)
		L.SetContext(spent{context.Background()})
		err := L.GPCall(func(L *lua.LState) int { run(L); return 0 }, lua.LNil)
		if err == nil || !strings.Contains(err.Error(), errOver.Error()) {
			t.Errorf("%s: %v, want the end of the burst", name, err)
		}
	}
}

// Strings is a table of n strings, at 1, 2, 3, ….
func Strings(L *lua.LState, n int) *lua.LTable {
	t := L.CreateTable(n, 0)
	for i := range n {
		t.RawSetInt(i+1, lua.LString("x"))
	}
	return t
}

// Names is a table with n names as its keys.
func Names(L *lua.LState, n int) *lua.LTable {
	t := L.CreateTable(0, n)
	for i := range n {
		t.RawSetString("name"+lua.LNumber(i).String(), lua.LTrue)
	}
	return t
}
