package handler

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/lib"
)

// observer is what others may know of a request's way through a script: the placeholders
// {rover.*}, the fields of the access log, and a span where there is a trace. It outlives
// the exchange. The request's goroutine uses it.
type observer struct {
	luart.Summary // as far as it is known

	h   *Handler
	gen *luart.Generation
	x   *luart.Exchange           // nil: it has ended
	log *caddyhttp.ExtraLogFields // nil: there is no access log

	known lib.Facts // what a rule has learnt of the request; nil: nothing
	asked bool      // such a rule has let it through

	span *span // nil: there is no trace
}

// span is what the script does with a request, in a trace.
type span struct {
	trace.Span
	header      http.Header
	traceparent string // of the span, in header until the request goes on
	outer       string // what was there before
}

// observe begins to follow a request that a script has something to do with. t is told about it,
// if it is not nil.
func (h *Handler) observe(r *http.Request, gen *luart.Generation, x *luart.Exchange, t *tracer) *observer {
	o := &observer{h: h, gen: gen, x: x}
	o.Route = x.Route()
	ctx := r.Context()
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(o.placeholder)
	}
	if s, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && s.Logs != nil {
		o.log, _ = ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	}
	if outer := trace.SpanFromContext(ctx); outer.IsRecording() {
		o.startSpan(r, outer)
	}
	if t != nil {
		t.observer = o
		x.Explain(t.record)
	}
	return o
}

// placeholder returns the value of {rover.*}.
func (o *observer) placeholder(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, "rover.")
	if !ok {
		return o.user(key)
	}
	switch name {
	case "vm":
		return o.h.vm.Name, true
	case "version":
		return o.gen.Version(), true
	case "route":
		return o.Route, true
	case "outcome":
		return o.Outcome, true
	case "lua_ms":
		return milliseconds(o.Lua), true
	case "wait_ms":
		return milliseconds(o.Wait), true
	case "queue_ms":
		return milliseconds(o.Queue), true
	}
	if claim, ok := strings.CutPrefix(name, "auth."); ok && o.asked {
		return o.claim(claim), true
	}
	return nil, false
}

// userKey is what modules of Caddy call who a request is of: the access log has it as user_id.
const userKey = "http.auth.user.id"

func (o *observer) user(key string) (any, bool) {
	if key != userKey {
		return nil, false
	}
	return o.claim("sub"), o.asked
}

// claim returns what a rule has learnt, "" where it has not. It is for headers: a text that would become
// another one in a header could be the name of somebody else there.
func (o *observer) claim(name string) string {
	if o.known == nil {
		return ""
	}
	text, _ := o.known.Text(name)
	if !lib.IsHeaderValue(text) {
		return ""
	}
	return text
}

// milliseconds returns d with three decimals, as it stands in placeholders.
func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// inMilliseconds returns d as it stands in logs and traces: to the microsecond.
func inMilliseconds(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }

// learnt is told that rules of places have looked at the request.
func (o *observer) learnt() { o.known, o.asked = o.x.Known() }

// decided is told that the exchange's Run has returned.
func (o *observer) decided() {
	o.Summary = o.x.Summary()
	o.learnt() // a request may have been rewritten to another place
	if s := o.span; s != nil && s.header.Get("Traceparent") == s.traceparent {
		s.header.Set("Traceparent", s.outer)
	}
}

// returned is told that the handler returns err. It is not when the handler panics.
func (o *observer) returned(err error) {
	if o.x != nil {
		o.x.Returned(err)
	}
}

// end ends the exchange of r, if it has not ended yet. err is what the handler returns: then the site's
// routes for errors answer the request, and until they have it holds what it has taken.
func (o *observer) end(r *http.Request, err error) {
	if o.x == nil {
		return
	}
	if err != nil {
		if held := o.x.AnswerElsewhere(); held != nil {
			caddyhttp.SetVar(r.Context(), heldVar, held)
		}
	}
	o.Summary = o.x.End()
	o.x = nil
	if o.log != nil {
		o.log.Set(zap.String("rover.route", o.Route))
		o.log.Set(zap.String("rover.outcome", o.Outcome))
		o.log.Set(zap.Float64("rover.lua_ms", inMilliseconds(o.Lua)))
		o.log.Set(zap.Float64("rover.wait_ms", inMilliseconds(o.Wait)))
		o.log.Set(zap.Float64("rover.queue_ms", inMilliseconds(o.Queue)))
	}
	if o.span != nil {
		o.endSpan()
	}
}

// startSpan starts a span below outer, for what the script does. Calls of rover.http have it as
// their parent, by the header that they carry on.
func (o *observer) startSpan(r *http.Request, outer trace.Span) {
	name := "rover"
	if o.Route != "" {
		name += " " + o.Route
	}
	_, started := outer.TracerProvider().Tracer("github.com/caddy-rover/rover").Start(r.Context(), name)
	s := &span{Span: started, header: r.Header, outer: r.Header.Get("Traceparent")}
	o.span = s
	if c := s.SpanContext(); s.outer != "" && c.IsValid() {
		s.traceparent = "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()
		s.header.Set("Traceparent", s.traceparent)
	}
}

func (o *observer) endSpan() {
	o.span.SetAttributes(
		attribute.String("rover.vm", o.h.vm.Name),
		attribute.String("rover.route", o.Route),
		attribute.String("rover.outcome", o.Outcome),
		attribute.Float64("rover.lua_ms", float64(o.Lua)/float64(time.Millisecond)),
		attribute.Float64("rover.wait_ms", float64(o.Wait)/float64(time.Millisecond)),
		attribute.Float64("rover.queue_ms", float64(o.Queue)/float64(time.Millisecond)),
	)
	if o.Outcome == costs.Failed || o.Outcome == costs.TimedOut {
		message := o.Outcome
		if o.Failure != nil {
			message = o.Failure.Message
		}
		o.span.SetStatus(codes.Error, message)
	}
	o.span.End()
}
