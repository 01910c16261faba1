package luart

import (
	"context"
	"mime"
	"strconv"
	"sync"

	"github.com/caddy-rover/rover/luart/idempotency"
)

// overflow is what becomes of a response that was to be kept and is too long for that: its handler
// stops once more, with what it has written so far in h.answer, until there is somebody to send it
// to.
type overflow struct {
	full chan struct{} // closed by the handler, which has stopped
	to   chan verdict
	once sync.Once
}

func newOverflow() *overflow { return &overflow{full: make(chan struct{}), to: make(chan verdict, 1)} }

// await waits until the handler has returned, or stopped, which it reports. Any goroutine may call
// it.
func (o *overflow) await(ctx context.Context, ended <-chan struct{}) (full bool) {
	select {
	case <-o.full:
		return true
	case <-ended:
	case <-ctx.Done():
	}
	return false
}

// isFull reports whether the handler has stopped, or will when it gets on. nil has not.
func (o *overflow) isFull() bool {
	if o == nil {
		return false
	}
	select {
	case <-o.full:
		return true
	default:
		return false
	}
}

// deliver says where the response goes to, the first time it is called; the zero verdict drops it.
// nil does nothing.
func (o *overflow) deliver(v verdict) {
	if o != nil {
		o.once.Do(func() { o.to <- v })
	}
}

// stop is called by the handler where its response is too long. It reports whether that is sent.
func (o *overflow) stop(w *handoverWriter) bool {
	close(o.full)
	w.verdict = <-o.to
	if w.to == nil {
		return false
	}
	w.sendHead()
	if w.mute {
		return true
	}
	_, err := w.to.Write(w.h.answer.Bytes())
	w.h.answer = nil
	return err == nil
}

// mayBeKept reports whether a response may be so short that it can be kept whole.
func (h *handover) mayBeKept() bool {
	if _, ok := h.runner.(*goroutine); !ok {
		return false
	}
	if length := h.header.Get("Content-Length"); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		return err == nil && n <= idempotency.MaxAnswer
	}
	kind, _, _ := mime.ParseMediaType(h.header.Get("Content-Type"))
	return kind != "text/event-stream"
}

// ended is closed when the handler of a handover that mayBeKept has returned.
func (h *handover) ended() <-chan struct{} { return h.runner.(*goroutine).done }
