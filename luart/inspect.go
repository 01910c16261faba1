package luart

import (
	"context"
	"errors"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/budget"
)

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
	if err != nil && !errors.Is(err, eventloop.ErrClosed) && queued.Err() == nil { // refused: the queue is full
		err = vm.loop.DoAdmitted(enter)
	}
	if vm.budget.Take(v) {
		return vm.budget.ExplainHold(err)
	}
	<-done
	return nil
}
