package luart

import (
	"errors"
	"net/http"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
)

// Host is what an exchange needs to know of the server it runs in. Its methods are
// called by the goroutine that serves the request, or by the VM on its behalf.
type Host interface {
	ClientIP(r *http.Request) string
	Var(r *http.Request, name string) (value any, ok bool)
	SetVar(r *http.Request, name string, value any)
	LogField(r *http.Request, name string, value any)

	// CloneRequest returns a copy of a request, to be given to Serve, that shares nothing with
	// it that either may change. The holder calls it.
	CloneRequest(w http.ResponseWriter, r *http.Request) *http.Request
	// AdoptClone is told that the response of clone, which CloneRequest has made of r, is the
	// one that is sent: when its head is there, and when Serve has returned. Whoever Serve has
	// called does nothing meanwhile. The goroutine that serves the request calls it.
	AdoptClone(r, clone *http.Request)
	// Serve passes a request on to what Begin was told comes next, or hands it over to
	// upstreams if to is not nil. Several may be under way at once for one request, each
	// on a goroutine of its own.
	Serve(next any, to *ProxyTo, w http.ResponseWriter, r *http.Request) error
	// ErrorStatus is the status that an error of Serve is answered with.
	ErrorStatus(err error) int
}

// Exchange is one request's way through a generation. It is pooled: nothing may use
// it after End. Its exported methods are for the goroutine that serves the request.
type Exchange struct {
	call
	match routeMatch
	w     http.ResponseWriter
	r     *http.Request
	host  Host
	next  any // the host's: what comes after the script

	phase  phase               // what the next entry into the VM does
	enter  func(*thread) error // the entry; made once
	ud     *lua.LUserData      // ctx; made when a function wants it
	values *lua.LTable         // ctx:set
	body   *body
	bodies []*body  // x.body, and those before ctx:set_body
	spools []*spool // what has been read of the request's body
	sender *sender  // who sends it; nil: nobody has waited for that
	id     string   // the request id, once somebody asked

	class eventloop.Class

	logged struct { // by ctx:log_field
		fields, bytes int
		cut, full     bool // something is missing; nothing more is added
	}

	received *received // the request as it came; nil unless it may be passed on after a failure
	skip     bool      // the handler is in quarantine: after the guards the request is passed on

	forward forwarding

	answering bool // there is a response: the request cannot go on any more

	rewritten bool // ctx:rewrite has been called since the hooks were looked up

	answersFor int // the status of the error that the request is answered for (handle_errors); 0: none

	absent *lua.LTable // the error that an after hook ends with which wants a body where there is none

	asked *question // of a matcher or a policy: ctx cannot change the request; nil: it is served

	// What the request holds beyond End, and what others do who go on with it (held.go).
	held      *Held // what they know x by; nil: there are none, or it held nothing
	elsewhere *Held // its response begins after End
	over      *Held // of the request that x goes on with, if the host has said so

	decision Decision
	reply    response
	buf      []byte // the reply's body when it was made of a returned value; reused
	err      *ScriptError

	// What Summary tells.
	firstDecision Decision     // decision at the end of Run
	failure       *ScriptError // of a function of the request, whatever on_error has made of it
	refused, left bool         // Run returned an error
	decided       Summary      // at the end of Run

	// VM time, in nanoseconds, of calls on its behalf beside its own: pick, filters, the
	// functions of rover.parallel. A pick may still run when somebody asks for the Summary.
	others atomic.Int64

	trace *Trace // nil: nobody has asked for it

	running  *handler        // the function that runs, or ran last
	mirrored []*mirroredBody // the copies that wait for the request's body
	streamer *handler        // the function that returned the reply
	stream   *streaming      // the reply's stream, from finish or After to End
}

func newExchange(g *Generation) *Exchange {
	x := &Exchange{}
	x.gen = g
	x.x = x
	x.enter = func(th *thread) error {
		x.cost.Queue += g.vm.loop.Waited()
		g.vm.start(&x.call, th)
		x.runPhase()
		x.endSlice()
		return nil
	}
	return x
}

func (x *Exchange) begin(w http.ResponseWriter, r *http.Request, host Host, next any) {
	x.w, x.r, x.host, x.next = w, r, host, next
	x.ctx = r.Context()
}

// SetPriority says which class of waiting requests this one is of, Normal if it is not
// called before Run. It matters only while the VM is busy.
func (x *Exchange) SetPriority(c eventloop.Class) { x.class = c }

// quota returns the part of the VM's queue that the request counts towards: its
// route's, or without one that of the hook nearest to it.
func (x *Exchange) quota() *eventloop.Quota {
	m := &x.match
	switch {
	case m.Handler != nil:
		return &m.Handler.quota
	case len(m.Before) > 0:
		return &m.Before[len(m.Before)-1].quota
	case len(m.After) > 0:
		return &m.After[len(m.After)-1].quota
	}
	return nil
}

// Run enters the VM: before hooks, then the handler, and for an answer of Lua's own
// the after hooks. The error is one of eventloop's refusals, ErrMemory, or that of the request's
// context; nothing has run then. What went wrong in the script is Err.
func (x *Exchange) Run() (Decision, error) {
	err := x.run()
	x.firstDecision = x.decision
	if err != nil {
		x.setRefused(err)
	}
	x.decided = x.summary()
	if err == nil && x.stream != nil {
		if err = x.openStreams(); err != nil {
			x.setRefused(err)
		}
	}
	if x.forward.client != nil {
		x.forward.client.commit()
		if x.decision != Answer { // somebody else goes on with the request
			x.forward.dropAll(&x.reply, x.gen.logger)
		}
	}
	return x.decision, err
}

// run enters the VM, if Lua has to decide.
func (x *Exchange) run() error {
	x.phase = phaseHandlers
	if x.match.Unclear || x.match.Handler == nil && len(x.match.Before) == 0 {
		if x.match.Unclear {
			x.unclear()
		} else {
			x.miss() // no Lua decides
		}
		if x.decision != Answer || len(x.match.After) == 0 {
			return nil
		}
		x.phase = phaseAfter
	}
	if x.gen.vm.memory.over.Load() {
		x.gen.vm.memory.refused.Add(1)
		return ErrMemory
	}
	if x.quarantined() {
		return nil
	}
	x.setDeadline()
	return x.contain(x.gen.vm.loop.DoClass(x.ctx, x.class, x.quota(), x.enter))
}

// AnswersFor says that the request has failed elsewhere, with a status that the script's
// answers have unless it says another. Run must not have been called.
func (x *Exchange) AnswersFor(status int) { x.answersFor = status }

// Err returns the script error that Write would tell the client about, nil if there
// was none or the script itself chose the answer. It has been logged.
func (x *Exchange) Err() *ScriptError { return x.err }

// ProxyTo returns where to hand the request over, when the decision is Proxy.
func (x *Exchange) ProxyTo() (to *ProxyTo) {
	to, x.forward.picker = x.reply.proxy.bind(x, &x.call, 0)
	return to
}

// Upstreams returns what the script gave to ctx:upstream, for a request that is passed
// on; nil for nothing.
func (x *Exchange) Upstreams() []string { return x.forward.upstreams }

// Route returns "GET /users/:id", or "" when no route matched.
func (x *Exchange) Route() string {
	if x.match.Handler == nil {
		return ""
	}
	return x.match.Handler.route
}

// KeepsBody reports whether the request's body is in a file, or is copied for ctx:mirror.
// End removes it, and must not be called before whoever the request goes on to has returned.
func (x *Exchange) KeepsBody() bool {
	if len(x.mirrored) > 0 {
		return true
	}
	for _, s := range x.spools {
		if s.file != nil {
			return true
		}
	}
	return false
}

// End gives the exchange back, and says how the request has gone. A ctx that the script kept
// raises from now on.
func (x *Exchange) End() Summary {
	vm := x.gen.vm
	x.forward.dropAll(&x.reply, x.gen.logger)
	x.reply.origin.adopt()
	x.sender.releaseWriter()
	if x.stream != nil {
		x.stream.stop()
	}
	s := x.summary()
	x.routeStats().add(s)
	for _, s := range x.spools {
		s.close()
	}
	for _, b := range x.mirrored {
		b.abandon()
	}
	if x.ud != nil || len(x.endings) > 0 || x.held != nil || x.stream != nil {
		if vm.loop.DoAdmitted(func(*thread) error { x.closeCtx(); x.giveBack(); return nil }) != nil {
			return s // the VM is closed: no Lua code can see ctx, but nothing may reuse x
		}
	}
	x.match.Reset()
	reusable := x.inflight.reuse()
	*x = Exchange{
		call:  call{gen: x.gen, x: x},
		match: x.match,
		enter: x.enter,
		buf:   x.buf[:0],
	}
	x.inflight = reusable
	if cap(x.buf) > maxKeptBuffer {
		x.buf = nil
	}
	x.gen.exchanges.Put(x)
	return s
}

// maxKeptBuffer bytes of a reply's buffer are kept for a later request.
const maxKeptBuffer = 64 << 10

// contain turns a Go panic in the VM, which is a bug of ours, into a script error.
func (x *Exchange) contain(err error) error {
	if err == nil {
		return nil
	}
	var p *eventloop.PanicError
	if !errors.As(err, &p) {
		return err
	}
	x.gen.logger.Error("panic in the VM", zap.Error(err), zap.String("route", x.Route()))
	x.decision = Answer
	x.err = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
	x.reply = x.errorReply(x.err)
	return nil
}

// closeCtx ends the request's Lua work and all use of ctx, but keeps what is held until the
// response has ended. Only the holder may call it.
func (x *Exchange) closeCtx() {
	x.runEarlyEndings()
	if x.stream != nil {
		x.stream.unregister()
	}
	if x.ud != nil {
		x.ud.Value = nil
		x.ud = nil
	}
	for _, b := range x.bodies {
		b.over = true
	}
	x.values = nil
}
