package luart

import (
	"context"
	"errors"

	"github.com/caddy-rover/rover/eventloop"
)

// inspection is something that the holder is to do on behalf of an operator. Whoever takes it
// out of budget.inspection does it, once.
type inspection struct {
	// do gets whether Lua code is running: then that is vm.cur, and do is called between two
	// of its instructions.
	do          func(running bool)
	stopWaiting context.CancelFunc // ends the operator's wait for the hold
	done        chan struct{}      // closed when do has returned
}

// carryOut calls do. Only the holder may call it.
func (i *inspection) carryOut(running bool) {
	defer close(i.done)
	i.do(running)
	i.stopWaiting()
}

// inspect has do called by the holder, and returns when it has returned: at once, on an idle
// VM, between two instructions of the Lua code that runs, or when that ends or waits. So it
// works, too, while a script runs wild. When ctx ends or the VM is closed before do has been
// called it returns that error. Any goroutine may call it, but not the holder.
func (vm *VM) inspect(ctx context.Context, do func(running bool)) error {
	vm.inspecting.Lock()
	defer vm.inspecting.Unlock()
	queued, leave := context.WithCancel(ctx)
	defer leave()
	i := &inspection{do: do, stopWaiting: leave, done: make(chan struct{})}
	b := vm.budget
	b.inspection.Store(i)
	b.clock.Store(alarm)
	enter := func(*thread) error {
		if b.inspection.CompareAndSwap(i, nil) {
			i.carryOut(false)
		}
		return nil
	}
	err := vm.loop.Inspect(queued, enter)
	if err != nil && !errors.Is(err, eventloop.ErrClosed) && queued.Err() == nil { // refused: the queue is full
		err = vm.loop.DoAdmitted(enter)
	}
	if b.inspection.CompareAndSwap(i, nil) {
		return vm.explainHold(err)
	}
	<-i.done
	return nil
}
