package luaval

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// Budget bounds a slice of VM time. It is the context of every Lua thread of a VM, so a Lua thread
// that has none belongs to no VM. Only the holder may use it.
type Budget interface {
	context.Context

	// Over says whether the slice is over. Go code that takes long asks it, and raises Err then.
	Over() bool
}

// BudgetOf is the budget of the slice of VM time that L runs in, nil where there is none: a test.
func BudgetOf(L *lua.LState) Budget {
	b, _ := L.Context().(Budget)
	return b
}

// CheckBurst raises errBurst when the slice of VM time is over: for loops in Go that a script can
// make long.
func CheckBurst(L *lua.LState) {
	if b := BudgetOf(L); b != nil && b.Over() {
		L.RaiseError("%s", b.Err())
	}
}

// Pace is the count of a loop in Go, which asks the budget at every 1024th step.
type Pace int

// Step counts one step, and raises errBurst when the slice of VM time is over.
func (p *Pace) Step(L *lua.LState) {
	if *p++; *p&1023 == 0 {
		CheckBurst(L)
	}
}
