package lean

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"sync"
	"time"
)

// upload sends the body of a request, on a goroutine of its own: the server may answer before it has
// read all. The goroutine ends when the body has been sent, or the connection is closed; where it
// waits for the body then, when that gives it up.
type upload struct {
	done chan struct{}

	// Once done:
	readErr  error // of the body
	writeErr error // of the connection
}

// reuseWait is how long the end of a response waits for that of its request: the server has
// answered with the last bytes of it.
const reuseWait = 50 * time.Millisecond

// copies are buffers of uploads.
var copies = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// startUpload begins to send a body. sent is called when all of it is.
func startUpload(c *conn, req *http.Request, f framing, sent func()) *upload {
	u := &upload{done: make(chan struct{})}
	go func() {
		u.send(c, req, f)
		_ = req.Body.Close()
		// The server must not take what it has for the whole. But it may have answered and not read on:
		// that answer counts.
		failed := u.readErr != nil || errors.Is(u.writeErr, os.ErrDeadlineExceeded)
		if !failed && u.writeErr == nil && sent != nil {
			sent()
		}
		close(u.done) // before the connection, so that whoever reads from it knows why
		if failed {
			c.Close()
		}
	}()
	return u
}

func (u *upload) send(c *conn, req *http.Request, f framing) {
	body := req.Body
	buf := copies.Get().(*[]byte)
	defer copies.Put(buf)
	if !f.chunked {
		n := u.copy(c, io.LimitReader(body, f.length), *buf)
		if u.readErr != nil || u.writeErr != nil {
			return
		}
		n += u.copy(io.Discard, body, *buf)
		switch {
		case u.readErr != nil:
		case n < f.length:
			u.readErr = fmt.Errorf("ContentLength=%d with Body length %d", f.length, n)
		case n > f.length: // the server has a whole request, and may answer it
			u.writeErr = fmt.Errorf("ContentLength=%d with Body length %d", f.length, n)
		}
		return
	}
	bw := bufio.NewWriterSize(c, len(*buf)+64) // a chunk is one packet, with its size
	chunks := httputil.NewChunkedWriter(bw)
	if u.copy(flushing{chunks, bw}, body, *buf); u.readErr != nil || u.writeErr != nil {
		return
	}
	_ = chunks.Close() // bw remembers its error
	if err := req.Trailer.Write(bw); err != nil {
		u.writeErr = err
		return
	}
	_, _ = bw.WriteString("\r\n")
	u.writeErr = bw.Flush()
}

// flushing sends each chunk at once.
type flushing struct {
	io.Writer
	bw *bufio.Writer
}

// Write implements io.Writer.
func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.bw.Flush()
	}
	return n, err
}

// copy tells errors of the body from those of the connection.
func (u *upload) copy(w io.Writer, body io.Reader, buf []byte) (copied int64) {
	for {
		n, err := body.Read(buf)
		if n > 0 {
			copied += int64(n)
			if _, u.writeErr = w.Write(buf[:n]); u.writeErr != nil {
				return copied
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return copied
		default:
			u.readErr = err
			return copied
		}
	}
}

// ended reports whether all of the body was sent. It waits a little. nil is no body.
func (u *upload) ended() bool {
	if u == nil {
		return true
	}
	select {
	case <-u.done:
	default:
		t := time.NewTimer(reuseWait)
		defer t.Stop()
		select {
		case <-u.done:
		case <-t.C:
			return false
		}
	}
	return u.readErr == nil && u.writeErr == nil
}

// wait returns when the body is not read any more. The connection must be closed.
func (u *upload) wait() {
	if u != nil {
		<-u.done
	}
}

// failed returns why the body was not sent, if that is known.
func (u *upload) failed() (readErr, writeErr error) {
	if u == nil {
		return nil, nil
	}
	select {
	case <-u.done:
		return u.readErr, u.writeErr
	default:
		return nil, nil
	}
}
