package luart

import (
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/debugpage"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/scripterror"
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
		x.running = h // also for what on_error does: it sends no request on that h could not
		v, failed := vm.callReturned(&x.call, on.fn, err.Table(x.th.L), x.ctxValue())
		if x.trace != nil {
			x.trace.Record("on_error ("+on.where+") about "+err.Whole(), describeReturned(v, failed))
		}
		if failed != nil {
			x.logError(failed, on)
		} else if !v.Nothing() && x.setOnErrorReply(v, err, on) {
			return
		}
	}
	if h == x.match.Handler && !err.Deliberate && err.Status != StatusClientClosed && !err.Refused && x.editsFailed == 0 && x.passFailed() {
		return
	}
	x.outcome.reply = reply{Response: x.errorReply(err)}
	x.outcome.err = err
	if err.Deliberate && !err.Handle {
		x.outcome.err = nil
	}
}

// setOnErrorReply makes the reply of what on_error returned, with the status of the error
// unless it says another. It reports whether that can be the answer. Only the holder may call
// it.
func (x *Exchange) setOnErrorReply(v response.Returned, err *ScriptError, on *handler) bool {
	reply, wrong := x.outcome.replyFor(x.gen.vm.budget, v)
	switch {
	case wrong != "":
		x.logError(&ScriptError{Status: http.StatusInternalServerError, Message: on.where + ": on_error " + wrong}, on)
		return false
	case reply.Decision != Answer: // the request has failed, and does not go on
		return false
	case reply.Stream != nil:
		x.log().Error("on_error cannot answer with a stream", zap.String("defined_at", on.where))
		return false
	}
	x.outcome.reply, x.outcome.err = reply, reply.Raised
	x.outcome.inheritStatus(err.Status)
	if x.outcome.reply.Status == err.Status {
		x.outcome.reply.AddMissing(err.Header)
	}
	return true
}

// errorReply is what the client gets to see of an error.
func (x *Exchange) errorReply(err *ScriptError) response.Response {
	message := "internal error"
	switch {
	case err.Refused:
		res := response.Error(err.Status, "overloaded")
		res.HeaderMap().Set("Retry-After", strconv.Itoa(int(x.gen.vm.RetryAfter()/time.Second)))
		return res
	case err.Deliberate:
		res := response.Faults(err.Status, err.Message, err.Errors)
		if err.Faults != nil && err.Errors != nil {
			res = response.Invalid(err.Status, err.Errors)
		}
		if err.Header != nil {
			res.SetAll(err.Header)
		}
		return res
	case x.gen.debug && x.asked == nil:
		return x.debugReply(err)
	case err.Status == http.StatusGatewayTimeout:
		message = "timeout"
	case err.Status == http.StatusServiceUnavailable:
		message = "unavailable"
	}
	return response.Error(err.Status, message)
}

// debugReply is what a client gets to see of an error where debug is on. Whoever calls it owns err.
func (x *Exchange) debugReply(err *ScriptError) response.Response {
	about := err.Locate(&x.gen.sources)
	if debugpage.WantsHTML(x.r) {
		r := debugpage.Request{Method: x.r.Method, URI: x.r.URL.RequestURI(), Route: x.Route(), ID: x.requestID()}
		if x.running != nil && x.running.route != r.Route {
			r.Function = x.running.route
		}
		if page, ok := debugpage.HTML(r, err, about); ok {
			return response.Response{Status: err.Status, Type: response.TypeHTML, Body: page}
		}
	}
	if body, ok := debugpage.JSON(err, about); ok {
		return response.Response{Status: err.Status, Type: response.TypeJSON, Body: body}
	}
	return response.Error(err.Status, err.Message)
}

// logFailure logs err and counts against h when h had to be ended. Only the holder may
// call it.
func (x *Exchange) logFailure(err *ScriptError, h *handler) {
	x.logError(err, h)
	if !err.Deliberate {
		x.record.failure = err
	}
	if err.Killed {
		x.gen.killed(h)
	}
}

func (x *Exchange) logError(err *ScriptError, h *handler) {
	log := x.log().Error
	var more []zap.Field
	if err.Deliberate && err.Status < 500 || err.Status == StatusClientClosed || err.Refused {
		log = x.log().Debug
	} else {
		more = scripterror.LogFields(x.gen.explain(err))
		x.routeStats().AddError()
		x.gen.recordError(h.route, h.where, err)
		if err.Deliberate && err.Quiet {
			log = x.log().Debug
		}
	}
	log("script error", append(more,
		zap.String("error", err.Whole()),
		zap.Int("status", err.Status),
		zap.String("handler", h.route),
		zap.String("defined_at", h.where),
		zap.String("traceback", err.Traceback))...)
}
