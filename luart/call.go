package luart

import (
	"context"
	"errors"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// call is one piece of Lua work that may wait: a request's phase, the loading of a
// script, a background task, or one of the functions of rover.parallel.
type call struct {
	gen      *Generation
	x        *Exchange       // the request; nil where there is none
	parent   *call           // the call that waits for this one, in rover.parallel
	ctx      context.Context // ends when the client leaves; its cause may say more
	retired  context.Context // ends when idle waits are to end; nil: never
	deadline int64           // nanoseconds since the VM was made, by its clock; 0: none
	waitErr  error           // why a wait was refused or cut short, if one was
	failed   bool            // a function of it has raised an error
	isPick   bool            // it is a picker's: the request is on its way
	asked    *handler        // it is a function that is asked for a name, without a request
	th       *thread
	kind     string // a hook of the generation's life, or what began a background task; "": something else
	where    string // file:line of what began a background task

	arrived    int64 // at the VM, by budget.Now; 0: it has not yet. It does not change any more
	sliceStart int64 // when it got the VM last, by nanotime
	cost       costs.Cost

	printed *[]string          // takes what print prints; nil: the log does
	written *stdlib.LineBuffer // what io.write has not printed yet; nil: it was not called

	inflight *inflight // nil: it has not waited yet, and nobody has asked for it

	endings []ending

	parallel int // functions of rover.parallel that run on its behalf, on all levels

	waitsFor lib.Resource // what it is parked for, without a timeout
	children []*call      // those that it waits for, in rover.parallel, and that are parked so
}

// ending is something to do when a call ends.
type ending struct {
	key any
	do  func()

	late bool // of a request: not before its response has ended, whoever sends it
}

// atEnd has do called when c ends, whatever happens, unless forget is called before.
// The last one is called first. Only the holder may call it, and it is the holder
// that calls do.
func (c *call) atEnd(key any, do func()) {
	c.endings = append(c.endings, ending{key: key, do: do})
}

// atResponseEnd is atEnd, but for a request it is when the response has ended. Only the holder
// may call it.
func (c *call) atResponseEnd(key any, do func()) {
	c.endings = append(c.endings, ending{key: key, do: do, late: true})
}

// forget undoes atEnd. Only the holder may call it.
func (c *call) forget(key any) {
	for i, e := range slices.Backward(c.endings) {
		if e.key == key {
			c.endings = slices.Delete(c.endings, i, i+1)
			return
		}
	}
}

// runEndings does what there is to do at the end of c. Only the holder may call it.
func (c *call) runEndings() {
	for len(c.endings) > 0 {
		last := len(c.endings) - 1
		e := c.endings[last]
		c.endings = slices.Delete(c.endings, last, last+1)
		c.gen.vm.guardLibrary(e.do)
	}
}

// runEarlyEndings is runEndings, but for what waits for the end of the response. Only the holder
// may call it.
func (c *call) runEarlyEndings() {
	for i := len(c.endings) - 1; i >= 0; i = min(i, len(c.endings)) - 1 {
		if e := c.endings[i]; !e.late {
			c.endings = slices.Delete(c.endings, i, i+1)
			c.gen.vm.guardLibrary(e.do)
		}
	}
}

// name says what c is, in the log. Only the holder may call it.
func (c *call) name() string {
	switch {
	case c.x != nil && c.x.over != nil && c.x.running != nil:
		return c.x.running.route
	case c.x != nil && c.x.match.Handler != nil:
		return c.x.match.Handler.route
	case c.x != nil:
		return "hooks of " + c.gen.name
	case c.kind != "":
		return c.kind + " of " + c.gen.name
	case c.gen.tree == nil:
		return "top level of " + c.gen.name
	default:
		return "background of " + c.gen.name
	}
}

// quota is what the waits of c count towards, nil for none: background work.
func (c *call) quota() *eventloop.Quota {
	switch {
	case c.x != nil:
		return c.x.quota()
	case c.asked != nil:
		return &c.asked.quota
	}
	return nil
}

// retiring is closed when idle waits of c are to end. Any goroutine may call it.
func (c *call) retiring() <-chan struct{} {
	if c.retired == nil {
		return nil
	}
	return c.retired.Done()
}

// start makes c what runs now. Only the holder may call it, before any Lua code of c.
func (vm *VM) start(c *call, th *thread) {
	c.th = th
	c.sliceStart = vm.nanotime()
	if c.arrived == 0 {
		c.arrived = max(vm.budget.Now(), 1)
	}
	th.serve(c.gen)
	vm.resume(c, th.L)
}

// setDeadline begins a phase of a request, or another call on its behalf, whose time in Lua
// is its own.
func (c *call) setDeadline() {
	c.waitErr = nil
	if c.arrived == 0 {
		c.arrived = max(c.gen.vm.budget.Now(), 1)
	}
	if c.gen.timeout > 0 {
		c.deadline = c.gen.vm.deadline(c.gen.timeout)
	}
}

// deadline returns when a timeout that begins now is over, for a request: a tick more or less
// does not matter, asking the system for the time does. Any goroutine may call it.
func (vm *VM) deadline(timeout time.Duration) int64 {
	if vm.clock != nil {
		return int64(vm.clock.Since(vm.made) + timeout)
	}
	b := vm.budget
	return b.Now() + int64(timeout+budget.Tick) // now may be a tick behind
}

// over returns why c must not wait any longer, nil if it may. Any goroutine may call
// it, while c is its own.
func (vm *VM) over(c *call) error {
	if c.inflight != nil && c.inflight.killed {
		return errKilled
	}
	// The timeout comes before the client: it ends the reading of a request's body by a deadline on
	// the connection, for which net/http ends the request's context as if the client had left.
	if c.deadline != 0 && int64(vm.clock.Since(vm.made)) >= c.deadline {
		return errTimeout
	}
	if c.x != nil && c.x.upload.sender.WasSlow() { // too slow, which looks the same
		return reqbody.ErrSlow
	}
	if c.ctx.Err() != nil {
		cause := context.Cause(c.ctx)
		for _, reason := range [...]error{errKilled, errSibling, errRetired, errStopping} {
			if errors.Is(cause, reason) {
				return reason
			}
		}
		return errClientGone
	}
	if c.x != nil && c.x.forward.clientLeft {
		return errClientGone
	}
	// Close ends waits and the loop, one after the other.
	if vm.stopping.Err() != nil {
		return errStopping
	}
	select {
	case <-vm.loop.Stopping():
		return errStopping
	default:
		return nil
	}
}

// call1 calls fn, protected, in c's own Lua thread and returns its first result. Only
// the holder may call it.
func (vm *VM) call1(c *call, fn *lua.LFunction, args ...lua.LValue) (lua.LValue, *ScriptError) {
	v, err := vm.pcall(c, fn, args...)
	if err != nil {
		return lua.LNil, vm.scriptError(c, err)
	}
	return v, nil
}

// call2 is call1 with the first two results. Only the holder may call it.
func (vm *VM) call2(c *call, fn *lua.LFunction, args ...lua.LValue) (first, second lua.LValue, failed *ScriptError) {
	if err := vm.pcallN(c, fn, 2, args); err != nil {
		return lua.LNil, lua.LNil, vm.scriptError(c, err)
	}
	L := c.th.L
	first, second = L.Get(-2), L.Get(-1)
	L.SetTop(0)
	return first, second, nil
}

// pcall is call1 with the error as gopher-lua returns it. Only the holder may call it.
func (vm *VM) pcall(c *call, fn *lua.LFunction, args ...lua.LValue) (lua.LValue, error) {
	if err := vm.pcallN(c, fn, 1, args); err != nil {
		return lua.LNil, err
	}
	L := c.th.L
	v := L.Get(-1)
	L.SetTop(0)
	return v, nil
}

// pcallN calls fn and leaves n results on the stack. Only the holder may call it.
func (vm *VM) pcallN(c *call, fn *lua.LFunction, n int, args []lua.LValue) error {
	L := c.th.L
	L.Push(fn)
	for _, a := range args {
		L.Push(a)
	}
	err := L.PCall(len(args), n, nil)
	if err == nil && vm.budget.Err() != nil { // it caught the end of its slice in Go code
		err = vm.budget.Err()
	}
	if err != nil {
		// A Go panic leaves open upvalues behind, which a later call would share.
		c.th.spent = true
	}
	return err
}

// log returns a logger that says which request it is.
func (c *call) log() *zap.Logger { return c.gen.logger.With(c.logFields()...) }

// logFields say which request a line of the log is about, nothing where there is none.
func (c *call) logFields() []zap.Field {
	if c.x == nil {
		return nil
	}
	return []zap.Field{
		zap.String("request_id", c.x.requestID()),
		zap.String("method", c.x.r.Method),
		zap.String("uri", c.x.r.URL.RequestURI()),
	}
}
