package luart

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Time in a bubble goes on only when all its goroutines wait: what takes a minute of it is
// over after whatever does not wait for it.

func TestOnEndStopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := false
		stop := onEnd(ctx, func() {
			time.Sleep(time.Minute)
			ended = true
		})
		cancel()
		synctest.Wait() // it has begun
		stop()
		if !ended {
			t.Error("stop has returned while the function was running")
		}
		stop()
	})
}

func TestOnEndStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stop := onEnd(ctx, func() { t.Error("called though it was stopped") })
		stop()
		stop()
		cancel()
		synctest.Wait()
	})
}

// resetWriter is the writer of a stream: what touches it after its handler has returned
// would dereference nil.
type resetWriter struct {
	*httptest.ResponseRecorder
	t        *testing.T
	returned atomic.Bool
	deadline atomic.Int32  // calls of SetReadDeadline
	begun    chan struct{} // closed by the first one; nil: nobody waits for it
}

func (w *resetWriter) SetReadDeadline(time.Time) error {
	if w.deadline.Add(1) == 1 && w.begun != nil {
		close(w.begun)
	}
	time.Sleep(time.Minute) // until the handler has returned, if that does not wait for this
	if w.returned.Load() {
		w.t.Error("the writer is touched after the handler has returned")
	}
	return nil
}

// resetBody is the body of a stream: a reset ends its reads at once, and the context.
type resetBody struct{ reset context.Context }

func (b resetBody) Read([]byte) (int, error) {
	<-b.reset.Done()
	return 0, io.ErrUnexpectedEOF
}

func (b resetBody) Close() error { return nil }

// lateBody is a resetBody whose reads end when what the end of the context has begun is under way.
type lateBody struct {
	resetBody
	begun chan struct{}
}

func (b lateBody) Read(p []byte) (int, error) {
	n, err := b.resetBody.Read(p)
	<-b.begun
	return n, err
}

// A client that resets its stream while Lua reads the body must not leave anything behind
// that touches the request's writer.
func TestResetWhileReading(t *testing.T) {
	for _, read := range []string{
		"ctx:body()",
		"ctx:multipart()",
		"rover.parallel { function() ctx:body() end, function() ctx:body() end }",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, `
				local api = rover.server {}
				function api.up.post(ctx) `+read+` return "read" end
				return api`)
			ctx, reset := context.WithCancel(t.Context())
			w := &resetWriter{ResponseRecorder: httptest.NewRecorder(), t: t, begun: make(chan struct{})}
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/up", lateBody{resetBody{ctx}, w.begun})
			r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
			served := make(chan struct{})
			go func() {
				defer close(served)
				defer w.returned.Store(true)
				s.ServeHTTP(w, r)
			}()
			synctest.Wait() // it reads
			reset()
			<-served
			time.Sleep(2 * time.Minute) // whatever has been left behind has its turn
			if w.deadline.Load() == 0 {
				t.Error("nothing has ended the read")
			}
		})
	}
}
