package luart

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/head"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/reqbody"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/route"
)

// handover is a request on its way through the next handler (ctx:next, or because nobody
// else answers) or to upstreams (ctx:proxy), whose response a script or its after hooks
// decide about when its head is there. The handler stops at the head until the verdict.
//
// Several may be under way at once for one request: each has a goroutine of its own, which
// the exchange waits for. That of PassOn is the only one (see runner).
//
// What belongs to whom: status and header are the handler's until it stops at the head,
// then the holder's, and with the verdict the handler's again. The rest of the answer is
// written to the client by the handler while the goroutine that serves the request waits.
type handover struct {
	handoverWriter
	runner

	to     *proxy.To // nil: the next handler
	method string    // of the request that was handed over
	socket bool      // that is a CONNECT for a WebSocket (see route.IsExtendedConnect)

	header http.Header
	before http.Header // if it is alone: header is the client's, and was this before
	status int         // of the head; 0: the handler returned without one

	coding      string // the holder's: the Content-Encoding that the response came with
	errorStatus int    // the same: what an error is answered with
	errorText   string // the same: the error, for scripts; "": there is none, or the client left
	tunnel      bool   // the same: the head opens one (see opensTunnel)

	// The same: names of trailers, and whether the request says that its client takes any.
	announced     []string
	cameSecurity  head.Values // what it has come with
	wantsTrailers bool
	resolved      bool // the holder's, and after the VM the serving goroutine's: there is a verdict
	kept          bool // the same: the verdict was to keep the body
	headFixed     bool // the same: its headers are the client's for good, or have been taken back

	// Once the handler has returned:
	err      error // what it returned
	panicked any   // what it panicked with
	stack    []byte
	broken   error         // the answer was not taken whole
	answer   *bytes.Buffer // if that was the verdict: the body
	upstream string        // that it asked last, "" for none, unless the handover is alone
	tries    int           // how many it asked

	picker *picker // nil: the upstreams were named

	overflow *overflow // what was to be kept may be too long for that; nil: then it is an error

	// asked is the request as it was handed over, to be made again by askAgain; nil: it cannot
	// be. again has that of a handover that is alone: handlers behind change the request itself.
	asked *http.Request
	again *handover
}

// clientHead guards the head of the client's response, which informational responses of
// several handovers may come before.
type clientHead struct {
	mu        sync.Mutex
	committed bool // nothing informational may be sent any more
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

// change has f change the headers that whatever response follows has, unless it has begun.
func (c *clientHead) change(w http.ResponseWriter, f func(http.Header)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.committed {
		f(w.Header())
	}
}

// commit says that the response begins. Any goroutine may call it; nil is for a request
// that was not handed over.
func (c *clientHead) commit() {
	if c != nil {
		c.mu.Lock()
		c.committed = true
		c.mu.Unlock()
	}
}

// verdict says what becomes of a response whose head is there.
type verdict struct {
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
	return vm.handOver(L, proxy.Check(L, 2, "ctx:proxy", checkCtx(L).gen.checkUpstream, vm.guard))
}

func (vm *VM) handOver(L *lua.LState, to *proxy.To) int {
	x := checkCtx(L)
	if x.outcome.replied {
		L.RaiseError("there is a response already: the request can be passed on before that only")
	}
	if len(x.forward.handovers) >= maxHandovers {
		L.RaiseError("the request was passed on or proxied %d times, the limit", maxHandovers)
	}
	x.checkPlace(L, to)
	h := x.handOver(to)
	res := vm.awaitResponse(L, h)
	L.Push(luaval.NewObject(vm.types.response, &res))
	return 1
}

// awaitResponse waits for the head of a handover of the request whose function runs, and returns
// the response. A client that left in the middle of its upload ends the wait as any that leaves
// does: the request's context may not tell.
func (vm *VM) awaitResponse(L *lua.LState, h *handover) reply {
	x := vm.cur.x
	vm.await(L, h.waitsOn(), h.awaitHead)
	h.picker.raise(L)
	res := h.response(x)
	if h.errorStatus == StatusClientClosed {
		x.forward.clientLeft = true
		vm.raiseIfOver(L, vm.cur)
	}
	return res
}

// waitsOn says what a call waits for that waits for the head.
func (h *handover) waitsOn() waitsOn {
	if h.to == nil {
		return waitsOn{what: "ctx:next"}
	}
	on := waitsOn{what: "ctx:proxy"}
	if len(h.to.Upstreams) > 0 {
		on.which = h.to.Upstreams[0]
	}
	return on
}

// response returns what scripts see of the response whose head is there.
func (h *handover) response(x *Exchange) reply {
	h.coding = bodyfilter.ContentEncoding(h.header)
	h.tunnel = opensTunnel(h.socket, h.status, h.header)
	h.announced = trailerNames(h.header)
	h.wantsTrailers = wantsTrailers(x.r)
	res := reply{Response: response.Response{Status: h.status, Header: h.header}, from: h, origin: h}
	if h.status == 0 { // done
		h.errorStatus = x.host.ErrorStatus(h.failure())
		if h.errorStatus != StatusClientClosed { // as where the proxy sees the client leave, and says 499 itself
			h.errorText = x.host.ErrorText(h.failure())
		}
		res.Status = h.errorStatus
	}
	return res
}

// maxHandovers is how often one request may be passed on or proxied by its script.
const maxHandovers = 64

// handOver starts a handover of the request as it is, on a goroutine of its own. Only the
// holder may call it.
func (x *Exchange) handOver(to *proxy.To) *handover {
	r := x.r.Clone(x.forwardContext())
	r.Body = x.rereadBody(r.Trailer)
	bodyfilter.NarrowAcceptEncoding(r.Header) // the script may want to read the answer
	return x.handOverRequest(to, r)
}

// forwardContext returns the request's context with what others are to know who get it.
func (x *Exchange) forwardContext() context.Context {
	ctx := x.heldContext(x.r.Context())
	if x.forward.lasting {
		ctx = context.WithoutCancel(ctx)
	}
	if x.forward.upstreams != nil {
		ctx = context.WithValue(ctx, upstreamsKey{}, x.forward.upstreams)
	}
	return ctx
}

// handOverRequest starts a handover of r, which is its own, on a goroutine of its own. Only the
// holder may call it.
func (x *Exchange) handOverRequest(to *proxy.To, r *http.Request) *handover {
	x.forward.client = &x.forward.clientHead
	cur := x.gen.vm.cur
	to, picker := bindPick(to, x, cur, cur.deadline)
	h := &handover{
		to: to, method: r.Method, socket: route.IsExtendedConnect(r), picker: picker, header: x.forward.client.header(x.w),
	}
	h.handoverWriter = handoverWriter{h: h, client: x.w, clientHead: x.forward.client}
	x.forward.sent = x.upload.body == nil || x.upload.body.kept == nil
	if mayBeAskedAgain(r, to) {
		h.asked = x.askedWhole(r)
	}
	x.strikeTrailers(r, to)
	ctx, cancel := context.WithCancel(r.Context())
	r = x.host.CloneRequest(h, r.WithContext(ctx))
	h.runner = asGoroutine(x, r, cancel)
	x.forward.handovers = append(x.forward.handovers, h)
	go h.serve(x.host, x.next, r)
	return h
}

// serve runs the handler to its end.
func (h *handover) serve(host Host, next any, r *http.Request) {
	defer h.returned()
	func() {
		defer func() {
			if h.panicked = recover(); h.panicked != nil {
				h.stack = debug.Stack()
			}
		}()
		h.err = host.Serve(next, h.to, h, r)
	}()
	h.upstream, h.tries = host.Upstream(r)
	if !h.wrote && h.err == nil && h.panicked == nil {
		h.submitHead(http.StatusOK) // what net/http would send
	}
}

type upstreamsKey struct{}

// UpstreamsOf returns what the script had given to ctx:upstream when it passed a request
// on with ctx:next, nil for nothing. ctx is that of the request which Host.Serve got.
func UpstreamsOf(ctx context.Context) []string {
	to, _ := ctx.Value(upstreamsKey{}).([]string)
	return to
}

// adopt tells the host that the response of h is the one that is sent, unless the handler
// is running. The goroutine that serves the request calls it; h may be nil.
func (h *handover) adopt() {
	if h != nil {
		h.adoptClone(h.resolved)
	}
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

// resolve says what becomes of the response. Only the first verdict counts. Only the holder
// may call it, and after the VM the goroutine that serves the request.
func (h *handover) resolve(v verdict) bool {
	if h.resolved {
		return false
	}
	h.resolved = true
	h.deliver(v)
	return true
}

// drop ends the handover. Only the holder may call it, and after the VM the goroutine that
// serves the request.
func (h *handover) drop() {
	h.cancel()
	h.overflow.deliver(verdict{})
	h.resolve(verdict{})
	if h.alone() && !h.headFixed {
		h.headFixed = true
		setHeader(h.header, h.before)
	}
}

// readBody returns the body, read whole and decoded, and raises when it breaks off, is
// longer than limit or cannot be decoded. What is sent, if the script returns the response
// all the same, is what came.
func (h *handover) readBody(vm *VM, L *lua.LState, limit int64) []byte {
	if h.overflow.isFull() {
		L.RaiseError("reading the response: the body is longer than what can be kept of an idempotent request")
	}
	if !h.kept {
		h.checkOpen(L)
		h.resolve(verdict{limit: limit})
		h.kept = true
	}
	var decoded []byte
	var err error
	vm.await(L, waitsOn{what: "body of a response"}, func(ctx context.Context) {
		if h.waitWithin(ctx) {
			if err = h.failure(); err == nil {
				decoded, err = decodeBody(h.coding, h.answer.Bytes(), limit)
			}
		}
	})
	if err != nil {
		L.RaiseError("reading the response: %s", err.Error())
	}
	return decoded
}

// checkOpen raises unless something else can still become of the response's body.
func (h *handover) checkOpen(L *lua.LState) {
	switch {
	case !h.canWait():
		L.RaiseError("the script must name body, set_body, on_chunk, replace and edit_json as such to use them in an after hook, not only in code that load makes")
	case h.resolved && !h.kept && !h.overflow.isFull():
		L.RaiseError("the response is over: it was dropped or sent")
	}
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
		return errors.New("the decoded body is " + reqbody.TooLong(limit))
	}
	return err
}
