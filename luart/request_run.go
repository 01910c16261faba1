package luart

import (
	"errors"
	"net/http"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
)

// SetPriority says which class of waiting requests this one is of, Normal if it is not
// called before Run. It matters only while the VM is busy.
func (x *Exchange) SetPriority(c eventloop.Class) { x.class = c }

// quota returns the part of the VM's queue that the request counts towards: its
// route's, or without one that of the hook nearest to it.
func (x *Exchange) quota() *eventloop.Quota {
	m := &x.match
	switch {
	case x.asksOrigin() && m.Handler == nil:
		return &x.cors.asks[0].quota
	case x.over != nil:
		return x.over.quota
	case m.Handler != nil:
		return &m.Handler.quota
	case len(m.Before) > 0:
		return &m.Before[len(m.Before)-1].quota
	case len(m.After) > 0:
		return &m.After[len(m.After)-1].quota
	case len(m.Done) > 0:
		return &m.Done[len(m.Done)-1].quota
	}
	return nil
}

// Run enters the VM: before hooks, then the handler, and for an answer of Lua's own
// the after hooks. The error is one of eventloop's refusals, ErrMemory, ErrTooManyDone, or that of the request's
// context; nothing has run then. What went wrong in the script is Err.
func (x *Exchange) Run() (Decision, error) {
	err := x.admitDone()
	if err == nil {
		err = x.run()
	}
	if err == nil && x.done != nil {
		x.rememberRequest()
	}
	x.record.decision = x.outcome.decision
	if err != nil {
		x.record.setRefused(ClientLeft(x.r, err))
	}
	x.record.atRun = x.summary()
	if err == nil && x.stream != nil {
		if err = x.openStreams(); err != nil {
			x.record.setRefused(ClientLeft(x.r, err))
		}
	}
	if x.forward.client != nil {
		x.forward.client.commit()
		if x.outcome.decision != Answer { // somebody else goes on with the request
			x.forward.dropAll(&x.outcome.reply, x.gen.logger)
		}
	}
	if x.head != nil && x.outcome.decision != Answer && !x.WantsAfter() {
		x.head.addTo(x.w.Header()) // of whatever response there will be
	}
	return x.outcome.decision, err
}

// run enters the VM, if Lua has to decide.
func (x *Exchange) run() error {
	x.phase = phaseHandlers
	x.aimAtFile()
	if x.match.Unclear || x.match.Handler == nil && len(x.match.Before) == 0 && !x.asksOrigin() {
		switch {
		case x.match.Unclear:
			x.unclear()
		case x.isPreflight():
			x.answerPreflight()
		default:
			x.miss() // no Lua decides
		}
		if x.outcome.decision != Answer || len(x.match.After) == 0 {
			return nil
		}
		x.phase = phaseAfter
	}
	if x.gen.vm.memory.Refuses() {
		return ErrMemory
	}
	if x.quarantined() {
		return nil
	}
	x.setDeadline()
	return x.contain(x.gen.vm.loop.DoClass(x.ctx, x.class, x.quota(), x.enter))
}

// contain turns a Go panic in the VM, which is a bug of ours, into a script error.
func (x *Exchange) contain(err error) error {
	if err == nil {
		return nil
	}
	var p *eventloop.PanicError
	if !errors.As(err, &p) {
		return err
	}
	x.gen.logger.Error("panic in the VM", zap.Error(err), zap.String("route", x.Route()), zap.ByteString("go_stack", p.Stack))
	x.outcome.decision = Answer
	x.outcome.err = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
	x.outcome.reply = reply{Response: x.errorReply(x.outcome.err)}
	return nil
}

// runHandlers runs the before hooks and the handler. Only the holder may call it.
func (x *Exchange) runHandlers() {
	if x.asksOrigin() && !x.askOrigin() {
		return
	}
	if x.isPreflight() {
		x.answerPreflight()
		return
	}
	params := x.match.Params
	for i := 0; i < len(x.match.Before); i++ { // ctx:rewrite can add to them
		h := x.match.Before[i]
		v, err := x.callHandler(h)
		if err != nil {
			x.setErrorReply(err, h)
			return
		}
		if !v.Nothing() {
			x.setReply(v, h)
			return
		}
		if x.rewritten {
			x.rewritten = false
			if x.coverRewritten(params, i+1); x.match.Unclear {
				x.unclear()
				return
			}
		}
	}
	x.match.Params = params
	h := x.match.Handler
	if h == nil {
		x.miss()
		return
	}
	if x.skip {
		x.outcome.decision = Pass
		return
	}
	if x.gen.onFailure == FailPass {
		x.remember()
	}
	v, err := x.callHandler(h)
	switch {
	case err != nil:
		x.setErrorReply(err, h)
	case v.Nothing():
		x.outcome.reply = reply{Response: response.Response{Status: http.StatusNoContent, ByDefault: true}}
		x.outcome.inheritStatus(x.answersFor)
	default:
		x.setReply(v, h)
	}
}

// coverRewritten adds the hooks of the path that a before hook has rewritten the request to. They
// see its parameters first, and those of the route, which stays. Rules of the new path are asked as
// hooks, before the next one. Only the holder may call it.
func (x *Exchange) coverRewritten(params []route.Param, next int) {
	m := &x.match
	m.Params = nil
	rules, here := len(m.Rules), len(m.Here)
	x.gen.tree.CollectRewritten(x.r, m)
	m.Before = slices.Insert(m.Before, next, x.rewrittenRules(rules, here)...)
	m.Params = append(m.Params, params...)
}

// callHandler calls a function of the tree with ctx, or with ctx and res. Only the holder may
// call it.
func (x *Exchange) callHandler(h *handler, res ...lua.LValue) (response.Returned, *ScriptError) {
	if x.trace == nil {
		return x.callFunction(h, res)
	}
	began := time.Now()
	v, err := x.callFunction(h, res)
	x.trace.Ended(h.route+" ("+h.where+")", describeReturned(v, err), time.Since(began))
	return v, err
}

func (x *Exchange) callFunction(h *handler, res []lua.LValue) (response.Returned, *ScriptError) {
	x.running = h
	switch vm := x.gen.vm; {
	case len(res) > 0:
		return x.callHook(h, res[0])
	case h.noCtx:
		return vm.callReturned(&x.call, h.fn)
	default:
		return vm.callReturned(&x.call, h.fn, x.ctxValue())
	}
}
