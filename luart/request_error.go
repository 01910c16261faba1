package luart

import (
	"net/http"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// setErrorReply answers with an error: what on_error returns, what error{status=…} said, or
// {"error":"internal error"}. Only the holder may call it.
func (x *Exchange) setErrorReply(err *ScriptError, h *handler) {
	x.outcome.decision = Answer
	x.logFailure(err, h)
	if on := x.gen.onError; on != nil && err.Status != StatusClientClosed {
		vm := x.gen.vm
		vm.resume(&x.call, x.th.L) // a burst of its own
		x.waitErr = nil
		t := vm.main.CreateTable(0, 4)
		t.RawSetString("message", lua.LString(err.Message))
		t.RawSetString("status", lua.LNumber(err.Status))
		t.RawSetString("traceback", lua.LString(err.Traceback))
		if list, bad := jsonlua.Decode(x.th.L, err.Errors); bad == nil {
			t.RawSetString("errors", list)
		}
		v, failed := vm.call1(&x.call, on.fn, t, x.ctxValue())
		if x.trace != nil {
			x.trace.Record("on_error ("+on.where+") about "+err.Message, describeResult(v, failed))
		}
		if failed != nil {
			x.logError(failed, on)
		} else if v != lua.LNil && x.setOnErrorReply(v, err, on) {
			return
		}
	}
	if h == x.match.Handler && !err.Deliberate && err.Status != StatusClientClosed && !err.refused && x.passFailed() {
		return
	}
	x.outcome.reply = x.errorReply(err)
	x.outcome.err = err
	if err.Deliberate && !err.Handle {
		x.outcome.err = nil
	}
}

// setOnErrorReply makes the reply of what on_error returned, with the status of the error
// unless it says another. It reports whether that can be the answer. Only the holder may call
// it.
func (x *Exchange) setOnErrorReply(v lua.LValue, err *ScriptError, on *handler) bool {
	reply, ok, wrong := x.outcome.replyFor(x.gen.vm.budget, v)
	if ud, isObject := v.(*lua.LUserData); isObject && !ok {
		r, isResponse := ud.Value.(*response)
		switch {
		case isResponse && r.decision != Answer: // the request has failed, and does not go on
			return false
		case isResponse && r.stream != nil:
			x.log().Error("on_error cannot answer with a stream", zap.String("defined_at", on.where))
			return false
		case isResponse && !r.over:
			reply, ok = *r, true
		}
	}
	if !ok {
		text := "on_error returned a " + luaval.TypeName(v) + ": a table, a string, a number, a boolean, nil or a response expected"
		if wrong != nil {
			text = "on_error returned a value that is not JSON: " + wrong.Error()
		}
		x.logError(&ScriptError{Status: http.StatusInternalServerError, Message: on.where + ": " + text}, on)
		return false
	}
	x.outcome.reply, x.outcome.err = reply, reply.handled
	x.outcome.inheritStatus(err.Status)
	return true
}

// errorReply is what the client gets to see of an error.
func (x *Exchange) errorReply(err *ScriptError) response {
	message := "internal error"
	switch {
	case err.refused:
		res := errorResponse(err.Status, "overloaded")
		res.headerMap().Set("Retry-After", strconv.Itoa(int(x.gen.vm.RetryAfter()/time.Second)))
		return res
	case err.Deliberate:
		return faultsResponse(err.Status, err.Message, err.Errors)
	case x.gen.debug && x.asked == nil:
		return x.debugReply(err)
	case err.Status == http.StatusGatewayTimeout:
		message = "timeout"
	case err.Status == http.StatusServiceUnavailable:
		message = "unavailable"
	}
	return errorResponse(err.Status, message)
}

// logFailure logs err and counts against h when h had to be ended. Only the holder may
// call it.
func (x *Exchange) logFailure(err *ScriptError, h *handler) {
	x.logError(err, h)
	if !err.Deliberate {
		x.record.failure = err
	}
	if err.killed {
		x.gen.killed(h)
	}
}

func (x *Exchange) logError(err *ScriptError, h *handler) {
	log := x.log().Error
	var more []zap.Field
	if err.Deliberate && err.Status < 500 || err.Status == StatusClientClosed || err.refused {
		log = x.log().Debug
	} else {
		more = fieldsOf(x.gen.explain(err))
		x.routeStats().errors.Add(1)
		x.gen.recordError(h.route, h.where, err)
	}
	log("script error", append(more,
		zap.String("error", err.Message),
		zap.Int("status", err.Status),
		zap.String("handler", h.route),
		zap.String("defined_at", h.where),
		zap.String("traceback", err.Traceback))...)
}
