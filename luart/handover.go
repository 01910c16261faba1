package luart

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/bodyfilter"
)

// handover is a request on its way through the next handler (ctx:next) or to upstreams
// (ctx:proxy), whose response a script decides about when its head is there. It runs on a
// goroutine of its own, which the exchange waits for, and which stops at the head until
// the decision.
//
// What belongs to whom: status and header are the goroutine's until head is closed, then
// the holder's, and with the decision the goroutine's again. The rest of the answer is
// written to the client by that goroutine while the one that serves the request waits.
type handover struct {
	header http.Header
	status int    // of the head; 0: the handler returned without one
	head   signal // the head is there, or the handler has returned
	done   signal // the handler has returned

	decided  bool // the holder's, and after the VM the serving goroutine's
	kept     bool // the same: the decision was to keep the body
	client   *clientHead
	decision chan decision
	cancel   context.CancelFunc

	err      error // after done: what the handler returned
	panicked any   // after done: what it panicked with
	stack    []byte
	broken   error         // after done: the answer was not taken whole
	answer   *bytes.Buffer // after done, if that was the decision: the body
}

// clientHead guards the head of the client's response, which informational responses of
// several handovers may come before.
type clientHead struct {
	mu    sync.Mutex
	begun bool // nothing informational may be sent any more
}

// header returns a copy of the headers that others have set so far.
func (c *clientHead) header(w http.ResponseWriter) http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := w.Header().Clone(); h != nil {
		return h
	}
	return http.Header{}
}

// begin says that the response begins. Any goroutine may call it; nil is for a request
// that was not handed over.
func (c *clientHead) begin() {
	if c != nil {
		c.mu.Lock()
		c.begun = true
		c.mu.Unlock()
	}
}

// signal is a channel that is closed once.
type signal chan struct{}

// decision says what becomes of a response whose head is there.
type decision struct {
	to    http.ResponseWriter // send it there; nil: see limit
	limit int64               // keep so many bytes of its body at most; 0: drop it
}

var errDropped = errors.New("the script has dropped this response")

// next is ctx:next(): it passes the request on to the next handler and returns its
// response as soon as the head is there. proxy is ctx:proxy(to[, options]), which hands it
// over to upstreams instead. A response that is returned goes to the client, its body
// without going through Lua; one that is not is cancelled when the handler ends. When
// nobody answered, res.error says why, and res.status is the status that returning it
// leads to. They may be called again, also at once in rover.parallel: a request body of up
// to max_body is sent again. Errors: in an after hook, where there is a response already;
// the body is longer and has been sent once.
func (vm *VM) next(L *lua.LState) int { return vm.handOver(L, nil) }

func (vm *VM) proxy(L *lua.LState) int {
	return vm.handOver(L, checkCtx(L).gen.checkProxy(L, "ctx:proxy"))
}

func (vm *VM) handOver(L *lua.LState, to *ProxyTo) int {
	x := checkCtx(L)
	if x.answering {
		L.RaiseError("there is a response already: the request can be passed on before that only")
	}
	if len(x.handovers) >= maxHandovers {
		L.RaiseError("the request was passed on or proxied %d times, the limit", maxHandovers)
	}
	h := x.handOver(to)
	vm.await(L, func(ctx context.Context) {
		select {
		case <-h.head:
		case <-ctx.Done(): // then await raises, and the end of the request drops it
		}
	})
	res := &response{status: h.status, header: h.header, from: h}
	if h.status == 0 { // done
		res.status = x.host.ErrorStatus(h.failure())
	}
	L.Push(newObject(vm.types.response, res))
	return 1
}

// maxHandovers is how often one request may be passed on or proxied by its script.
const maxHandovers = 64

// handOver starts a handover. Only the holder may call it.
func (x *Exchange) handOver(to *ProxyTo) *handover {
	ctx, cancel := context.WithCancel(x.r.Context())
	if x.client == nil {
		x.client = &clientHead{}
	}
	h := &handover{
		client: x.client, header: x.client.header(x.w), head: make(signal), done: make(signal),
		decision: make(chan decision, 1), cancel: cancel,
	}
	x.sent = x.body == nil || x.body.kept == nil
	if x.upstreams != nil {
		ctx = context.WithValue(ctx, upstreamsKey{}, x.upstreams)
	}
	r := x.r.Clone(ctx)
	r.Body = x.replayBody()
	bodyfilter.NarrowAcceptEncoding(r.Header) // the script may want to read the answer
	host, next := x.host, x.next
	w := &handoverWriter{h: h, client: x.w}
	r = host.Apart(w, r)
	x.handovers = append(x.handovers, h)
	go func() {
		defer close(h.done)
		defer w.end()
		defer func() {
			if h.panicked = recover(); h.panicked != nil {
				h.stack = debug.Stack()
			}
		}()
		h.err = host.Serve(next, to, w, r)
	}()
	return h
}

type upstreamsKey struct{}

// UpstreamsOf returns what the script had given to ctx:upstream when it passed a request
// on with ctx:next, nil for nothing. ctx is that of the request which Host.Serve got.
func UpstreamsOf(ctx context.Context) []string {
	to, _ := ctx.Value(upstreamsKey{}).([]string)
	return to
}

// failure says why there is no response, after done.
func (h *handover) failure() error {
	switch {
	case h.broken != nil:
		return h.broken
	case h.panicked != nil:
		return errors.New("the response broke off")
	}
	return h.err
}

// decide says what becomes of the response. Only the first decision counts. Only the
// holder may call it, and after the VM the goroutine that serves the request.
func (h *handover) decide(d decision) bool {
	if h.decided {
		return false
	}
	h.decided = true
	h.decision <- d
	return true
}

// drop ends the handover. Only the holder may call it, and after the VM the goroutine that
// serves the request.
func (h *handover) drop() {
	h.cancel()
	h.decide(decision{})
}

// readBody returns the body, read whole and decoded, and raises when it breaks off, is
// longer than limit or cannot be decoded. What is sent, if the script returns the response
// all the same, is what came. Only the holder may call it.
func (h *handover) readBody(vm *VM, L *lua.LState, limit int64) []byte {
	if !h.kept {
		if !h.decide(decision{limit: limit}) {
			L.RaiseError("the response is over: it was dropped or sent")
		}
		h.kept = true
	}
	coding := bodyfilter.ContentEncoding(h.header)
	var decoded []byte
	var err error
	vm.await(L, func(ctx context.Context) {
		select {
		case <-h.done:
			if err = h.failure(); err == nil {
				decoded, err = decodeBody(coding, h.answer.Bytes(), limit)
			}
		case <-ctx.Done():
		}
	})
	if err != nil {
		L.RaiseError("reading the response: %s", err.Error())
	}
	return decoded
}

// decodeBody undoes a Content-Encoding. Any goroutine may call it.
func decodeBody(coding string, body []byte, limit int64) ([]byte, error) {
	if coding == "" || len(body) == 0 {
		return body, nil
	}
	var decoded []byte
	d, err := bodyfilter.NewDecoder(coding, limit, func(p []byte) error {
		decoded = append(decoded, p...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer d.Abort()
	if _, err := d.Write(body); err != nil {
		return nil, decodingError(err, limit)
	}
	return decoded, decodingError(d.Close(), limit)
}

func decodingError(err error, limit int64) error {
	if errors.Is(err, bodyfilter.ErrTooLarge) {
		return errors.New("the decoded body is " + tooLong(limit))
	}
	return err
}

// send lets the response go to w with the head that the script made of it, and returns
// what the handler returned. It panics with what the handler panicked with. The goroutine
// that serves the request calls it.
func (h *handover) send(w http.ResponseWriter, status int, header http.Header) error {
	if h.kept {
		return h.sendKept(w, status, header)
	}
	if failed := h.status == 0; failed {
		maps.Copy(w.Header(), header)
	}
	late := h.header // where the handler may still put trailers
	h.status, h.header = status, header
	h.decide(decision{to: w})
	<-h.done
	if h.panicked != nil {
		panic(h.panicked) // net/http logs it, or knows http.ErrAbortHandler
	}
	for name, values := range late {
		if strings.HasPrefix(name, http.TrailerPrefix) || slices.Contains(late["Trailer"], name) {
			w.Header()[name] = values
		}
	}
	return h.err
}

// sendKept sends a response whose body Lua has read, or began to.
func (h *handover) sendKept(w http.ResponseWriter, status int, header http.Header) error {
	<-h.done
	if h.failure() != nil {
		panic(http.ErrAbortHandler) // it is not whole, and must not look so
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, err := w.Write(h.answer.Bytes())
	if errors.Is(err, http.ErrBodyNotAllowed) { // a HEAD's
		err = nil
	}
	return err
}

// endHandovers drops what was not sent, and waits for all. The goroutine that serves the
// request calls it, without the hold.
func (x *Exchange) endHandovers() {
	for _, h := range x.handovers {
		h.drop()
	}
	for _, h := range x.handovers {
		<-h.done
		if h.panicked != nil && h.panicked != http.ErrAbortHandler && x.reply.from != h { //nolint:errorlint // as net/http compares it
			x.gen.logger.Error("panic in a handler whose response was dropped",
				zap.Any("panic", h.panicked), zap.ByteString("stack", h.stack))
		}
	}
}

// dropHandovers ends what the script does not return. Only the holder may call it.
func (x *Exchange) dropHandovers() {
	for _, h := range x.handovers {
		if x.reply.from != h {
			h.drop()
		}
	}
}
