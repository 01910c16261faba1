package luart

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// doneWriter is a client's response that is watched for done hooks: its status, its bytes, and
// whether the client took them. It is made only for requests that have such hooks.
type doneWriter struct {
	http.ResponseWriter
	status   int          // of the head; 0: there is none yet
	in, out  atomic.Int64 // bytes of the bodies, and of a connection that was taken over
	failed   bool         // something could not be sent
	hijacked bool
}

// WriteHeader implements http.ResponseWriter.
func (w *doneWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// wrote notes what has become of bytes of the body.
func (w *doneWriter) wrote(n int64, err error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.out.Add(n)
	w.failed = w.failed || err != nil
}

// Write implements http.ResponseWriter.
func (w *doneWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.wrote(int64(n), err)
	return n, err
}

// ReadFrom keeps the copy inside the kernel where the client's writer can do that. An error may
// be the reader's: that the client took everything it does not contradict.
func (w *doneWriter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.wrote(n, nil)
	return n, err
}

// FlushError sends what has been written so far, the head at least.
func (w *doneWriter) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if err == nil && w.status == 0 {
		w.status = http.StatusOK
	}
	return err
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (w *doneWriter) Flush() { _ = w.FlushError() }

// Hijack gives the connection away. What goes through it is counted.
func (w *doneWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return conn, buffered, err
	}
	w.hijacked = true
	w.in.Add(int64(buffered.Reader.Buffered()))
	return &doneConn{conn, w}, buffered, nil
}

// Unwrap lets http.ResponseController find what else the client's writer can do, such as deadlines.
func (w *doneWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// isWhole reports whether the response has the length that it was announced with.
func (w *doneWriter) isWhole(method string) bool {
	if w.status == 0 || w.failed {
		return false
	}
	if !bodyfilter.HasBody(method, w.status) {
		return true
	}
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	return err == nil && w.out.Load() >= length
}

// doneBody is the body of a request that is watched for done hooks.
type doneBody struct {
	io.ReadCloser
	w *doneWriter
}

func (b *doneBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.w.in.Add(int64(n))
	return n, err
}

// doneConn is a connection that was taken over from the server. Both directions are counted as
// they go: those who copy may not have returned when the handler has.
type doneConn struct {
	net.Conn
	w *doneWriter
}

func (c *doneConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.w.in.Add(int64(n))
	return n, err
}

func (c *doneConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.w.out.Add(int64(n))
	return n, err
}

// CloseWrite closes one direction, where the connection can.
func (c *doneConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
