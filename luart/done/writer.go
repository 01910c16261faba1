package done

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// Writer is a client's response that is watched for done hooks: its status, its bytes, and
// whether the client took them. It is made only for requests that have such hooks.
type Writer struct {
	http.ResponseWriter
	Status   int          // of the head; 0: there is none yet
	In, Out  atomic.Int64 // bytes of the bodies, and of a connection that was taken over
	Failed   bool         // something could not be sent
	Hijacked bool
}

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(status int) {
	if w.Status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// wrote notes what has become of bytes of the body.
func (w *Writer) wrote(n int64, err error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	w.Out.Add(n)
	w.Failed = w.Failed || err != nil
}

// Write implements http.ResponseWriter.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.wrote(int64(n), err)
	return n, err
}

// ReadFrom keeps the copy inside the kernel where the client's writer can do that. An error may
// be the reader's: that the client took everything it does not contradict.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(w.ResponseWriter, r)
	w.wrote(n, nil)
	return n, err
}

// FlushError sends what has been written so far, the head at least.
func (w *Writer) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if err == nil && w.Status == 0 {
		w.Status = http.StatusOK
	}
	return err
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (w *Writer) Flush() { _ = w.FlushError() }

// Hijack gives the connection away. What goes through it is counted.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return c, buffered, err
	}
	w.Hijacked = true
	w.In.Add(int64(buffered.Reader.Buffered()))
	return &conn{c, w}, buffered, nil
}

// Unwrap lets http.ResponseController find what else the client's writer can do, such as deadlines.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// IsWhole reports whether the response has the length that it was announced with.
func (w *Writer) IsWhole(method string) bool {
	if w.Status == 0 || w.Failed {
		return false
	}
	if !bodyfilter.HasBody(method, w.Status) {
		return true
	}
	length, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	return err == nil && w.Out.Load() >= length
}

// Body is the body of a request that is watched for done hooks.
type Body struct {
	io.ReadCloser
	W *Writer
}

func (b *Body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.W.In.Add(int64(n))
	return n, err
}

// conn is a connection that was taken over from the server. Both directions are counted as
// they go: those who copy may not have returned when the handler has.
type conn struct {
	net.Conn
	w *Writer
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.w.In.Add(int64(n))
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.w.Out.Add(int64(n))
	return n, err
}

// CloseWrite closes one direction, where the connection can.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
