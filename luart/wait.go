package luart

import (
	"context"
	"errors"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// Why a call that waits returns early. A script may catch the error and clean up;
// further calls that wait raise it again at once.
var (
	errClientGone = errors.New("the client closed the request")
	errTimeout    = errors.New("the request took longer than its timeout")
	errStopping   = errors.New("the server is stopping")
	errRetired    = errors.New("the script was replaced or has stopped")
	errSibling    = errors.New("another function of the same rover.parallel failed")
	errReceiving  = errors.New("too many request bodies are on their way")
	errKilled     = errors.New("an operator has ended the call") // cannot be caught
)

// await gives up the hold, calls wait, and returns when it has the hold again. wait
// gets a context that ends with the request, its timeout or the VM; it must touch no
// Lua value. When that context has ended await raises the reason in L. It is for work
// under way elsewhere, such as an HTTP request, which the retirement of a generation
// does not interrupt.
func (vm *VM) await(L *lua.LState, on waitsOn, wait func(ctx context.Context)) {
	c := vm.cur
	ctx, cancel := vm.waitContext(c)
	defer cancel()
	on.cancel = cancel
	vm.detach(L, on, func(*call) { wait(ctx) })
}

// waitContext is the context of one wait of c.
func (vm *VM) waitContext(c *call) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.ctx)
	unstop := context.AfterFunc(vm.stopping, cancel)
	if c.deadline == 0 {
		return ctx, func() { unstop(); cancel() }
	}
	ctx, cancelDeadline := vm.clock.WithTimeout(ctx, time.Duration(c.deadline)-vm.clock.Since(vm.made), nil)
	return ctx, func() { unstop(); cancelDeadline(); cancel() }
}

// detach is await for a wait that watches the request's context, its deadline, the VM's
// end and c.inflight.wake itself, and so needs no context of its own.
func (vm *VM) detach(L *lua.LState, on waitsOn, wait func(c *call)) {
	c := vm.cur
	if why := vm.budget.Err(); why != nil {
		L.RaiseError("%s", why)
	}
	vm.raiseIfOver(L, c)
	vm.inflight.startWait(c, L, on)
	if vm.inflight.count > fewWait {
		vm.rooms.Take(L)
	}
	defer vm.endWait(c, L)
	left := c.endSlice()
	if on.receives {
		if vm.loop.Receive(c.quota(), func() { wait(c) }) != nil {
			vm.rooms.Give(L)
			c.sliceStart = vm.nanotime()
			vm.noteReceiving(c)
			c.waitErr = errReceiving
			L.RaiseError("%s", errReceiving)
		}
	} else {
		vm.loop.Detach(c.quota(), func() { wait(c) })
	}
	vm.rooms.Give(L)
	c.sliceStart = vm.nanotime()
	c.cost.Wait += time.Duration(c.sliceStart - left)
	if c.x != nil && c.x.trace != nil {
		c.x.trace.Ended("wait for "+on.String(), luaval.CallerLine(L), time.Duration(c.sliceStart-left))
	}
	vm.resume(c, L)
	vm.raiseIfOver(L, c)
}

// fewWait calls may wait with all the room that their Lua threads have: 1 MiB together. It takes a
// moment to give it away and to get it back.
const fewWait = 256

// endWait ends what detach has begun, also when the wait has panicked.
func (vm *VM) endWait(c *call, L *lua.LState) {
	vm.rooms.Give(L)
	vm.inflight.endWait(c)
}

// detachIdle is detach for a wait in which nothing is under way, such as one for a lock:
// in a background task it also ends when the generation retires.
func (vm *VM) detachIdle(L *lua.LState, on waitsOn, wait func(c *call)) {
	vm.raiseIfRetired(L, vm.cur)
	vm.detach(L, on, wait)
	vm.raiseIfRetired(L, vm.cur)
}

func (vm *VM) raiseIfOver(L *lua.LState, c *call) {
	if err := vm.over(c); err != nil {
		c.waitErr = err
		if errors.Is(err, errKilled) {
			vm.budget.Kill(err)
		}
		if errors.Is(err, reqbody.ErrSlow) {
			luaval.RaiseStatus(L, http.StatusRequestTimeout, err.Error())
		}
		L.RaiseError("%s", err)
	}
}

// noteReceiving logs that a request body has no place, once in a while. Only the holder may
// call it.
func (vm *VM) noteReceiving(c *call) {
	now := vm.budget.Now()
	if vm.receivingLogged != 0 && now-vm.receivingLogged < int64(time.Second) {
		return
	}
	vm.receivingLogged = max(now, 1)
	st := vm.loop.Stats()
	fields := c.logFields()
	if c.x != nil && c.x.Route() != "" {
		fields = append(fields, zap.String("route", c.x.Route()))
	}
	vm.logger.With(fields...).Warn("refusing requests", zap.String("reason", errReceiving.Error()),
		zap.String("remedy", "raise body_min_rate, or max_waiting if there is memory: as many bodies may be on their way"),
		zap.Int("receiving", st.Receiving), zap.Uint64("refused_receiving", st.Refused.Receiving))
}

func (vm *VM) raiseIfRetired(L *lua.LState, c *call) {
	if c.retired != nil && c.retired.Err() != nil {
		c.waitErr = errRetired
		L.RaiseError("%s", errRetired)
	}
}

// sleep is rover.sleep(seconds): other requests run meanwhile. Errors: a negative or
// not finite number; the client left, the timeout struck or the server stops.
func (vm *VM) sleep(L *lua.LState) int {
	seconds := luaval.CheckNumber(L, 1)
	if !(seconds >= 0 && seconds <= maxSleep.Seconds()) {
		luaval.ArgError(L, 1, "seconds between 0 and "+maxSleep.String()+" expected")
	}
	d := time.Duration(seconds * float64(time.Second))
	vm.park(L, waitsOn{what: "rover.sleep"}, nil, d)
	return 0
}

// maxSleep is far beyond any timeout, and far from where a time.Duration ends.
const maxSleep = 24 * time.Hour
