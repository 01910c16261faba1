package handler

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// ServeHTTP takes one request through its phases: matching in Go, one entry into the
// VM that decides, then the decision, with the VM released, and for a response that
// Lua did not make the after hooks, when its head is there.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	luart.FrameConnect(r)
	reqbody.HoldToLength(r)
	reqbody.StrikeTrailers(r, nil)
	if h.explainKey != "" && h.wantsTrace(r) {
		return h.serveTraced(w, r, next)
	}
	return h.serve(w, r, next, nil)
}

// serve is ServeHTTP; t is told what happens, if it is not nil.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, t *tracer) error {
	failed := errorOf(r)
	if failed == nil {
		return h.run(w, r, next, nil, t)
	}
	// Nobody is there to be answered when the client has left: no hook runs, and no error
	// of the error route says so, which Caddy would log as one of the site.
	if clientLeft(r) {
		w.WriteHeader(luart.StatusClientClosed)
		return nil
	}
	err := h.run(w, r, next, failed, t)
	if err != nil && clientLeft(r) {
		w.WriteHeader(luart.StatusClientClosed)
		return nil
	}
	return err
}

// run matches the request, runs Lua if the script wants it, and answers, passes on or proxies. failed
// is the error that the request is in an error route for, nil if it is in none.
func (h *Handler) run(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, failed error, t *tracer) (err error) {
	gen, err := h.generation(r)
	if err != nil {
		return err
	}
	if h.probe(w, r, gen, t) || h.page(w, r, gen, t) {
		return nil
	}
	to := w
	var upload *uploadEnd
	if failed == nil { // else it is watched already
		if upload = newUploadEnd(w, r); upload != nil {
			to = upload
		}
	}
	x := gen.Begin(to, r, host{h}, next)
	if x == nil {
		t.untouched()
		return next.ServeHTTP(w, r)
	}
	if upload != nil {
		upload.body = watchUpload(r)
	} else if failed == nil {
		watchUpload(r)
	}
	o := h.observe(r, gen, x, t)
	last := x.LastWord()
	defer func() {
		if o.end(r, err); err != nil {
			last.SettleHead(w.Header()) // whoever answers the error writes to w
			upload.settle(w.Header())
		}
	}()

	h.prepare(r, x, failed)
	leave, refused := h.admit(x.Writer(), r, x)
	o.learnt()
	if refused != nil {
		x.StrikeTrailers()
		o.decided()
		err = h.refuse(x.Writer(), r, x.Route(), refused)
		o.returned(err)
		return err
	}
	defer func() { leave(err) }()
	err = h.serveExchange(x.Writer(), r, next, x, o)
	o.returned(err)
	if err == nil {
		upload.breakOff()
	}
	return err
}

// serveExchange runs Lua, and does as it has decided.
func (h *Handler) serveExchange(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, x *luart.Exchange, o *observer) error {
	decision, err := x.Run()
	x.StrikeTrailers()
	o.decided()
	switch {
	case err != nil:
		return h.refuse(w, r, x.Route(), err)
	case decision == luart.Answer:
		return h.answer(w, r, x)
	case x.WantsAfter(): // of the response, too, Lua makes an answer
		if err := x.PassOn(); err != nil {
			return h.refuse(w, r, x.Route(), err)
		}
		return h.answer(w, r, x)
	case decision == luart.Proxy:
		return h.forward(w, r, x, o, h.proxyHandler(x.ProxyTo(), next))
	default:
		return h.forward(w, r, x, o, h.nextHandler(x.Next()))
	}
}

// generation returns what serves, once the config has started.
func (h *Handler) generation(r *http.Request) (*luart.Generation, error) {
	if gen := h.script.Live(); gen != nil {
		return gen, nil
	}
	if err := h.app.await(r.Context(), time.Duration(h.Timeout)); err != nil {
		return nil, err
	}
	return h.script.Live(), nil
}

// prepare tells an exchange what Caddy knows: which error the request answers for, nil for none, and
// its class in the queue of the VM.
func (h *Handler) prepare(r *http.Request, x *luart.Exchange, failed error) {
	if failed != nil {
		x.AnswersFor(host{h}.ErrorStatus(failed))
		if held, ok := caddyhttp.GetVar(r.Context(), heldVar).(*luart.Held); ok {
			x.GoesOn(held)
		}
	}
	x.SetPriority(h.priority(r))
}

// forward has target answer a request as Lua has left it, with the VM released. The response
// streams through untouched.
func (h *Handler) forward(w http.ResponseWriter, r *http.Request, x *luart.Exchange, o *observer, target caddyhttp.Handler) error {
	if addresses := x.Upstreams(); addresses != nil {
		upstream.Choose(r.Context(), addresses)
	}
	holds := x.Holds()
	if !holds && !x.KeepsBody() && !x.Picks() && !x.HasDone() {
		o.end(r, nil) // nothing of the exchange is needed while the response streams
		return leftUpload(r, target.ServeHTTP(w, r))
	}
	if holds {
		target = holdingHandler{target, x}
	}
	err := leftUpload(r, target.ServeHTTP(w, r))
	if x.PickFailed() {
		return h.answer(w, r, x)
	}
	return err
}

// proxyHandler returns the handler that hands a request over to upstreams of the script's choice.
func (h *Handler) proxyHandler(to *luart.ProxyTo, next caddyhttp.Handler) caddyhttp.Handler {
	target := upstream.NewTarget(to)
	return caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		return h.proxy.Serve(w, r, next, target)
	})
}

// heldVar is the variable of a request that has failed which says what locks and places of
// semaphores it holds while it is answered for.
const heldVar = "rover.held"

// holdingHandler passes on a request that holds locks or places of semaphores.
type holdingHandler struct {
	caddyhttp.Handler
	x *luart.Exchange
}

// ServeHTTP implements caddyhttp.Handler.
func (h holdingHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	inner := h.x.WithHeld(r)
	err := h.Handler.ServeHTTP(w, inner)
	*r = *inner.WithContext(r.Context()) // what handlers behind have changed the routes for errors see
	return err
}

// answer sends what Lua answered. A script error goes to the site's error routes if it
// has any (handle_errors).
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, x *luart.Exchange) error {
	if serr := x.Err(); serr != nil && (hasErrorRoutes(r) || serr.Status == luart.StatusClientClosed) {
		x.SetHeaders(w.Header())
		return caddyhttp.Error(serr.Status, serr)
	}
	err := x.Write(w)
	if err == nil {
		return nil // errors.As would allocate for the error that it does not find
	}
	if errors.Is(err, luart.ErrReplaced) {
		return h.answer(w, r, x)
	}
	var other *luart.StatusError
	if !errors.As(err, &other) {
		return err
	}
	var herr caddyhttp.HandlerError
	if errors.As(other.Err, &herr) {
		herr.StatusCode = other.Status
		return herr
	}
	return caddyhttp.Error(other.Status, other.Err)
}

// errorOf returns the error that a request is in an error route (handle_errors) for, nil if it is in
// none. Looking up what a context does not have takes a walk through all that it is made of: a
// request does it once.
func errorOf(r *http.Request) error {
	failed, _ := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	return failed
}

// answersError reports whether a request is in an error route.
func answersError(r *http.Request) bool { return errorOf(r) != nil }

// clientLeft reports whether nobody waits for the response any more.
func clientLeft(r *http.Request) bool { return r.Context().Err() != nil }

// hasErrorRoutes reports whether the site answers errors itself. If it does not,
// Caddy would send an empty body.
func hasErrorRoutes(r *http.Request) bool {
	s, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && s.Errors != nil && len(s.Errors.Routes) > 0
}
