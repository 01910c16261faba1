package luart

import (
	"errors"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/state"
	"github.com/caddy-rover/rover/luart/store"
)

// SavedState is rover.state as it was at one moment.
type SavedState struct {
	state.Encoded
	Hold time.Duration // how long the VM was held for it: no request ran Lua meanwhile
}

// SaveState returns rover.state, all of it from one moment between two slices of Lua, with
// Data appended to dst (see state.Encode for what is left out). ErrStateSize: Data would be
// longer than limit bytes; the VM was held no longer than for that much. Any goroutine may call it;
// after Close it is not safe for concurrent use.
func (vm *VM) SaveState(dst []byte, limit int) (SavedState, error) {
	var s SavedState
	err := vm.visit(func() (err error) {
		began := time.Now()
		s.Encoded, err = state.Encode(dst, limit, vm.states, vm.stateTables)
		s.Hold = time.Since(began)
		vm.stateTables = s.Tables
		return err
	})
	return s, err
}

// Memories returns what the VM keeps for scripts outside of Lua: rover.store, with sessions and the counts
// of limits, and the answers of api.idempotent. Any goroutine may call it.
func (vm *VM) Memories() (kept, answers *store.Memory) { return vm.kept, vm.answers }

// visit calls fn with the hold of the VM, or when the VM is closed without it, for then
// nobody has it. Any goroutine may call it; after Close it is not safe for concurrent use.
func (vm *VM) visit(fn func() error) error {
	err := vm.loop.DoAdmitted(func(*thread) error { return fn() })
	if errors.Is(err, eventloop.ErrClosed) && vm.closed.Load() {
		return fn()
	}
	return err
}

// RestoreState makes what SaveState has written rover.state again, in place of what is there. It is
// for a VM whose scripts have not begun to serve. After an error (see state.Decode) nothing has
// changed. Any goroutine may call it.
func (vm *VM) RestoreState(data []byte) error {
	return vm.loop.DoAdmitted(func(*thread) error {
		states, err := state.Decode(vm.main, data)
		if err != nil {
			return err
		}
		vm.states = map[string]*lua.LTable{}
		for name, t := range states {
			vm.keepState(name, t)
		}
		return nil
	})
}
