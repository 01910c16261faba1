package reqbody

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// Watched is a request's body that knows whether its client has left before its end.
type Watched struct {
	io.ReadCloser
	proto int
	left  atomic.Bool
}

// Watch makes the body of r a watched one, and returns it; nil if there is none.
func Watch(r *http.Request) *Watched {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	w := &Watched{ReadCloser: r.Body, proto: r.ProtoMajor}
	r.Body = w
	return w
}

// Left reports whether the client has left while the body was read. net/http may not have noticed:
// it does not watch a connection that it reads a body from. Any goroutine may call it.
func (w *Watched) Left() bool { return w.left.Load() }

func (w *Watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF && isLeaving(w.proto, err) { //nolint:errorlint // as readers return it
		w.left.Store(true)
	}
	return n, err
}

// isLeaving reports whether an error of a read says that nobody waits for an answer. Over HTTP/1 a
// body that ends early is a connection that was closed; net/http takes one that is closed in
// one direction for that, too. Over HTTP/2 and 3 it is the stream's end, and its client may
// be waiting for what we say to that.
func isLeaving(proto int, err error) bool {
	var tooBig *http.MaxBytesError
	var bad *Error
	var failed net.Error
	early := errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case errors.As(err, &tooBig), errors.As(err, &bad), errors.As(err, &failed) && failed.Timeout():
		return false
	case proto >= 2:
		return !early
	}
	var op *net.OpError
	return early || errors.As(err, &op) || errors.Is(err, net.ErrClosed)
}
