package luart

import (
	"net/http"

	"github.com/caddy-rover/rover/luart/head"
)

// LastWord is what is done to the head of a response when it leaves, whoever has made it: the
// script, the next handler, an upstream. It may outlive the exchange.
type LastWord struct {
	head.Writer
	cors     *crossOrigin   // nil: no rule holds
	security *head.Security // nil: the script has not asked for it

	// Values that the script has not set are no business of security: those that handlers in
	// front have set, and those that a response came with which the script has let through.
	outer, came head.Values
	ours        bool // the script has made the response, or let it through
}

// haveLastWord has the head of the response changed when it leaves, if there is something to say.
func (x *Exchange) haveLastWord() {
	if x.cors == nil && x.gen.security == nil {
		return
	}
	last := &LastWord{cors: x.cors, security: x.gen.security, outer: head.ValuesOf(x.w.Header())}
	last.Writer = head.Writer{ResponseWriter: x.w, Last: last.change}
	x.w, x.last = last, last
}

func (l *LastWord) change(h http.Header) {
	l.cors.set(h)
	switch {
	case l.security == nil:
	case !l.ours:
		l.security.Set(h, head.ValuesOf(h))
	default:
		l.security.Set(h, l.outer, l.came)
	}
}

// SettleHead gives the headers of a response that somebody else makes, of an error that the handler
// returns, what Writer would give it. x may have ended.
func (l *LastWord) SettleHead(h http.Header) {
	if l != nil {
		l.change(h)
	}
}

// isOurs says that the reply is sent, and from whom it came.
func (l *LastWord) isOurs(r *reply) {
	if l == nil {
		return
	}
	l.ours = true
	switch {
	case r.from != nil:
		l.came = r.from.cameSecurity
	case r.trailing != nil: // it has another body
		l.came = r.trailing.cameSecurity
	}
}

// LastWord is what is done to the head of the response, whoever makes it; nil: nothing. It outlives
// x.
func (x *Exchange) LastWord() *LastWord { return x.last }
