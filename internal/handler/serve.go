package handler

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
)

// ServeHTTP takes one request through its phases: matching in Go, one entry into the
// VM that decides, then the decision, with the VM released, and for a response that
// Lua did not make the after hooks, when its head is there.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	luart.FrameConnect(r)
	luart.HoldToLength(r)
	if h.explainKey != "" && h.asksForStory(r) {
		return h.serveTelling(w, r, next)
	}
	return h.serve(w, r, next, nil)
}

// serve is ServeHTTP; s is told what happens, if it is not nil.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, s *storyteller) (err error) {
	if answersError(r) {
		// Nobody is there to be answered when the client has left: no hook runs, and no error
		// of the error route says so, which Caddy would log as one of the site.
		if r.Context().Err() != nil {
			w.WriteHeader(luart.StatusClientClosed)
			return nil
		}
		defer func() {
			if err != nil && r.Context().Err() != nil {
				w.WriteHeader(luart.StatusClientClosed)
				err = nil
			}
		}()
	}
	gen := h.script.Live()
	if gen == nil {
		if err := h.app.await(r.Context(), time.Duration(h.Timeout)); err != nil {
			return err
		}
		gen = h.script.Live()
	}
	x := gen.Begin(w, r, host{h}, next)
	if x == nil {
		if s != nil {
			s.story.Note("no route, no hook", "untouched")
		}
		return next.ServeHTTP(w, r)
	}
	t := h.track(r, gen, x)
	if s != nil {
		s.track = t
		x.Explain(s.story)
	}
	if failed, ok := r.Context().Value(caddyhttp.ErrorCtxKey).(error); ok {
		x.AnswersFor(host{h}.ErrorStatus(failed))
		if held, ok := caddyhttp.GetVar(r.Context(), heldVar).(*luart.Held); ok {
			x.GoesOn(held)
		}
	}
	if h.Priority != "" {
		x.SetPriority(h.priority(r))
	}
	outcome, err := x.Run()
	t.decided(x)
	if err != nil {
		defer t.end(x)
		return h.refuse(w, r, err)
	}
	if outcome == luart.Answer {
		defer t.endAnswered(r, x, &err)
		return h.answer(w, r, x)
	}

	if x.WantsAfter() {
		defer t.endAnswered(r, x, &err)
		if err := x.PassOn(); err != nil {
			return h.refuse(w, r, err)
		}
		return h.answer(w, r, x)
	}
	if to := x.Upstreams(); to != nil {
		upstream.Choose(r.Context(), to)
	}
	onward := next
	if outcome == luart.Proxy {
		to := upstream.NewTarget(x.ProxyTo())
		onward = caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			return h.proxy.Serve(w, r, next, to)
		})
	}
	holds := x.Holds()
	keep := x.KeepsBody() || x.Picks() || holds
	if !keep {
		t.end(x) // nothing of it is needed while the response streams
		return onward.ServeHTTP(w, r)
	}
	defer t.endAnswered(r, x, &err)
	if holds {
		onward = heldHandler{onward, x}
	}
	err = onward.ServeHTTP(w, r)
	if x.PickFailed() {
		return h.answer(w, r, x)
	}
	return err
}

// heldHandler passes on a request that holds locks or places of semaphores.
type heldHandler struct {
	caddyhttp.Handler
	x *luart.Exchange
}

// ServeHTTP implements caddyhttp.Handler.
func (h heldHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	inner := h.x.Onward(r)
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

// answersError reports whether a request is in an error route (handle_errors).
func answersError(r *http.Request) bool {
	_, failed := r.Context().Value(caddyhttp.ErrorCtxKey).(error)
	return failed
}

// hasErrorRoutes reports whether the site answers errors itself. If it does not,
// Caddy would send an empty body.
func hasErrorRoutes(r *http.Request) bool {
	s, ok := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return ok && s.Errors != nil && len(s.Errors.Routes) > 0
}

// host gives scripts what Caddy knows of a request.
type host struct{ *Handler }

func (host) ClientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

func (host) Var(r *http.Request, name string) (any, bool) {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil, false
	}
	return repl.Get(name)
}

func (host) SetVar(r *http.Request, name string, value any) {
	caddyhttp.SetVar(r.Context(), name, value)
}

func (host) LogField(r *http.Request, name string, value any) {
	if extra, ok := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields); ok {
		extra.Add(zap.Any(name, value))
	}
}
