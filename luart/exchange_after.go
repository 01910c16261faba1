package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// WantsAfter reports whether a response that Lua did not make must go through After.
func (x *Exchange) WantsAfter() bool { return len(x.match.after) > 0 }

// After enters the VM with the head of a response that Lua did not make, before it
// leaves; header is changed in place. It returns the status to send. When replaced is
// true the response must be dropped and Write sends another: a hook's, or an error
// (see Err). When err is not nil the VM refused, no hook has run, and nothing of the
// response may be sent.
func (x *Exchange) After(status int, header http.Header) (newStatus int, replaced bool, err error) {
	x.setDeadline()
	x.sent = true
	res := response{status: status, header: header, received: true}
	x.phase = func() {
		var ok bool
		if replaced, ok = x.after(&res); replaced || !ok {
			replaced = true
			if ok {
				x.reply = res
			}
		}
		if !replaced || x.err != nil || !x.beginStream(true) {
			x.inert()
		}
	}
	err = x.contain(x.gen.vm.loop.DoAdmitted(x.enter))
	if err == nil && x.streaming != nil {
		err = x.openStreams()
	}
	return res.status, replaced || x.err != nil, err
}

// after runs the after hooks on res, which is what is to be sent if ok; else the
// reply is, an error. replaced says that a hook returned a response of its own. Only
// the holder may call it.
func (x *Exchange) after(res *response) (replaced, ok bool) {
	vm := x.gen.vm
	x.answering = true
	ud := newObject(vm.types.response, res)
	defer func() { res.over = true }()
	for i := len(x.match.after) - 1; i >= 0; i-- {
		h := x.match.after[i]
		if x.away(h) {
			if *x.gen.quarantine == FailPass {
				continue
			}
			x.refuse(h)
			return false, false
		}
		var was response
		if x.gen.onFailure == FailPass {
			was = res.clone()
		}
		v, err := vm.call1(&x.call, h.fn, x.ctxValue(), ud)
		if err != nil && x.gen.onFailure == FailPass && !err.Deliberate && !replaced {
			x.logFailure(err, h)
			vm.resume(&x.call, x.th.L) // a burst of its own for the next
			res.restore(was)
			continue
		}
		if err != nil {
			x.fail(err, h)
			return false, false
		}
		if v == lua.LNil || v == lua.LValue(ud) {
			continue
		}
		x.err = nil
		x.take(v, h)
		if x.outcome != Answer {
			x.fail(&ScriptError{
				Status:  http.StatusInternalServerError,
				Message: h.where + ": " + h.route + " cannot pass on or proxy: the response is there already",
			}, h)
		}
		if x.err != nil {
			return false, false
		}
		replaced = true
		*res = x.reply.clone()
	}
	return replaced, true
}
