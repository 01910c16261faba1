package luart

import (
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// outcome is what becomes of a request, as far as that is known.
type outcome struct {
	decision Decision
	reply    response
	by       *handler     // the function that returned the reply
	err      *ScriptError // that the reply tells of; nil: the script chose it
	replied  bool         // there is a response: the request cannot go on any more
	buf      []byte       // the reply's body when it was made of a returned value; reused
}

// clientGone reports whether nobody is there who could be answered.
func (o *outcome) clientGone() bool { return o.err != nil && o.err.Status == StatusClientClosed }

// inheritStatus gives the reply the status of an error that it is the answer to, unless the
// script has said another. 0 is for none. Only the holder may call it.
func (o *outcome) inheritStatus(status int) {
	if status != 0 && o.reply.byDefault {
		o.reply.status, o.reply.byDefault = status, false
	}
}

// setReply makes the reply of what a function returned. Only the holder may call it.
func (x *Exchange) setReply(v returned, h *handler) {
	x.outcome.decision = Answer
	defer func() { x.outcome.inheritStatus(x.answersFor) }()
	reply, wrong := x.outcome.replyFor(x.gen.vm.budget, v)
	if wrong != "" {
		x.setErrorReply(&ScriptError{
			Status:  http.StatusInternalServerError,
			Message: h.where + ": " + h.route + " " + wrong,
			Killed:  x.gen.vm.budget.Err() != nil,
		}, h)
		return
	}
	x.outcome.reply, x.outcome.decision = reply, reply.decision
	if v.isResponse() {
		x.outcome.by, x.outcome.err = h, reply.handled
	}
}

// replyFor returns the response that what a function returned stands for. wrong says what it returned
// that is none. Only the holder may call it.
func (o *outcome) replyFor(b luaval.Budget, v returned) (r response, wrong string) {
	r = response{status: http.StatusOK, byDefault: true}
	switch v := v.value.(type) {
	case *lua.LNilType:
		r.status = http.StatusNoContent
	case *lua.LTable:
		var err error
		if o.buf, err = jsonlua.Append(b, o.buf[:0], v); err != nil {
			return r, "returned a value that is not JSON: " + err.Error()
		}
		r.ctype, r.body = typeJSON, o.buf
	case lua.LString:
		o.buf = append(o.buf[:0], v...)
		r.ctype, r.body = typeText, o.buf
	case lua.LNumber, lua.LBool:
		o.buf = append(o.buf[:0], luaval.ExactText(v)...)
		r.ctype, r.body = typeText, o.buf
	default:
		if text, isText := html.Text(v); isText {
			r.ctype, r.body = typeHTML, []byte(text)
			break
		}
		made := responseOf(v)
		if made == nil || made.over {
			return r, "returned a " + luaval.TypeName(v) + ": a table, a string, a number, a boolean, nil or a response expected"
		}
		r = *made
	}
	return r, v.applyTo(&r)
}

// unclear answers a request whose target no hook can be looked up for.
func (x *Exchange) unclear() {
	x.outcome.decision = Answer
	message := "The path can be read in several ways"
	if !strings.HasPrefix(x.r.URL.Path, "/") {
		message = "The target of the request is no path"
	}
	x.outcome.reply = errorResponse(http.StatusBadRequest, message)
}

// miss says what becomes of a request that no route matches.
func (x *Exchange) miss() {
	known := len(x.match.Known) > 0
	switch {
	case !x.gen.respond: // OPTIONS too: what the service says to it nobody else can know
		x.outcome.decision = Pass
		return
	case x.answersFor != 0:
		x.outcome.reply = errorResponse(x.answersFor, http.StatusText(x.answersFor))
		return
	case known && x.r.Method == http.MethodOptions:
		x.outcome.reply = response{status: http.StatusNoContent}
	case known:
		x.outcome.reply = errorResponse(http.StatusMethodNotAllowed, "Method not allowed")
	default:
		x.outcome.reply = errorResponse(http.StatusNotFound, "Route not found")
		return
	}
	x.outcome.reply.headerMap()["Allow"] = []string{route.Allow(x.match.Known)}
}
