package luart

import (
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
)

// headWork is what libraries do about a request before the head of its response goes out, and the
// cookies that they send with it. Its methods are lib.Request. It is the holder's.
//
// Cookies are none of the reply's headers while hooks run: who removes those of an upstream in an
// after hook does not remove these, and a reply that takes the place of another has them too.
type headWork struct {
	x       *Exchange // nil: the script's part of the request is over
	values  map[any]any
	work    []func(L *lua.LState, failed, last bool)
	cookies []headCookie
	settled bool
}

type headCookie struct{ name, line string }

var _ lib.Request = (*headWork)(nil)

// checkServed returns argument n, the ctx of a request that is answered still.
func checkServed(L *lua.LState, n int) *Exchange {
	x := checkCtxAt(L, n)
	if x.asked != nil || x.over != nil {
		L.RaiseError("a request has no response here: it is asked about, or has been answered")
	}
	return x
}

// headWork returns that of x. Only the holder may call it.
func (x *Exchange) headWork() *headWork {
	if x.head == nil {
		// What is streamed, or asks for an upstream, has its head behind it.
		x.head = &headWork{x: x, settled: x.stream != nil || x.gen.vm.cur.isPick || x.headSettled}
	}
	return x.head
}

func (w *headWork) HTTP() *http.Request {
	if w.x == nil {
		return nil
	}
	return w.x.r
}

func (w *headWork) Protocol() string {
	if w.x == nil {
		return ""
	}
	return w.x.protocol()
}

func (w *headWork) Value(key any) any { return w.values[key] }

func (w *headWork) SetValue(key, value any) {
	if w.values == nil {
		w.values = map[any]any{}
	}
	w.values[key] = value
}

func (w *headWork) BeforeHead(do func(L *lua.LState, failed, last bool)) { w.work = append(w.work, do) }

func (w *headWork) SetCookie(name, line string) {
	w.cookies = slices.DeleteFunc(w.cookies, func(c headCookie) bool { return c.name == name })
	w.cookies = append(w.cookies, headCookie{name, line})
}

func (w *headWork) Settled() bool { return w.settled || w.x == nil }

// doHeadWork does what libraries have to do now that the handlers have run, or the after hooks. When
// it fails that is the reply. Only the holder may call it.
func (x *Exchange) doHeadWork(last bool) {
	if last {
		x.headSettled = true
	}
	w := x.head
	if w == nil || w.settled {
		return
	}
	failed := x.record.failure != nil
	var wrong *ScriptError
	for i := 0; i < len(w.work); i++ { // it may add to it
		vm := x.gen.vm
		if vm.budget.Err() != nil { // the handler was ended: a burst of its own
			vm.resume(&x.call, x.th.L)
		}
		do := w.work[i]
		_, err := vm.call1(&x.call, vm.main.NewFunction(func(L *lua.LState) int { do(L, failed, last); return 0 }))
		if err != nil && wrong == nil {
			wrong = err
		}
	}
	w.settled = w.settled || last
	if wrong != nil { // no failure of the handler: on_failure pass does not hold
		x.setErrorReply(wrong, &handler{route: x.running.route, where: x.running.where})
	}
}

// addCookies adds the cookies of libraries to a reply that is sent. Only the holder may call it.
func (x *Exchange) addCookies() {
	if x.head == nil || len(x.head.cookies) == 0 || x.outcome.decision != Answer {
		return
	}
	if x.outcome.reply.from == nil { // its headers may be those of other replies, too
		x.outcome.reply = x.outcome.reply.clone()
	}
	x.head.addTo(x.outcome.reply.HeaderMap())
}

// addTo adds the cookies to headers which may have them already.
func (w *headWork) addTo(h http.Header) {
	for _, c := range w.cookies {
		if lines := h["Set-Cookie"]; !slices.Contains(lines, c.line) {
			h["Set-Cookie"] = append(lines[:len(lines):len(lines)], c.line)
		}
	}
}

// end says that the script's part of the request is over. Only the holder may call it.
func (w *headWork) end() {
	if w != nil {
		w.x = nil
	}
}
