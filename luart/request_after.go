package luart

import (
	"errors"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
)

// runAfter runs the after hooks of Lua's own answer, and begins its stream if it is one.
// Only the holder may call it.
func (x *Exchange) runAfter() {
	made := x.outcome.reply.Stream
	if x.outcome.decision == Answer && len(x.match.After) > 0 && !x.outcome.clientGone() {
		if vm := x.gen.vm; vm.budget.Err() != nil { // the handler was ended: a burst of their own
			vm.resume(&x.call, x.th.L)
		}
		res := x.outcome.reply
		if res.from == nil { // the script may return it again
			res = x.outcome.reply.clone()
		}
		if x.callAfterHooks(&res) {
			x.outcome.reply = res
		}
	}
	if x.outcome.decision == Answer && !x.outcome.clientGone() {
		x.doHeadWork(true)
	}
	if x.outcome.decision == Answer && (x.startStream(x.outcome.reply.Stream != made) || x.outcome.reply.filters != nil) {
		return
	}
	switch {
	case x.outcome.decision != Answer && len(x.match.After) > 0:
	case x.Picks():
		x.runEarlyEndings() // ctx lives on
	default:
		x.closeCtx()
	}
}

// callHook calls an after hook. One that ends because it wants to decode a body where there
// is none has nothing to say about the response: what it did before stands. Only the holder
// may call it.
func (x *Exchange) callHook(h *handler, res lua.LValue) (response.Returned, *ScriptError) {
	vm := x.gen.vm
	v, err := vm.pcallReturned(&x.call, h.fn, x.ctxValue(), res)
	if err == nil {
		return v, nil
	}
	var api *lua.ApiError
	if x.absent != nil && vm.budget.Err() == nil && errors.As(err, &api) && api.Object == lua.LValue(x.absent) {
		return response.ReturnedNothing, nil
	}
	return response.ReturnedNothing, vm.scriptError(&x.call, err)
}

// callAfterHooks runs the after hooks on res, which is what is to be sent if it returns true; else
// the reply is, an error. Only the holder may call it.
func (x *Exchange) callAfterHooks(res *reply) bool {
	vm := x.gen.vm
	x.outcome.replied = true
	ud := luaval.NewObject(vm.types.response, res)
	defer func() { res.over = true }()
	replaced := false
	for i := len(x.match.After) - 1; i >= 0; i-- {
		h := x.match.After[i]
		if x.gen.inQuarantine(h) {
			if *x.gen.quarantine == FailPass {
				continue
			}
			x.setQuarantineReply(h)
			return false
		}
		var was reply
		if x.gen.onFailure == FailPass {
			was = res.clone()
		}
		v, err := x.callHandler(h, ud)
		if err != nil && x.gen.onFailure == FailPass && !err.Deliberate && !replaced && x.editsFailed == 0 {
			x.logFailure(err, h)
			vm.resume(&x.call, x.th.L) // a burst of its own for the next
			res.restore(was)
			continue
		}
		if err != nil {
			x.setErrorReply(err, h)
			return false
		}
		if v.Nothing() || v.Only(ud) {
			continue
		}
		x.outcome.err = nil
		x.setReply(v, h)
		if x.outcome.decision != Answer {
			x.setErrorReply(&ScriptError{
				Status:  http.StatusInternalServerError,
				Message: h.where + ": " + h.route + " cannot pass on or proxy: the response is there already",
			}, h)
		}
		if x.outcome.err != nil {
			return false
		}
		replaced = true
		*res = x.outcome.reply.clone()
	}
	return true
}
