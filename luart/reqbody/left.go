package reqbody

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// UploadVar is the variable of a request, among those of Caddy, that holds its *Watched.
const UploadVar = "rover.upload"

// Watched is a request's body that knows whether its client is to blame for an end of it: it has left,
// or what it sent is no body. Any goroutine may call its methods, but one at a time reads.
type Watched struct {
	io.ReadCloser
	proto int

	mu      sync.Mutex
	missing int64 // bytes of it that have not been read; below 0: nobody knows how many there are
	whole   bool  // its end was read
	closed  bool  // by us: but for HTTP/1 what a read returns from then on is not the client's
	ended   error // what the first read that failed has returned
	reading bool
}

// Watch makes the body of r a watched one, and returns it; nil if there is none.
func Watch(r *http.Request) *Watched {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	w := &Watched{ReadCloser: r.Body, proto: r.ProtoMajor, missing: r.ContentLength}
	r.Body = w
	return w
}

// Left reports whether the client has left while the body was read. net/http may not have noticed:
// it does not watch a connection that it reads a body from.
func (w *Watched) Left() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended != nil && isLeaving(w.proto, w.ended)
}

// Broken says what was wrong with the body, nil if nothing was: it broke off, was no body, was too
// large, or came too slowly. nil is for a request without one.
func (w *Watched) Broken() *Error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended == nil {
		return nil
	}
	var failed net.Error
	if errors.As(w.ended, &failed) && failed.Timeout() {
		return &Error{http.StatusRequestTimeout, "reading the request body: " + w.ended.Error()}
	}
	return AsError(w.ended)
}

// Misread reports whether who reads the next request of the connection could begin in the middle of
// this one: its body is broken. With unread nobody reads the rest of any other, too.
func (w *Watched) Misread(unread bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended != nil || unread && !w.whole
}

// Awaited reports whether somebody waits for the client to send more. nil is for a request without a
// body.
func (w *Watched) Awaited() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reading
}

// Read implements io.Reader.
func (w *Watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return 0, http.ErrBodyReadAfterClose
	}
	w.reading = true
	w.mu.Unlock()
	n, err := w.ReadCloser.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reading = false
	if w.missing > 0 {
		w.missing -= int64(n)
	}
	if !w.closed && w.missing <= 0 && (err == io.EOF || w.missing == 0) { //nolint:errorlint // as readers return it
		w.whole = true
	}
	if err != nil && err != io.EOF && (!w.closed || w.proto == 1) && w.ended == nil { //nolint:errorlint // as readers return it
		w.ended = err
	}
	return n, err
}

// Close implements io.Closer. A read that is under way ends with an error of ours. Over HTTP/1 it goes on,
// and net/http closes the body: when the head of the response leaves it reads the rest, and closes the
// connection if that is too much, or is broken. Of a closed body it takes the rest for read, where
// somebody has put a reader of his own in its place, as Caddy does, and what is left would be the next
// request.
func (w *Watched) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	if w.proto == 1 {
		return nil
	}
	return w.ReadCloser.Close()
}

// isLeaving reports whether an error of a read says that nobody waits for an answer. Over HTTP/1 a
// body that ends early is a connection that was closed; net/http takes one that is closed in
// one direction for that, too. Over HTTP/2 and 3 it is the stream's end, and its client may
// be waiting for what we say to that.
func isLeaving(proto int, err error) bool {
	var tooBig *http.MaxBytesError
	var bad *Error
	var failed net.Error
	early := errors.Is(err, io.ErrUnexpectedEOF) || isShort(err)
	switch {
	case errors.As(err, &tooBig), errors.As(err, &bad), errors.As(err, &failed) && failed.Timeout():
		return false
	case proto >= 2:
		return !early
	}
	var op *net.OpError
	return early || errors.As(err, &op) || errors.Is(err, net.ErrClosed)
}

// isShort reports whether an error is that of HTTP/2's server for a stream that has ended before the
// Content-Length of its request. It has no type of its own.
func isShort(err error) bool {
	return strings.HasPrefix(err.Error(), "request declared a Content-Length of ")
}
