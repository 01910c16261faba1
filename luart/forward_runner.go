package luart

import (
	"context"
	"iter"
	"net/http"
	"sync"
)

// runner runs the handler of a handover, to the head of its response, and when there is a
// verdict to its end. There are three:
//
//   - inline, on the goroutine that serves the request, with the after hooks inside the
//     handler's WriteHeader: the cheapest, but what decides cannot wait for the body;
//   - coroutine, also the only one of its request, but whoever wants its result resumes it;
//   - goroutine, of which several may run at once.
type runner interface {
	// alone reports whether the handover is the only one under way. Then the request, and
	// the headers of the client's response, are its own to change.
	alone() bool
	// canWait reports whether who decides can wait for the end of the response.
	canWait() bool

	// stop returns with the verdict. The handler calls it at the head of its response.
	stop() verdict
	// returned is called when the handler has returned.
	returned()

	// deliver gives the verdict, once. It does not wait.
	deliver(v verdict)
	// awaitHead waits until the head is there, or the handler has returned, or ctx ends: then
	// the end of the request drops it. Any goroutine may call it.
	awaitHead(ctx context.Context)
	// wait returns when the handler has, after the verdict. Any goroutine may call it.
	wait()
	// waitWithin is wait, as long as ctx lasts: it reports whether the handler has returned.
	waitWithin(ctx context.Context) bool
	// hasReturned reports whether nobody need wait. Any goroutine may call it.
	hasReturned() bool
	// cancel ends the context that the handler has got. Any goroutine may call it.
	cancel()
	// adoptClone tells the host that the response to its clone is the one that is sent, unless
	// the handler goes on after a verdict. The goroutine that serves the request calls it.
	adoptClone(resolved bool)
}

// inline runs a handler on the goroutine that serves the request. There is nothing to wait
// for: whoever could has the handler's stack below it, or the handler has returned.
type inline struct {
	x       *Exchange
	h       *handover
	verdict verdict
	err     error // of answerBy
}

func (*inline) alone() bool                     { return true }
func (*inline) canWait() bool                   { return false }
func (*inline) returned()                       {}
func (*inline) awaitHead(context.Context)       {}
func (*inline) wait()                           {}
func (*inline) waitWithin(context.Context) bool { return true }
func (*inline) hasReturned() bool               { return true }
func (*inline) cancel()                         {}
func (*inline) adoptClone(bool)                 {}
func (i *inline) deliver(v verdict)             { i.verdict = v }

// stop runs the after hooks.
func (i *inline) stop() verdict {
	x, h := i.x, i.h
	if i.err = x.answerBy(h); x.outcome.reply.from == h {
		h.status, h.header = x.outcome.reply.Status, x.outcome.reply.Header
		h.resolve(verdict{to: x.w})
	}
	return i.verdict
}

// coroutine runs a handler when somebody wants its head, or its end.
type coroutine struct {
	run       func()              // to the head, then to the end
	runToEnd  func()              // run, once: later calls wait for that
	yield     func(struct{}) bool // the handler's
	cancelCtx context.CancelFunc
	delivered bool
	verdict   verdict
}

// asCoroutine makes h one that hands r over. It has not begun.
func asCoroutine(x *Exchange, h *handover, r *http.Request) *coroutine {
	ctx, cancel := context.WithCancel(r.Context())
	r = r.WithContext(ctx)
	host, next := x.host, x.next
	c := &coroutine{cancelCtx: cancel}
	resume, _ := iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		h.serve(host, next, r)
	})
	c.run = func() { resume() }
	c.runToEnd = sync.OnceFunc(c.run)
	h.runner = c
	return c
}

func (*coroutine) alone() bool       { return true }
func (*coroutine) canWait() bool     { return true }
func (*coroutine) returned()         {}
func (*coroutine) hasReturned() bool { return true } // who waits runs it
func (*coroutine) adoptClone(bool)   {}
func (c *coroutine) cancel()         { c.cancelCtx() }
func (c *coroutine) wait()           { c.runToEnd() }

func (c *coroutine) deliver(v verdict) { c.verdict, c.delivered = v, true }

// stop gives the goroutine back to who has run c, unless the verdict came before the head:
// then nobody runs c for a second time.
func (c *coroutine) stop() verdict {
	if !c.delivered {
		c.yield(struct{}{})
	}
	return c.verdict
}

func (c *coroutine) awaitHead(ctx context.Context) {
	defer context.AfterFunc(ctx, c.cancelCtx)()
	c.run()
}

// waitWithin cancels the handler when ctx ends, and waits for it all the same.
func (c *coroutine) waitWithin(ctx context.Context) bool {
	defer context.AfterFunc(ctx, c.cancelCtx)()
	c.runToEnd()
	return true
}

// goroutine is what has a goroutine of its own.
type goroutine struct {
	head      chan struct{} // closed when the head is there, or the handler has returned
	stopped   bool          // the handler's: head is closed
	done      chan struct{} // closed when the handler has returned
	verdicts  chan verdict
	cancelCtx context.CancelFunc
	adopt     func() // see Host.AdoptClone
}

// asGoroutine returns what hands over r, which the host has made of the request of x. cancel
// ends the context of r.
func asGoroutine(x *Exchange, r *http.Request, cancel context.CancelFunc) *goroutine {
	host, mine := x.host, x.r
	return &goroutine{
		head: make(chan struct{}), done: make(chan struct{}), verdicts: make(chan verdict, 1),
		cancelCtx: cancel,
		adopt:     func() { host.AdoptClone(mine, r) },
	}
}

func (*goroutine) alone() bool         { return false }
func (*goroutine) canWait() bool       { return true }
func (g *goroutine) cancel()           { g.cancelCtx() }
func (g *goroutine) wait()             { <-g.done }
func (g *goroutine) deliver(v verdict) { g.verdicts <- v }

func (g *goroutine) stop() verdict {
	g.stopped = true
	close(g.head)
	return <-g.verdicts
}

func (g *goroutine) returned() {
	if !g.stopped {
		close(g.head)
	}
	close(g.done)
}

func (g *goroutine) awaitHead(ctx context.Context) {
	select {
	case <-g.head:
	case <-ctx.Done():
	}
}

func (g *goroutine) hasReturned() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// hasHead reports whether awaitHead would return at once.
func (g *goroutine) hasHead() bool {
	select {
	case <-g.head:
		return true
	default:
		return false
	}
}

func (g *goroutine) waitWithin(ctx context.Context) bool {
	select {
	case <-g.done:
		return true
	case <-ctx.Done():
		return false
	}
}

func (g *goroutine) adoptClone(resolved bool) {
	select {
	case <-g.done:
	default:
		if resolved { // it goes on
			return
		}
	}
	g.adopt()
}
