package luart

import (
	"maps"
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/route"
)

// WantsAfter reports whether a request that goes on to somebody else must do so by PassOn.
func (x *Exchange) WantsAfter() bool { return len(x.match.After) > 0 }

// PassOn passes a request on, or hands it over to upstreams, as Run decided, and runs the
// after hooks when the head of the response is there. Write sends what has become of it.
// The error says that the VM has closed; no response may be sent then.
//
// The handler runs on the caller's goroutine, and the hooks inside its WriteHeader. Where
// they may wait for the body that cannot be: the handler must be able to go on. There it is
// a coroutine, which whoever wants its result resumes, at some 3 µs a response; a goroutine
// cost 10 µs in a load of small ones, for the threads that had to be woken up.
func (x *Exchange) PassOn() error {
	var to *proxy.To
	if x.outcome.decision == Proxy {
		to = x.ProxyTo()
	}
	x.forward.sent = true
	h := &x.forward.passed
	x.handOverAlone(h, to, x.r)
	if x.gen.wantsBodies.Load() {
		r := x.r.WithContext(x.forwardContext())
		r.Header = narrowed(x.r.Header)
		if mayBeAskedAgain(r, to) {
			// Handlers behind change the request, and what the server keeps about it.
			h.again = &handover{}
			h.again.asked = x.host.CloneRequest(h.again, x.askedWhole(r))
			r.Body = x.rereadBody(nil) // r has the request's own trailers
		}
		co := asCoroutine(x, h, r)
		co.run()
		return x.answerBy(h)
	}
	r := x.r
	if x.forward.upstreams != nil || x.Holds() {
		r = r.WithContext(x.forwardContext())
	}
	in := &x.forward.inline
	in.x, in.h = x, h
	h.runner = in
	h.serve(x.host, x.next, r)
	if !h.wrote {
		return x.answerBy(h)
	}
	return in.err
}

// handOverAlone makes h a handover of r that is the only one under way, and may change the
// request and the headers of the client's response.
func (x *Exchange) handOverAlone(h *handover, to *proxy.To, r *http.Request) {
	x.forward.client = &x.forward.clientHead
	h.method, h.socket = r.Method, route.IsExtendedConnect(r)
	h.to, h.header, h.before = to, x.w.Header(), noHeader
	if len(h.header) > 0 {
		h.before = maps.Clone(h.header)
	}
	h.handoverWriter = handoverWriter{h: h, client: x.w, clientHead: x.forward.client}
	if x.forward.handovers == nil {
		x.forward.handovers = x.forward.oneHandover[:0]
	}
	x.forward.handovers = append(x.forward.handovers, h)
}

// noHeader is never changed.
var noHeader = http.Header{}

// answerBy makes a handover's response the reply, and runs the after hooks on it.
func (x *Exchange) answerBy(h *handover) error {
	x.forward.client.commit()
	x.outcome.decision = Answer
	x.outcome.reply = h.response(x)
	if h.status == 0 && h.panicked != nil {
		return nil
	}
	x.setDeadline()
	x.phase = phaseAfter
	if x.forward.picker != nil && x.forward.picker.failed != nil {
		x.phase = phasePickFailed
	}
	err := x.contain(x.gen.vm.loop.DoAdmitted(x.enter))
	if err == nil && x.stream != nil {
		err = x.openStreams()
	}
	if err != nil {
		x.outcome.reply = reply{}
	}
	x.forward.dropUnsent(&x.outcome.reply)
	return err
}

// wantsBody are the names that a script needs to wait for a response's body in an after
// hook, or to have it filtered.
var wantsBody = []lua.LValue{
	lua.LString("body"), lua.LString("set_body"), lua.LString("on_chunk"), lua.LString("replace"), lua.LString("edit_json"),
}

// names reports whether source has one of some names.
func names(source *lua.FunctionProto, wanted []lua.LValue) bool {
	return slices.ContainsFunc(source.Constants, func(v lua.LValue) bool { return slices.Contains(wanted, v) }) ||
		slices.ContainsFunc(source.FunctionPrototypes, func(f *lua.FunctionProto) bool { return names(f, wanted) })
}

// narrowed returns the headers of a request whose answer a script may want to read: h
// itself, if the answer can be decoded anyway. h stays as it is, for the access log.
func narrowed(h http.Header) http.Header {
	was := h["Accept-Encoding"]
	if len(was) == 0 {
		return h
	}
	probe := http.Header{"Accept-Encoding": was}
	bodyfilter.NarrowAcceptEncoding(probe)
	if slices.Equal(probe["Accept-Encoding"], was) {
		return h
	}
	h = maps.Clone(h)
	h["Accept-Encoding"] = probe["Accept-Encoding"]
	return h
}
