package luart

import (
	"net/http"
	"strings"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
)

// outcome is what becomes of a request, as far as that is known.
type outcome struct {
	decision Decision
	reply    reply
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
	if status != 0 && o.reply.ByDefault {
		o.reply.Status, o.reply.ByDefault = status, false
	}
}

// setReply makes the reply of what a function returned. Only the holder may call it.
func (x *Exchange) setReply(v response.Returned, h *handler) {
	x.outcome.decision = Answer
	defer func() { x.outcome.inheritStatus(x.answersFor) }()
	made, wrong := x.outcome.replyFor(x.gen.vm.budget, v)
	if wrong != "" {
		x.setErrorReply(&ScriptError{
			Status:  http.StatusInternalServerError,
			Message: h.where + ": " + h.route + " " + wrong,
			Killed:  x.gen.vm.budget.Err() != nil,
		}, h)
		return
	}
	if made.Decision != Answer && !x.outcome.replied && x.leavesPlace(h, made.Proxy) {
		x.unclear()
		return
	}
	x.outcome.reply, x.outcome.decision = made, made.Decision
	if replyOf(v.Value) != nil {
		x.outcome.by, x.outcome.err = h, made.Raised
	}
}

// replyFor returns the response that what a function returned stands for. wrong says what it returned
// that is none. Only the holder may call it.
func (o *outcome) replyFor(b luaval.Budget, v response.Returned) (r reply, wrong string) {
	if made := replyOf(v.Value); made != nil && !made.over {
		r = *made
	} else if r.Response, o.buf, wrong = v.Response(b, o.buf); wrong != "" {
		return r, wrong
	}
	return r, v.ApplyTo(&r.Response, r.from != nil)
}

// manyReadings is what is wrong with a path that may be for another place.
const manyReadings = "The path can be read in several ways"

// unclear answers a request whose target no hook can be looked up for, or that may be for another
// place than that of the function which sends it on.
func (x *Exchange) unclear() {
	x.outcome.decision = Answer
	message := manyReadings
	if !strings.HasPrefix(x.r.URL.Path, "/") {
		message = "The target of the request is no path"
	}
	x.outcome.reply = reply{Response: response.Error(http.StatusBadRequest, message)}
}

// miss says what becomes of a request that no route matches.
func (x *Exchange) miss() {
	allow, known := "GET, HEAD, OPTIONS", len(x.match.Known) > 0
	if known {
		allow = route.Allow(x.match.Known)
	}
	switch {
	case x.isFile(), !x.filesWanted() && !x.gen.respond: // OPTIONS too: what the service says to it nobody else can know
		x.outcome.decision = Pass
		return
	case x.answersFor != 0:
		x.outcome.reply = reply{Response: response.Error(x.answersFor, http.StatusText(x.answersFor))}
		return
	case !known && x.match.Mount == nil:
		x.outcome.reply = reply{Response: response.Error(http.StatusNotFound, "Route not found")}
		return
	case x.r.Method == http.MethodOptions:
		x.outcome.reply = reply{Response: response.Response{Status: http.StatusNoContent}}
	default: // also for a file at the path of a route that has other methods
		x.outcome.reply = reply{Response: response.Error(http.StatusMethodNotAllowed, "Method not allowed")}
	}
	x.outcome.reply.HeaderMap()["Allow"] = []string{allow}
}
