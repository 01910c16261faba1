package luart

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"reflect"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/head"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// handoverWriter is where a handler writes its response to. It stops at the head until the
// verdict. It is the handler's.
type handoverWriter struct {
	h      *handover
	client http.ResponseWriter
	*clientHead
	verdict
	wrote bool        // the head
	came  int         // its status, whatever the script makes of it (but see addFilter); 0: none yet
	mute  bool        // by its status there is no body, or was none: none is sent
	due   bool        // that is a 101 to be sent, which leaves when the handler takes the connection
	late  http.Header // for what comes behind the head of a response that is not sent

	dropped int // bytes of a body that is not sent
}

// maxDropped bytes of a response that is not sent are taken and dropped: so an upstream's
// connection may be used again, and no handler complains. What is longer is an error.
const maxDropped = 256 << 10

// Header returns the headers of the response; once it is sent, those of the client's, to
// which trailers are added.
func (w *handoverWriter) Header() http.Header {
	switch {
	case w.to != nil && !w.mute:
		return w.to.Header()
	case w.late != nil:
		return w.late
	}
	return w.h.header
}

// WriteHeader waits for the verdict. Informational responses go through at once.
func (w *handoverWriter) WriteHeader(status int) {
	if w.wrote {
		return
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.inform(status)
		return
	}
	tunnel := opensTunnel(w.h.socket, status, w.h.header)
	w.submitHead(status)
	if w.to == nil && (tunnel || w.limit == 0 && w.h.mayTunnel()) {
		panic(http.ErrAbortHandler) // the only way to keep the handler from opening it
	}
}

// submitHead takes a head to its verdict.
func (w *handoverWriter) submitHead(status int) {
	w.stopAtHead(status)
	switch {
	case w.to == nil:
		w.late = http.Header{}
		if w.limit > 0 {
			w.h.answer = &bytes.Buffer{}
		}
	case w.h.status == http.StatusSwitchingProtocols:
		w.due = true
	default:
		w.sendHead()
	}
}

// stopAtHead stops the handler until the verdict on a response whose head has a status.
func (w *handoverWriter) stopAtHead(status int) {
	w.wrote = true
	w.h.status, w.came = status, status
	w.h.cameSecurity = head.ValuesOf(w.h.header)
	w.verdict = w.h.stop()
}

func (w *handoverWriter) sendHead() {
	w.mute = bodyfilter.TurnedHead(w.h.header, w.came, w.h.status)
	setHeader(w.to.Header(), w.h.header)
	if w.mute {
		w.late = http.Header{}
	}
	w.to.WriteHeader(w.h.status)
}

// setHeader makes to what from is. They may be the same map.
func setHeader(to, from http.Header) {
	if reflect.ValueOf(to).Pointer() != reflect.ValueOf(from).Pointer() {
		clear(to)
		maps.Copy(to, from)
	}
}

// inform sends a 1xx response with the headers it has to the client.
func (w *handoverWriter) inform(status int) {
	c := w.clientHead
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.committed {
		return
	}
	header := w.client.Header()
	if w.h.alone() {
		w.client.WriteHeader(status)
		return
	}
	was := maps.Clone(header)
	maps.Copy(header, w.h.header)
	w.client.WriteHeader(status)
	clear(header)
	maps.Copy(header, was)
}

// Dropped reports whether the script does not use the response.
func (w *handoverWriter) Dropped() bool { return w.wrote && w.to == nil && w.limit == 0 }

func (w *handoverWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.due:
		return 0, http.ErrBodyNotAllowed
	case w.to != nil && !w.mute:
		return w.to.Write(p)
	case w.mute, w.h.answer == nil:
		if w.dropped += len(p); w.dropped < maxDropped {
			return len(p), nil
		}
		return 0, errDropped
	case int64(w.h.answer.Len()+len(p)) > w.limit && w.h.overflow != nil:
		if !w.h.overflow.stop(w) {
			return 0, errDropped
		}
		return w.Write(p)
	case int64(w.h.answer.Len()+len(p)) > w.limit:
		w.h.broken = errors.New("the body is " + reqbody.TooLong(w.limit))
		return 0, w.h.broken
	}
	return w.h.answer.Write(p)
}

// ReadFrom keeps the copy inside the kernel where the client's writer can do that.
func (w *handoverWriter) ReadFrom(r io.Reader) (int64, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.to != nil && !w.due && !w.mute {
		return io.Copy(w.to, r)
	}
	return io.Copy(struct{ io.Writer }{w}, r)
}

// FlushError sends what has been written so far, the head at least.
func (w *handoverWriter) FlushError() error {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.to == nil || w.due {
		return nil
	}
	return http.NewResponseController(w.to).Flush()
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (w *handoverWriter) Flush() { _ = w.FlushError() }

// Hijack takes over the client's connection, and sends the 101 that is due. A handler that
// has written no head will write it itself: hooks see a 101 then, which they may refuse, but
// not change.
func (w *handoverWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.wrote {
		w.stopAtHead(http.StatusSwitchingProtocols)
		if w.to == nil {
			panic(http.ErrAbortHandler)
		}
	}
	if w.to == nil {
		return nil, nil, errDropped
	}
	if w.due {
		w.due = false
		w.sendHead()
	}
	return http.NewResponseController(w.to).Hijack()
}

// Unwrap lets http.ResponseController find what else the client's writer can do, such as deadlines.
func (w *handoverWriter) Unwrap() http.ResponseWriter { return w.client }
