package luart

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// park gives up the hold until ready is closed or d is over, forever at most. It
// raises in L, as every wait does, when the call must not wait any longer: what the
// caller was given meanwhile it must then pass on. Only the holder may call it.
func (vm *VM) park(L *lua.LState, on waitsOn, ready <-chan struct{}, d time.Duration) {
	vm.detachIdle(L, on, func(c *call) {
		if vm.clock != nil {
			vm.parkAside(c, ready, d)
			return
		}
		if c.deadline != 0 { // then detach raises errTimeout
			d = min(d, time.Until(vm.made.Add(time.Duration(c.deadline)))+time.Millisecond)
		}
		var over <-chan time.Time
		if d != luaval.Forever {
			t := time.NewTimer(d)
			defer t.Stop()
			over = t.C
		}
		select {
		case <-ready:
		case <-over:
		case <-c.ctx.Done():
		case <-c.inflight.wake:
		case <-c.retiring():
		case <-vm.loop.Stopping():
		}
	})
}

// parkAside is the wait of park by a clock that stands still. Any goroutine may call it.
func (vm *VM) parkAside(c *call, ready <-chan struct{}, d time.Duration) {
	if c.deadline != 0 {
		d = min(d, time.Duration(c.deadline)-vm.clock.Since(vm.made))
	}
	w := vm.clock.Wait(d, func() bool {
		select {
		case <-ready:
		case <-c.ctx.Done():
		case <-c.inflight.wake:
		case <-c.retiring():
		case <-vm.loop.Stopping():
		default:
			return false
		}
		return true
	})
	defer w.End()
	select {
	case <-ready:
	case <-w.Over():
	case <-c.ctx.Done():
	case <-c.inflight.wake:
	case <-c.retiring():
	case <-vm.loop.Stopping():
	}
}
