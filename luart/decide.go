package luart

import (
	"net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// runAfter runs the after hooks of Lua's own answer, and begins its stream if it is one.
// Only the holder may call it.
func (x *Exchange) runAfter() {
	made := x.reply.stream
	if x.decision == Answer && len(x.match.After) > 0 && !x.clientGone() {
		if vm := x.gen.vm; vm.budget.why != nil { // the handler was ended: a burst of their own
			vm.resume(&x.call, x.th.L)
		}
		res := x.reply
		if res.from == nil { // the script may return it again
			res = x.reply.clone()
		}
		if x.callAfterHooks(&res) {
			x.reply = res
		}
	}
	if x.decision == Answer && (x.startStream(x.reply.stream != made) || x.reply.filters != nil) {
		return
	}
	switch {
	case x.decision != Answer && len(x.match.After) > 0:
	case x.Picks():
		x.runEarlyEndings() // ctx lives on
	default:
		x.closeCtx()
	}
}

func (x *Exchange) clientGone() bool { return x.err != nil && x.err.Status == StatusClientClosed }

// runHandlers runs the before hooks and the handler. Only the holder may call it.
func (x *Exchange) runHandlers() {
	params := x.match.Params
	for i := 0; i < len(x.match.Before); i++ { // ctx:rewrite can add to them
		h := x.match.Before[i]
		v, err := x.callHandler(h)
		if err != nil {
			x.setErrorReply(err, h)
			return
		}
		if v != lua.LNil {
			x.setReply(v, h)
			return
		}
		if x.rewritten {
			x.rewritten = false
			if x.coverRewritten(params); x.match.Unclear {
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
		x.decision = Pass
		return
	}
	if x.gen.onFailure == FailPass {
		x.remember()
	}
	v, err := x.callHandler(h)
	switch {
	case err != nil:
		x.setErrorReply(err, h)
	case v == lua.LNil:
		x.reply = response{status: http.StatusNoContent, byDefault: true}
		x.inheritStatus(x.answersFor)
	default:
		x.setReply(v, h)
	}
}

// inheritStatus gives the reply the status of an error that it is the answer to, unless the
// script has said another. 0 is for none. Only the holder may call it.
func (x *Exchange) inheritStatus(status int) {
	if status != 0 && x.reply.byDefault {
		x.reply.status, x.reply.byDefault = status, false
	}
}

// coverRewritten adds the hooks of the path that a before hook has rewritten the request to. They
// see its parameters first, and those of the route, which stays. Only the holder may call it.
func (x *Exchange) coverRewritten(params []route.Param) {
	m := &x.match
	m.Params = nil
	x.gen.tree.CollectRewritten(x.r, m)
	m.Params = append(m.Params, params...)
}

// unclear answers a request whose target no hook can be looked up for.
func (x *Exchange) unclear() {
	x.decision = Answer
	message := "The path can be read in several ways"
	if !strings.HasPrefix(x.r.URL.Path, "/") {
		message = "The target of the request is no path"
	}
	x.reply = errorResponse(http.StatusBadRequest, message)
}

// miss decides about a request that no route matches.
func (x *Exchange) miss() {
	known := len(x.match.Known) > 0
	switch {
	case !x.gen.respond: // OPTIONS too: what the service says to it nobody else can know
		x.decision = Pass
		return
	case x.answersFor != 0:
		x.reply = errorResponse(x.answersFor, http.StatusText(x.answersFor))
		return
	case known && x.r.Method == http.MethodOptions:
		x.reply = response{status: http.StatusNoContent}
	case known:
		x.reply = errorResponse(http.StatusMethodNotAllowed, "Method not allowed")
	default:
		x.reply = errorResponse(http.StatusNotFound, "Route not found")
		return
	}
	x.reply.headerMap()["Allow"] = []string{route.Allow(x.match.Known)}
}

// callHandler calls a function of the tree with ctx, or with ctx and res. Only the holder may
// call it.
func (x *Exchange) callHandler(h *handler, res ...lua.LValue) (lua.LValue, *ScriptError) {
	if x.trace == nil {
		return x.callFunction(h, res)
	}
	began := time.Now()
	v, err := x.callFunction(h, res)
	x.trace.add(Step{
		At: began.Sub(x.trace.began), Took: time.Since(began),
		What: h.route + " (" + h.where + ")", Result: describeResult(v, err),
	})
	return v, err
}

func (x *Exchange) callFunction(h *handler, res []lua.LValue) (lua.LValue, *ScriptError) {
	x.running = h
	switch vm := x.gen.vm; {
	case len(res) > 0:
		return x.callHook(h, res[0])
	case h.noCtx:
		return vm.call1(&x.call, h.fn)
	default:
		return vm.call1(&x.call, h.fn, x.ctxValue())
	}
}

// ctxValue returns ctx. Only the holder may call it.
func (x *Exchange) ctxValue() lua.LValue {
	if x.ud == nil {
		x.ud = luaval.NewObject(x.gen.vm.types.ctx, x)
	}
	return x.ud
}

// setReply makes the reply of what a function returned. Only the holder may call it.
func (x *Exchange) setReply(v lua.LValue, h *handler) {
	x.decision = Answer
	defer func() { x.inheritStatus(x.answersFor) }()
	reply, ok, err := x.plainReply(v)
	switch {
	case ok:
		x.reply = reply
		return
	case err != nil:
		x.setErrorReply(&ScriptError{
			Status:  http.StatusInternalServerError,
			Message: h.where + ": " + h.route + " returned a value that is not JSON: " + err.Error(),
			killed:  x.gen.vm.budget.why != nil,
		}, h)
		return
	}
	if ud, ok := v.(*lua.LUserData); ok {
		if r, ok := ud.Value.(*response); ok && !r.over {
			x.reply = *r
			x.decision = r.decision
			x.streamer = h
			x.err = r.handled
			return
		}
	}
	x.setErrorReply(&ScriptError{
		Status:  http.StatusInternalServerError,
		Message: h.where + ": " + h.route + " returned a " + luaval.TypeName(v) + ": a table, a string, a number, a boolean, nil or a response expected",
	}, h)
}

// plainReply returns the response that a value stands for which is none itself. ok is false
// for others, err for a table that is no JSON. Only the holder may call it.
func (x *Exchange) plainReply(v lua.LValue) (r response, ok bool, err error) {
	r = response{status: http.StatusOK, byDefault: true}
	switch v := v.(type) {
	case *lua.LTable:
		x.buf, err = jsonlua.Append(x.gen.vm.budget, x.buf[:0], v)
		r.ctype, r.body = typeJSON, x.buf
	case lua.LString:
		x.buf = append(x.buf[:0], v...)
		r.ctype, r.body = typeText, x.buf
	case lua.LNumber, lua.LBool:
		x.buf = append(x.buf[:0], luaval.ExactText(v)...)
		r.ctype, r.body = typeText, x.buf
	default:
		text, isText := htmlText(v)
		if !isText {
			return r, false, nil
		}
		r.ctype, r.body = typeHTML, []byte(text)
	}
	return r, err == nil, err
}
