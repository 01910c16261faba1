package luart

import (
	"context"
	"net/http"

	"github.com/caddy-rover/rover/luart/lib"
)

// Held is what one request holds, locks and places of semaphores, as others see it who go on
// with the request. Whatever they do happens before its response has ended: a lock that it holds
// they cannot wait for. Its field is the holder's.
type Held struct {
	c *call // nil: it has ended
}

type heldKey struct{}

// holding is what a request holds beyond End, and what others do who go on with it.
type holding struct {
	held       *Held // what they know it by; nil: there are none, or it held nothing
	elsewhere  *Held // its response begins after End
	forRequest *Held // of the request that this one goes on with, if the host has said so
}

// Holds reports whether the request holds what it gives back when its response has ended. End
// must not be called before whoever the request goes on to has returned.
func (x *Exchange) Holds() bool { return len(x.endings) > 0 }

// WithHeld returns r as others get it who go on with the request, while that Holds something.
func (x *Exchange) WithHeld(r *http.Request) *http.Request {
	return r.WithContext(x.heldContext(r.Context()))
}

// heldContext returns ctx with what x holds.
func (x *Exchange) heldContext(ctx context.Context) context.Context {
	if !x.Holds() {
		return ctx
	}
	if x.holding.held == nil {
		x.holding.held = &Held{&x.call}
	}
	return context.WithValue(ctx, heldKey{}, x.holding.held)
}

// AnswerElsewhere says that the response begins after End: the server has routes for errors. What
// the request holds it keeps until its context ends, if ever it does; it is nil if it holds
// nothing. GoesOn tells the exchange of such a route.
func (x *Exchange) AnswerElsewhere() *Held {
	if !x.Holds() || x.r.Context().Done() == nil {
		return nil
	}
	x.holding.elsewhere = &Held{}
	return x.holding.elsewhere
}

// GoesOn says that the request has been given up by another exchange, which held what
// AnswerElsewhere returned. Run must not have been called.
func (x *Exchange) GoesOn(h *Held) { x.holding.forRequest = h }

// heldAbove returns the call of the request that x goes on with, nil if it goes on with none or
// that is of another VM. Only the holder may call it.
func (x *Exchange) heldAbove() *call {
	h := x.holding.forRequest
	if h == nil {
		h, _ = x.r.Context().Value(heldKey{}).(*Held)
	}
	if h == nil || h.c == nil || h.c.gen.vm != x.gen.vm {
		return nil
	}
	return h.c
}

// giveBack frees what the request holds, or sees to it that this is done when somebody else has
// answered it. Only the holder may call it.
func (x *Exchange) giveBack() {
	if x.holding.held != nil {
		x.holding.held.c = nil
	}
	later := x.holding.elsewhere
	if later == nil {
		x.runEndings()
		return
	}
	c := &call{gen: x.gen, endings: x.endings} // x is another request's soon
	x.endings = nil
	for _, e := range c.endings {
		if p, ok := e.key.(*lib.Hold); ok {
			p.By = caller{c}
		}
	}
	later.c = c
	vm := x.gen.vm
	context.AfterFunc(x.r.Context(), func() {
		_ = vm.loop.DoAdmitted(func(*thread) error { // an error: the VM is closed
			c.runEndings()
			later.c = nil
			return nil
		})
	})
}
