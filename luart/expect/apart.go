package expect

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Apart compares values with schemas outside of the VM: in LStates of its own, in which no code runs. As
// many as there are processors do so at once: it takes no less time if more do, and each has a value in
// memory.
type Apart struct{ states chan *lua.LState }

// NewApart returns an Apart.
func NewApart() *Apart {
	a := &Apart{states: make(chan *lua.LState, runtime.GOMAXPROCS(0))}
	for range cap(a.states) {
		a.states <- nil // it is made when it is needed
	}
	return a
}

// ErrLong says that a comparison took longer than it may.
var ErrLong = errors.New("comparing a value with its schema took too long")

// Do calls a function with an LState, and returns ErrLong if that takes longer than burst, or the error of
// the context if it ends before one is free. What the function raises is an error. Any goroutine may call
// it. The function must not keep L.
func (a *Apart) Do(ctx context.Context, burst time.Duration, do func(L *lua.LState)) error {
	var L *lua.LState
	select {
	case L = <-a.states:
	case <-ctx.Done():
		return ctx.Err()
	}
	if L == nil {
		L = lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: 16, RegistrySize: 256, MinimizeStackMemory: true})
	}
	b := &limited{Context: context.Background(), end: time.Now().Add(burst)}
	defer func() {
		L.SetTop(0)
		L.RemoveContext()
		a.states <- L
	}()
	L.SetContext(b)
	err := L.GPCall(func(L *lua.LState) int { do(L); return 0 }, lua.LNil)
	switch {
	case b.over:
		return ErrLong
	case err != nil:
		return fmt.Errorf("comparing a value with its schema: %w", err)
	}
	return nil
}

// limited is the luaval.Budget of a comparison.
type limited struct {
	context.Context
	end  time.Time
	over bool
}

func (b *limited) Over() bool {
	b.over = b.over || time.Now().After(b.end)
	return b.over
}

func (b *limited) Err() error {
	if b.over {
		return ErrLong
	}
	return nil
}
