package luart

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/response"
)

const (
	// heartbeat is how often an event stream sends a comment while its producer waits:
	// proxies in between close what is silent, many after 30 or 60 seconds.
	heartbeat = 15 * time.Second

	// headPatience is how long the head of an event stream waits for the first event.
	// Until then an error of the producer can still be answered as one; a client that
	// waits longer would like to know that it is connected.
	headPatience = time.Second
)

// streaming is a stream on its way to one client. Its fields belong to whoever calls
// the producer, the goroutine of the request or, while pending, one of its own; sending
// on done gives them back.
type streaming struct {
	x *Exchange
	*response.Stream
	by      *handler // the function that returned the stream: whose failure it is
	hook    bool     // by is an after hook
	parent  context.Context
	cancel  context.CancelCauseFunc // ends the producer's waits
	unstop  func() bool
	done    chan struct{} // capacity 1: whoever calls the producer never waits
	pending bool          // a call of the producer is under way; the request's goroutine's

	pace pace

	// What the last call left.
	response.Piece
	failed *ScriptError // it failed
	gone   error        // the VM is closed
}

// startStream makes the reply's stream the one that Run or PassOn opens and Write sends,
// and reports whether there is one: a reply without a body has none. The stream's
// resources, ctx and what the handler took, are the request's until End. Only the holder
// may call it.
func (x *Exchange) startStream(hook bool) bool {
	vm := x.gen.vm
	s := x.outcome.reply.Stream
	if s == nil || x.r.Method == http.MethodHead || bodyfilter.Bodyless(x.outcome.reply.Status) {
		return false
	}
	if vm.closing {
		x.setErrorReply(&ScriptError{Status: http.StatusServiceUnavailable, Message: errStopping.Error()}, x.outcome.by)
		return false
	}
	st := &streaming{x: x, Stream: s, by: x.outcome.by, hook: hook, parent: x.ctx, done: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancelCause(x.ctx)
	x.ctx, st.cancel = ctx, cancel
	st.unstop = context.AfterFunc(vm.stopping, func() { cancel(errStopping) })
	x.stream = st
	x.outcome.replied = true
	vm.streams++
	vm.inflight.add(&x.call)
	return true
}

// unregister ends what startStream began. Only the holder may call it, when no call of the
// producer is under way.
func (st *streaming) unregister() {
	x := st.x
	vm := x.gen.vm
	x.ctx = st.parent
	x.stream = nil
	vm.inflight.remove(&x.call)
	vm.streams--
	if vm.streams == 0 && vm.noStreams != nil {
		close(vm.noStreams)
		vm.noStreams = nil
	}
}

// awaitStreams waits until no stream is on its way, or ctx ends. Any goroutine may call
// it, after retireAll: then none can begin.
func (vm *VM) awaitStreams(ctx context.Context) {
	var none chan struct{}
	_ = vm.loop.DoAdmitted(func(*thread) error { // an error: the VM is closed
		if vm.streams > 0 {
			none = make(chan struct{})
			vm.noStreams = none
		}
		return nil
	})
	if none == nil {
		return
	}
	select {
	case <-none:
	case <-ctx.Done():
	}
}

// openStreams gets the first piece of a stream while nothing has been sent, so that an
// error of its producer is answered as any other. For that answer after hooks run again,
// unless it is they who returned the stream. The error is a refusal of the VM.
func (x *Exchange) openStreams() error {
	for x.stream != nil { // after hooks may return another stream in place of the error
		st := x.stream
		st.pullFirst()
		switch {
		case st.pending:
			return nil
		case st.gone != nil:
			return st.gone
		case st.failed == nil:
			return nil
		}
		x.phase = phaseStreamFailed
		x.setDeadline()
		if err := x.contain(x.gen.vm.loop.DoAdmitted(x.enter)); err != nil {
			return err
		}
	}
	return nil
}

// setStreamReply answers for a producer that has failed before anything was sent. Only the
// holder may call it.
func (x *Exchange) setStreamReply() {
	st := x.stream
	st.release()
	st.unregister()
	x.outcome.replied = st.hook // on_error may pass the request on instead
	x.setErrorReply(st.failed, st.by)
	if st.hook {
		x.closeCtx()
		return
	}
	x.runAfter()
	x.forward.dropUnsent(&x.outcome.reply)
}

// pullFirst calls the producer for the first time. That of an event stream may be pending
// afterwards.
func (st *streaming) pullFirst() {
	if !st.Events {
		st.pull()
		return
	}
	st.startPull()
	t := time.NewTimer(st.x.gen.vm.headPatience)
	defer t.Stop()
	select {
	case <-st.done:
		st.pending = false
	case <-t.C:
	}
}

// startPull has the producer called on another goroutine, which awaitPull waits for, or End.
func (st *streaming) startPull() {
	st.pending = true
	go func() {
		st.pull()
		st.done <- struct{}{}
	}()
}

// pull calls the producer once: one entry into the VM, with a burst and a timeout of its
// own.
func (st *streaming) pull() {
	st.Piece, st.failed, st.gone = response.Piece{}, nil, nil
	x := st.x
	began, waits := x.gen.vm.nanotime(), x.cost.Wait
	x.setDeadline()
	x.phase = phaseProduce
	var p *eventloop.PanicError
	err := x.gen.vm.loop.DoAdmitted(x.enter)
	switch {
	case errors.As(err, &p):
		x.gen.logger.Error("panic in the VM", zap.Error(err), zap.String("route", x.Route()), zap.ByteString("go_stack", p.Stack))
		st.failed = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
	case err != nil:
		st.gone = err
	}
	st.pace.note(st.isQuiet(), x.cost.Wait > waits, time.Duration(x.gen.vm.nanotime()-began))
}

// produce calls the producer. Only the holder may call it.
func (st *streaming) produce() {
	x := st.x
	v, failed := x.gen.vm.call1(&x.call, st.Producer)
	if failed != nil {
		st.failed = failed
		return
	}
	p, err := st.PieceOf(x.gen.vm.budget, v)
	if err != nil {
		st.failed = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
		return
	}
	st.Piece = p
}

// release gives back what the stream's context holds. Any goroutine may call it.
func (st *streaming) release() {
	st.unstop()
	st.cancel(nil)
}

// stop ends the producer's waits and returns when it has ended.
func (st *streaming) stop() {
	st.release()
	st.awaitProducer()
}

// awaitProducer returns when no call of the producer is under way.
func (st *streaming) awaitProducer() {
	if st.pending {
		<-st.done
		st.pending = false
	}
}

// write sends the stream that has been opened: each piece and a flush, and then the
// next call of the producer. That is what holds the producer back: nothing is called
// before the client has taken what was made. It panics with http.ErrAbortHandler when the
// stream does not come to its end, so that the client never takes it for whole.
func (st *streaming) write(w http.ResponseWriter) error {
	flush := http.NewResponseController(w).Flush
	st.x.outcome.reply.setHeaders(w.Header())
	w.WriteHeader(st.x.outcome.reply.Status)
	if opening := st.Opening(); opening != "" {
		st.send(w, opening)
	}
	if st.pending {
		st.flush(flush)
		st.awaitPull(w, flush)
	}
	for {
		if st.failed != nil || st.gone != nil {
			st.cut()
		}
		if st.Bytes != "" {
			st.send(w, st.Bytes)
			st.flush(flush)
		}
		if !st.More {
			return nil
		}
		st.rest()
		// A client may leave, or the VM stop, while nothing runs in the VM. A last call
		// lets the producer clean up: what it waits for raises the reason.
		left := st.x.ctx.Err() != nil
		if st.Events {
			st.startPull()
			st.awaitPull(w, flush)
		} else {
			st.pull()
		}
		if left {
			st.cut()
		}
	}
}

// awaitPull waits for the call of the producer that is under way, and keeps the connection in
// use meanwhile.
func (st *streaming) awaitPull(w http.ResponseWriter, flush func() error) {
	t := time.NewTicker(st.x.gen.vm.heartbeat)
	defer t.Stop()
	for {
		select {
		case <-st.done:
			st.pending = false
			return
		case <-t.C:
			st.send(w, response.Heartbeat)
			st.flush(flush)
		}
	}
}

// kill ends the stream: what its producer waits for raises the reason, and a client
// that takes nothing does not hold it up. Only the holder may call it.
func (st *streaming) kill() {
	st.cancel(errKilled)
	_ = http.NewResponseController(st.x.w).SetWriteDeadline(time.Unix(1, 0)) // if the server can
}

// send writes to the client. When that fails the stream is over.
func (st *streaming) send(w http.ResponseWriter, s string) {
	if _, err := io.WriteString(w, s); err != nil {
		st.lose(err)
	}
}

// flush sends what has been written, where the server can.
func (st *streaming) flush(flush func() error) {
	if err := flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		st.lose(err)
	}
}

// lose ends a stream that the client does not take. The producer's wait says that the
// client has gone; if it is not waiting now, the one in its last call does.
func (st *streaming) lose(err error) {
	st.cancel(err)
	if st.pending {
		st.awaitProducer()
	} else if st.More {
		st.pull()
	}
	st.cut()
}

// cut breaks a stream off that cannot come to its end, after the last call of its producer.
func (st *streaming) cut() {
	if st.failed != nil {
		// Only the holder may count it. Should the VM be closed, the reason is that.
		x := st.x
		_ = x.gen.vm.loop.DoAdmitted(func(*thread) error { x.logFailure(st.failed, st.by); return nil })
	}
	panic(http.ErrAbortHandler)
}
