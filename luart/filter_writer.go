package luart

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/response"
)

// ErrReplaced is the error of Write when a filter has failed before anything was sent: there
// is another reply now, an error (see Err), and Write sends that.
var ErrReplaced = errors.New("a filter failed, and another reply takes the place of the response")

// errFiltering is what a handler's Write returns when a filter has failed.
var errFiltering = errors.New("a filter of the response failed")

// filterWriter is where a response goes that has filters. The head leaves with the first
// bytes that the filters let out, so that until then an error can be answered as one; that
// of an event stream leaves when it is flushed. Its methods are called by one goroutine at a
// time: the one that writes the response.
type filterWriter struct {
	x      *Exchange
	client http.ResponseWriter
	before http.Header // the client's, as it was

	decoder      *bodyfilter.Decoder
	closeFilters func() error // tells each filter, in order, that the body is over
	calls        call         // of the filters' functions

	status int         // of the head; 0: it is not there yet
	late   http.Header // what was set behind the head, while that has not left
	sent   bool        // the head has left

	failed *ScriptError
	by     *handler // whose filter failed
}

// writeFiltered is write through the reply's filters. It panics with http.ErrAbortHandler
// when one fails after the head has left, so that no client takes the response for whole.
func (x *Exchange) writeFiltered(w http.ResponseWriter) (err error) {
	f := &filterWriter{x: x, client: w, calls: call{gen: x.gen, x: x, ctx: x.ctx}}
	if h := x.outcome.reply.from; h != nil && h.alone() {
		f.before = h.before
	} else {
		f.before = maps.Clone(w.Header())
	}
	if err := f.build(x.outcome.reply.filters); err != nil {
		return err
	}
	defer f.decoder.Abort()
	defer func() {
		if f.failed == nil {
			return
		}
		if reason := recover(); reason != nil && reason != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
			panic(reason)
		}
		f.restoreHead()
		err = x.replaceFailed(f)
	}()
	err = x.write(f)
	if err == nil {
		err = f.close()
	}
	if err != nil && f.failed == nil && f.sent {
		panic(http.ErrAbortHandler) // nobody knows the length: it would look whole
	}
	if err != nil && f.status != 0 { // without a head the error's own answer gets the headers
		f.restoreHead()
	}
	return err
}

// replaceFailed makes the reply of a filter's failure, or ends the response.
func (x *Exchange) replaceFailed(f *filterWriter) error {
	if x.stream != nil {
		x.stream.stop()
	}
	err := x.contain(x.gen.vm.loop.DoAdmitted(func(th *thread) error {
		x.gen.vm.start(&x.call, th)
		if f.sent {
			x.logFailure(f.failed, f.by)
		} else {
			x.upload.received = nil // it cannot be passed on any more
			x.setErrorReply(f.failed, f.by)
			x.outcome.reply.filters = nil
			x.addCookies()
		}
		x.closeCtx()
		x.endSlice()
		return nil
	}))
	switch {
	case f.sent:
		panic(http.ErrAbortHandler)
	case err != nil:
		return err
	}
	x.forward.dropUnsent(&x.outcome.reply)
	return ErrReplaced
}

// build makes the decoder and the filters behind it, from the last to the first.
func (f *filterWriter) build(list *filters) error {
	next, end := f.emit, func() error { return nil }
	for i := len(list.list) - 1; i >= 0; i-- {
		step, following := &list.list[i], next
		if step.fn != nil {
			next = func(p []byte) error { return f.call(step, p, false, following) }
			ends := end
			end = func() error {
				if err := f.call(step, nil, true, following); err != nil {
					return err
				}
				return ends()
			}
			continue
		}
		r, err := step.replacer(following)
		if err != nil {
			return err
		}
		next = func(p []byte) error {
			_, err := r.Write(p)
			return f.blame(step, err)
		}
		ends := end
		end = func() error {
			if err := f.blame(step, r.Close()); err != nil {
				return err
			}
			return ends()
		}
	}
	f.closeFilters = end
	var err error
	f.decoder, err = bodyfilter.NewDecoder(list.coding, 0, next)
	return err
}

// call calls a filter's function, and hands on what it returns.
func (f *filterWriter) call(step *filter, p []byte, last bool, next func([]byte) error) error {
	vm, c := f.x.gen.vm, &f.calls
	c.setDeadline()
	var text string
	var failed *ScriptError
	err := vm.loop.DoAdmitted(func(th *thread) error {
		vm.start(c, th)
		defer c.done()
		v, err := vm.call1(c, step.fn, lua.LString(p), lua.LBool(last))
		if failed = err; err != nil {
			return nil
		}
		var wrong error
		if text, wrong = step.output(v); wrong != nil {
			failed = &ScriptError{Status: http.StatusInternalServerError, Message: wrong.Error()}
		}
		return nil
	})
	switch {
	case errors.Is(err, eventloop.ErrClosed):
		failed = &ScriptError{Status: http.StatusServiceUnavailable, Message: errStopping.Error()}
	case err != nil: // a panic, a bug of ours
		failed = &ScriptError{Status: http.StatusInternalServerError, Message: err.Error()}
	}
	if failed != nil {
		return f.setFailed(step, failed)
	}
	if text == "" {
		return nil
	}
	return next([]byte(text))
}

// setFailed remembers the first failure, and returns an error for whoever writes the response.
func (f *filterWriter) setFailed(step *filter, err *ScriptError) error {
	if f.failed == nil {
		f.failed, f.by = err, step.by
		if f.by == nil { // it was asked for while another request was served
			f.by = f.x.running
		}
	}
	return errFiltering
}

// blame makes a failure of an error that a filter of ours returned, unless that comes from
// behind it.
func (f *filterWriter) blame(step *filter, err error) error {
	if errors.Is(err, bodyfilter.ErrSlowPattern) {
		return f.setFailed(step, &ScriptError{Status: http.StatusInternalServerError, Message: "res:replace: " + err.Error()})
	}
	return err
}

// decoded makes a failure of an error of the decoder itself: the upstream's fault.
func (f *filterWriter) decoded(err error) error {
	var wrong *bodyfilter.DecodeError
	if errors.As(err, &wrong) {
		return f.setFailed(&filter{}, &ScriptError{Status: http.StatusBadGateway, Message: "filtering the response: " + err.Error()})
	}
	return err
}

// emit sends what the filters let out.
func (f *filterWriter) emit(p []byte) error {
	f.sendHead()
	_, err := f.client.Write(p)
	return err
}

func (f *filterWriter) sendHead() {
	if f.sent {
		return
	}
	f.sent = true
	f.client.WriteHeader(f.status)
	maps.Copy(f.client.Header(), f.late)
}

// restoreHead takes a head back that has not left.
func (f *filterWriter) restoreHead() {
	if !f.sent {
		setHeader(f.client.Header(), f.before)
	}
}

// close says that the whole body has come.
func (f *filterWriter) close() error {
	if f.failed != nil {
		return errFiltering
	}
	if f.status == 0 {
		return nil
	}
	if err := f.decoded(f.decoder.Close()); err != nil {
		return err
	}
	if err := f.closeFilters(); err != nil {
		return err
	}
	f.sendHead()
	bodyfilter.FilteredTrailer(f.client.Header())
	if hasUnannounced(f.client.Header()) { // or a short body gets a length, behind which there are none
		return http.NewResponseController(f.client).Flush()
	}
	return nil
}

// Header returns the client's headers; behind a head that has not left, those of trailers.
func (f *filterWriter) Header() http.Header {
	if f.status != 0 && !f.sent {
		return f.late
	}
	return f.client.Header()
}

// WriteHeader keeps the head until there are bytes.
func (f *filterWriter) WriteHeader(status int) {
	if f.status == 0 {
		f.status = status
		f.late = http.Header{}
	}
}

func (f *filterWriter) Write(p []byte) (int, error) {
	if f.status == 0 {
		f.WriteHeader(http.StatusOK)
	}
	if f.failed != nil {
		return 0, errFiltering
	}
	n, err := f.decoder.Write(p)
	return n, f.decoded(err)
}

// FlushError sends what the filters have let out. The head of an event stream leaves too:
// its client waits for that.
func (f *filterWriter) FlushError() error {
	if f.status == 0 {
		f.WriteHeader(http.StatusOK)
	}
	if !f.sent {
		ctype, _, _ := strings.Cut(f.client.Header().Get("Content-Type"), ";")
		if f.failed != nil || !strings.EqualFold(strings.TrimSpace(ctype), response.TypeEvents) {
			return nil
		}
		f.sendHead()
	}
	return http.NewResponseController(f.client).Flush()
}

// Flush is FlushError, for those who ask for an http.Flusher.
func (f *filterWriter) Flush() { _ = f.FlushError() }

// Unwrap lets http.ResponseController find what else the client's writer can do, such as deadlines.
func (f *filterWriter) Unwrap() http.ResponseWriter { return f.client }

// Interface guards
var (
	_ http.ResponseWriter = (*filterWriter)(nil)
	_ http.Flusher        = (*filterWriter)(nil)
)
