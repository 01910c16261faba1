package luart

import (
	"net/http"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/trace"
)

// Host is what an exchange needs to know of the server it runs in. Its methods are
// called by the goroutine that serves the request, or by the VM on its behalf.
type Host interface {
	ClientIP(r *http.Request) string
	// IsTrusted reports whether what the peer says of the client, in headers such as
	// X-Forwarded-Proto, is to be believed.
	IsTrusted(r *http.Request) bool
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
	Serve(next any, to *proxy.To, w http.ResponseWriter, r *http.Request) error
	// ErrorStatus is the status that an error of Serve is answered with.
	ErrorStatus(err error) int

	// ErrorText is an error of Serve for scripts and people: why nobody answered.
	ErrorText(err error) string
	// Unsent reports whether an error of Serve says that no upstream can have had the request.
	Unsent(err error) bool
	// Upstream says which upstream has been asked last for a request that was passed on or
	// proxied, "" for none, and how many were asked. It is asked when the request has ended.
	Upstream(r *http.Request) (address string, tries int)
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

	phase phase               // what the next entry into the VM does
	enter func(*thread) error // the entry; made once
	class eventloop.Class

	luaCtx  luaCtx
	id      string // the request id, once somebody asked
	upload  upload
	forward forwarding
	outcome outcome
	record  record
	holding holding
	stream  *streaming // the reply's stream, from runAfter to End; nil: it is none

	running    *handler     // the function that runs, or ran last
	rewritten  bool         // ctx:rewrite has been called since the hooks were looked up
	came       *url.URL     // what the request came for, which ctx:rewrite has changed; nil: it has not
	skip       bool         // the handler is in quarantine: after the guards the request is passed on
	absent     *lua.LTable  // the error that an after hook ends with which wants a body where there is none
	answersFor int          // the status of the error that the request is answered for (handle_errors); 0: none
	verdicts   *Asked       // what rules have said; nil: it cannot come again
	asked      *question    // of a matcher or a policy: ctx cannot change the request; nil: it is served
	trace      *trace.Trace // nil: nobody has asked for it
	head       *headWork    // what libraries do before the head is sent; nil: nothing
	cors       *crossOrigin // what rules say of the page that makes the request; nil: nothing
	last       *LastWord    // what is done to the head of the response; nil: nothing
	done       *doneWatch   // what done hooks will be told; nil: there are none
	over       *doneWatch   // the request has ended, and its done hooks run; nil: it has not

	limits   limitsTold
	scoped   []*limitRule // limits of paths that have counted it
	facts    []fact       // what rules have learnt of the request, the outer ones first
	admitted bool         // such a rule has let it through

	headSettled bool // what is said about the head of the response comes too late

	// editsFailed counts the calls of edit_json that have not succeeded. What they were to change
	// must not go on as it is: on_failure pass does not hold.
	editsFailed int
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

// init makes x the way of a request.
func (x *Exchange) init(w http.ResponseWriter, r *http.Request, host Host, next any) {
	x.w, x.r, x.host, x.next = w, r, host, next
	x.ctx = r.Context()
}

// AnswersFor says that the request has failed elsewhere, with a status that the script's
// answers have unless it says another. Run must not have been called.
func (x *Exchange) AnswersFor(status int) { x.answersFor = status }

// Err returns the script error that Write would tell the client about, nil if there
// was none or the script itself chose the answer. It has been logged.
func (x *Exchange) Err() *ScriptError { return x.outcome.err }

// ProxyTo returns where to hand the request over, when the decision is Proxy.
func (x *Exchange) ProxyTo() (to *proxy.To) {
	to, x.forward.picker = bindPick(x.outcome.reply.Proxy, x, &x.call, 0)
	return to
}

// Upstreams returns what the script gave to ctx:upstream, for a request that is passed
// on; nil for nothing.
func (x *Exchange) Upstreams() []string { return x.forward.upstreams }

// Route returns "GET /users/:id", or "" when no route matched.
func (x *Exchange) Route() string {
	switch {
	case x.match.Handler != nil:
		return x.match.Handler.route
	case x.isFile():
		return x.match.Mount.route
	}
	return ""
}

// KeepsBody reports whether the request's body is in a file, or is copied for ctx:mirror.
// End removes it, and must not be called before whoever the request goes on to has returned.
func (x *Exchange) KeepsBody() bool {
	return x.upload.isKept()
}

// End gives the exchange back, and says how the request has gone. A ctx that the script kept
// raises from now on.
func (x *Exchange) End() Summary {
	vm := x.gen.vm
	if x.outcome.decision == Answer { // else somebody else has had the body
		x.letUploadGo()
	}
	x.forward.dropAll(&x.outcome.reply, x.gen.logger)
	x.outcome.reply.origin.adopt()
	x.upload.sender.Release()
	if x.stream != nil {
		x.stream.stop()
	}
	s := x.summary()
	x.routeStats().Add(s.Outcome, s.Cost)
	x.upload.discard()
	finished := x.finish(s)
	if x.luaCtx.ud != nil || len(x.endings) > 0 || x.holding.held != nil || x.stream != nil {
		if vm.loop.DoAdmitted(func(*thread) error { finished.keep(x); x.closeCtx(); x.giveBack(); return nil }) != nil {
			finished.start() // it says that it cannot
			return s         // the VM is closed: no Lua code can see ctx, but nothing may reuse x
		}
	}
	finished.keep(x)
	x.recycle()
	finished.start()
	return s
}

// recycle makes x as new, and keeps it for another request.
func (x *Exchange) recycle() {
	x.match.Reset()
	// Cleared in place: a literal would be made beside it first, and copied.
	gen, match, enter, buf, reusable := x.gen, x.match, x.enter, x.outcome.buf, x.inflight.reuse()
	*x = Exchange{}
	x.gen, x.x, x.match, x.enter, x.inflight = gen, x, match, enter, reusable
	if cap(buf) <= maxKeptBuffer {
		x.outcome.buf = buf[:0]
	}
	gen.exchanges.Put(x)
}

// maxKeptBuffer bytes of a reply's buffer are kept for a later request.
const maxKeptBuffer = 64 << 10

// closeCtx ends the request's Lua work and all use of ctx, but keeps what is held until the
// response has ended. Only the holder may call it.
func (x *Exchange) closeCtx() {
	x.runEarlyEndings()
	if x.stream != nil {
		x.stream.unregister()
	}
	x.luaCtx.invalidate(x.done != nil)
	x.head.end()
	for _, b := range x.upload.bodies {
		b.over = true
	}
}
