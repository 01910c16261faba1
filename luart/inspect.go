package luart

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/budget"
)

// inspectAgain is how long inspect waits for room in a queue that is full.
const inspectAgain = 10 * time.Millisecond

// inspect has do called by the holder, and returns when it has returned: at once, on an idle
// VM, between two instructions of the Lua code that runs, or when that ends or waits. So it
// works, too, while a script runs wild. When ctx ends or the VM is closed before do has been
// called it returns that error. Any goroutine may call it, but not the holder.
func (vm *VM) inspect(ctx context.Context, do func(running bool)) error {
	vm.inspecting.Lock()
	defer vm.inspecting.Unlock()
	queued, leave := context.WithCancel(ctx)
	defer leave()
	done := make(chan struct{})
	v := &budget.Visit{Do: func(running bool) {
		defer close(done)
		do(running)
		leave() // the operator's wait for the hold
	}}
	vm.budget.Invite(v)
	enter := func(*thread) error {
		if vm.budget.Take(v) {
			v.Do(false)
		}
		return nil
	}
	err := vm.loop.Inspect(queued, enter)
	for err != nil && !errors.Is(err, eventloop.ErrClosed) && queued.Err() == nil {
		// The queue is full. Lua that runs meanwhile does it; where none runs, there will be room.
		select {
		case <-queued.Done():
		case <-time.After(inspectAgain):
			err = vm.loop.Inspect(queued, enter)
		}
	}
	if vm.budget.Take(v) {
		return vm.budget.ExplainHold(err)
	}
	<-done
	return nil
}
