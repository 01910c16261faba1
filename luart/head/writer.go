// Package head has the last word about the heads of responses, whoever makes them: a script, the
// next handler, an upstream.
package head

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// Writer is a client's response whose head is changed when it leaves.
type Writer struct {
	http.ResponseWriter
	// Last changes the headers of the response, once. Informational responses, and 101, which
	// leads to another protocol, are left alone.
	Last func(http.Header)
	left bool
}

// leave is told that the head leaves.
func (w *Writer) leave() {
	if !w.left {
		w.left = true
		w.Last(w.Header())
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(status int) {
	switch {
	case status >= 200:
		w.leave()
	case status == http.StatusSwitchingProtocols:
		w.left = true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Writer) Write(p []byte) (int, error) {
	w.leave()
	return w.ResponseWriter.Write(p)
}

// ReadFrom keeps the copy inside the kernel where the client's writer can do that.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	w.leave()
	return io.Copy(w.ResponseWriter, r)
}

// FlushError sends what has been written so far, the head at least.
func (w *Writer) FlushError() error {
	w.leave()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack gives the connection away, and with it the head.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController find what else the client's writer can do, such as deadlines.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
