package luart

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
)

// picker asks the option pick of api.proxy or ctx:proxy,
//
//	function(ctx, attempt, last_error) … return address end
//
// for the upstream of a try. Every call is an entry into the VM of its own, with a burst of
// its own and the timeout of a request, in ctx:proxy what is left of it. It may wait; its
// waits end with the request. It can read ctx, and the body if that has been read, but not
// change the request, which is on its way.
//
// One goroutine at a time may use it: the one that hands the request over. What it failed
// with is written by the holder, in pick, and read by the holder, or by that goroutine.
type picker struct {
	x        *Exchange
	fn       *lua.LFunction
	parent   *call // that waits for it: what that holds, pick cannot wait for
	deadline int64 // of the parent; 0: the timeout is pick's own

	call   *call        // the last one
	raised error        // why it gave no answer
	killed error        // it was ended for this
	failed *ScriptError // the same for the log and the client
}

// pick is ProxyTo.Pick.
func (p *picker) pick(ctx context.Context, attempt int, last *proxy.TryError) (address string, err error) {
	x, vm := p.x, p.x.gen.vm
	c := &call{gen: x.gen, x: x, parent: p.parent, ctx: ctx, deadline: p.deadline, isPick: true}
	if c.deadline == 0 && x.gen.timeout > 0 {
		c.deadline = vm.deadline(x.gen.timeout)
	}
	p.call = c
	err = vm.loop.DoAdmitted(func(th *thread) error {
		vm.start(c, th)
		defer c.done()
		if err := vm.over(c); err != nil { // before it has begun: ctx may be over, too
			c.waitErr = err
			p.raised = err
			p.failed = &ScriptError{Status: endedStatus(err), Message: err.Error()}
			return p.failed
		}
		v, err := vm.pcall(c, p.fn, x.ctxValue(), lua.LNumber(attempt), last.Table(vm.main))
		if err == nil {
			if address, err = p.address(v); err == nil {
				return nil
			}
		}
		p.raised, p.killed = err, vm.budget.Err()
		p.failed = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
		if p.parent == &x.call && p.deadline == 0 {
			p.failed = vm.scriptError(c, err)
		}
		return p.failed
	})
	return address, err
}

// address returns what pick returned, "" for nil.
func (p *picker) address(v lua.LValue) (string, error) {
	if v == lua.LNil {
		return "", nil
	}
	address, ok := v.(lua.LString)
	if !ok || address == "" {
		return "", fmt.Errorf("%s: pick returned %s: an upstream address or nil expected", p.where(), given(v))
	}
	if check := p.x.gen.checkUpstream; check != nil {
		if err := check(string(address)); err != nil {
			return "", fmt.Errorf("%s: pick returned an %w", p.where(), err)
		}
	}
	return string(address), nil
}

func given(v lua.LValue) string {
	if v.Type() == lua.LTString {
		return "an empty string"
	}
	return "a " + luaval.TypeName(v)
}

// where is file:line of the definition.
func (p *picker) where() string {
	if p.fn.IsG {
		return "pick"
	}
	return fmt.Sprintf("%s:%d", p.fn.Proto.SourceName, p.fn.Proto.LineDefined)
}

// raise raises in L what pick raised, or was ended for, if it did. Only the holder may call
// it, when the handing over has ended.
func (p *picker) raise(L *lua.LState) {
	if p == nil || p.raised == nil {
		return
	}
	vm := p.x.gen.vm
	vm.cur.waitErr = p.call.waitErr
	if p.killed != nil {
		vm.budget.Kill(p.killed) // it cannot be caught here either
	}
	var api *lua.ApiError
	if !errors.As(p.raised, &api) {
		L.Error(lua.LString(p.raised.Error()), 0) // it says where
	}
	raiseAgain(L, p.raised)
}

// bindPick returns to with what asks its pick for x; nil picker if it has none.
func bindPick(to *proxy.To, x *Exchange, parent *call, deadline int64) (*proxy.To, *picker) {
	if to == nil || to.PickFunction == nil {
		return to, nil
	}
	p := &picker{x: x, fn: to.PickFunction, parent: parent, deadline: deadline}
	bound := *to // to may be used for other requests, too
	bound.Pick = p.pick
	return &bound, p
}

// Picks reports whether Lua is asked for the upstreams of the request while it is handed
// over: End must not be called before.
func (x *Exchange) Picks() bool {
	return x.outcome.decision == Proxy && x.outcome.reply.Proxy.PickFunction != nil
}

// PickFailed reports whether the pick of ProxyTo has failed. It has been answered for then,
// as for an error of the function that returned it, after hooks included, and Write sends
// that; the request has gone nowhere since, whatever on_failure says.
func (x *Exchange) PickFailed() bool {
	p := x.forward.picker
	if p == nil || p.failed == nil {
		return false
	}
	x.setDeadline()
	x.phase = phasePickFailed
	return x.contain(x.gen.vm.loop.DoAdmitted(x.enter)) == nil // an error: the VM is closed
}

// setPickReply answers for a pick that has failed. Only the holder may call it.
func (x *Exchange) setPickReply() {
	x.outcome.replied = true // on_error cannot send the request anywhere either
	x.upload.received = nil
	x.setErrorReply(x.forward.picker.failed, x.outcome.by)
}

// inPick reports whether what runs has been called by a pick. Only the holder may call it.
func (vm *VM) inPick() bool {
	for c := vm.cur; c != nil; c = c.parent {
		if c.isPick {
			return true
		}
	}
	return false
}

// unlessPicked is a method of ctx that cannot be used in pick.
func unlessPicked(name string, method lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := checkCtx(L); x.gen.vm.inPick() {
			L.RaiseError("ctx:%s cannot be used in pick: the request is on its way", name)
		}
		return method(L)
	}
}

// unlessUnread is a method of ctx that can be used in pick when the body has been read.
func unlessUnread(name string, method lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := checkCtx(L); x.gen.vm.inPick() && (x.upload.body == nil || x.upload.body.kept == nil) {
			L.RaiseError("ctx:%s: the request is on its way: pick can use the body if it was read before", name)
		}
		return method(L)
	}
}
