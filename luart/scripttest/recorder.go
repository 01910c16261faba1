package scripttest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// window is how much of a response a client that reads it bit by bit lets come before it has read
// it: what a connection keeps on its way, about. A handler that sends more waits.
const window = 64 << 10

// errClientLeft is what a handler gets that writes to a client that has left.
var errClientLeft = errors.New("the client has left")

// recorder keeps a response as a client gets it. Any goroutine may call its methods, but one at a
// time those of http.ResponseWriter.
type recorder struct {
	head   bool            // the request was HEAD
	clock  *clock.Clock    // nil: nobody reads while the handler writes
	ctx    context.Context // of the request
	upload *upload         // the body of the request, where the client sends it bit by bit; nil: it is there
	header http.Header

	mu      sync.Mutex // guards the rest
	status  int        // 0: nothing has been sent
	sent    http.Header
	body    []byte        // what has come and has not been read
	length  int           // of all that has come
	over    bool          // the handler has returned
	left    bool          // the client has left before that
	err     error         // what the handler has returned, or why the client has left
	changed chan struct{} // closed, and replaced, when one of these changes
}

func newRecorder(r *http.Request) *recorder {
	u, _ := r.Body.(*upload)
	return &recorder{
		head: r.Method == http.MethodHead, ctx: r.Context(), upload: u,
		header: http.Header{}, changed: make(chan struct{}),
	}
}

// change wakes whoever waits for a change. w.mu is held.
func (w *recorder) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// await waits until a condition holds, as an activity of the clock, or ctx ends. w.mu is held, also
// while the condition is looked at.
func (w *recorder) await(ctx context.Context, condition func() bool) {
	for !condition() && ctx.Err() == nil {
		changed := w.changed
		w.mu.Unlock()
		wait := w.clock.Wait(clock.Forever, func() bool { return isClosed(changed) || ctx.Err() != nil })
		select {
		case <-changed:
		case <-ctx.Done():
		}
		wait.End()
		w.mu.Lock()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(status)
}

func (w *recorder) writeHeader(status int) {
	if w.left || w.status != 0 || status >= 100 && status <= 199 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status, w.sent = status, w.header.Clone()
	w.change()
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	switch {
	case w.left:
		return 0, errClientLeft
	case w.status == http.StatusNoContent || w.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case w.head:
		return len(p), nil
	}
	if w.clock != nil {
		w.await(w.ctx, func() bool { return len(w.body) < window || w.left })
		if w.left || w.ctx.Err() != nil {
			return 0, errClientLeft
		}
	}
	if w.length == 0 && len(p) > 0 && w.sent.Get("Content-Type") == "" {
		w.sent.Set("Content-Type", http.DetectContentType(p))
	}
	w.body = append(w.body, p...)
	w.length += len(p)
	w.change()
	return len(p), nil
}

// FlushError implements what http.ResponseController looks for.
func (w *recorder) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	if w.left {
		return errClientLeft
	}
	return nil
}

// Flush implements http.Flusher.
func (w *recorder) Flush() { _ = w.FlushError() }

// SetReadDeadline implements what http.ResponseController looks for, for a time that is over: a
// reader of the request's body waits no longer.
func (w *recorder) SetReadDeadline(t time.Time) error {
	if w.upload != nil && t.Before(time.Now()) {
		w.upload.cut(os.ErrDeadlineExceeded)
	}
	return nil
}

// Hijack implements http.Hijacker. The client has nothing to say on the connection.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	_, end := net.Pipe()
	c := silentConn{end}
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

// silentConn is a connection whose other end takes everything and says nothing.
type silentConn struct{ net.Conn }

func (silentConn) Read([]byte) (int, error)    { return 0, io.EOF }
func (silentConn) Write(p []byte) (int, error) { return len(p), nil }

// leave says that the client leaves, and why, unless the response has ended or it has left before.
func (w *recorder) leave(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.left {
		return
	}
	w.left, w.err = true, why
	w.change()
}

// finish is told that the handler has returned an error, or nil, and the status of that. It completes
// the head as net/http does.
func (w *recorder) finish(err error, status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	defer w.change()
	if w.left {
		return
	}
	whole := w.clock == nil || w.status == 0
	if w.err = err; err != nil {
		w.writeHeader(status)
	}
	w.writeHeader(http.StatusOK)
	if whole && w.sent.Get("Content-Length") == "" && w.length > 0 {
		w.sent.Set("Content-Length", strconv.Itoa(w.length))
	}
}

// read takes what has come of the body, once there is something; ok is false at its end.
func (w *recorder) read(ctx context.Context) (text string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.await(ctx, func() bool { return len(w.body) > 0 || w.over || w.left })
	text, w.body = string(w.body), nil
	w.change()
	return text, text != ""
}
