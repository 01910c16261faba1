package luart

import (
	"context"
	"fmt"

	"github.com/caddy-rover/rover/luart/memory"
)

// UnknownStateError is the error of StateKeys for a name that no script has used.
type UnknownStateError struct{ Name string }

func (e *UnknownStateError) Error() string {
	return fmt.Sprintf("there is no rover.state %q", e.Name)
}

// StateKeys returns keys of the rover.state table of a name, from a place on, and the place of the rest,
// as memory.Keys does. Values are not told. Any goroutine may call it.
func (vm *VM) StateKeys(ctx context.Context, name string, from, limit int) (keys []memory.Key, next int, err error) {
	found := false
	err = vm.inspect(ctx, func(bool) {
		t := vm.states[name]
		if t == nil {
			return
		}
		found = true
		keys, next = memory.Keys(t, from, limit)
	})
	if err == nil && !found {
		err = &UnknownStateError{name}
	}
	return keys, next, err
}
