package luart

import (
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// StatusError is an error of the next handler that is to be answered with another
// status: the script has set res.status.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string { return e.Err.Error() }

func (e *StatusError) Unwrap() error { return e.Err }

var errNoTunnel = errors.New("a handler behind has answered 101 without taking over the connection")

// send lets the response go to w with the head that the script made of it, and returns
// what the handler returned, or a *StatusError. It panics with what the handler panicked
// with. The goroutine that serves the request calls it.
func (h *handover) send(w http.ResponseWriter, status int, header http.Header, head bool) error {
	h.headFixed = true
	if h.kept {
		return h.sendKept(w, status, header, head)
	}
	failed := h.status == 0
	if failed {
		maps.Copy(w.Header(), header)
	}
	late := h.header // where the handler may still put trailers
	h.status, h.header = status, header
	if h.overflow.isFull() {
		h.overflow.deliver(verdict{to: w})
	}
	h.resolve(verdict{to: w})
	h.wait()
	switch {
	case h.mute && (h.panicked == nil || h.panicked == http.ErrAbortHandler): //nolint:errorlint // as net/http compares it
		return nil // the head was all, however the body has ended
	case h.panicked != nil:
		panic(h.panic())
	case h.wrote && h.verdict.to == nil: // it was dropped, and must not look like an empty one
		panic(http.ErrAbortHandler)
	case h.due: // a 101 that no tunnel follows: what the client would send into it is no request
		if h.alone() {
			setHeader(w.Header(), h.before)
		}
		w.Header()["Connection"] = []string{"close"}
		return &StatusError{http.StatusBadGateway, errNoTunnel}
	}
	for name, values := range late {
		if h.isTrailer(name) {
			w.Header()[name] = values
		}
	}
	if failed && status != h.errorStatus {
		return &StatusError{status, h.err}
	}
	return h.err
}

// panic returns what to panic with in the handler's place: net/http knows
// http.ErrAbortHandler, and logs everything else with a stack, which is not the handler's.
func (h *handover) panic() any {
	if h.panicked == http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
		return h.panicked
	}
	return fmt.Sprintf("%v\n\n%s", h.panicked, h.stack)
}

// sendKept sends a response whose body Lua has read, or began to.
func (h *handover) sendKept(w http.ResponseWriter, status int, header http.Header, head bool) error {
	h.wait()
	if h.failure() != nil {
		panic(http.ErrAbortHandler) // it is not whole, and must not look so
	}
	mute := bodyfilter.TurnedHead(header, h.came, status)
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	if mute {
		return nil
	}
	if head {
		if header["Content-Length"] == nil { // over HTTP/3 a head that leaves at the end says that it is 0
			_ = http.NewResponseController(w).Flush()
		}
		return nil
	}
	_, err := w.Write(h.answer.Bytes())
	sendTrailers(w, h.trailers())
	return err
}
