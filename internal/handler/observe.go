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
)

// track is what others may know of a request's way through a script: the placeholders
// {rover.*}, the fields of the access log, and a span where there is a trace. It outlives
// the exchange. The request's goroutine uses it.
type track struct {
	luart.Summary // as far as it is known
	h             *Handler
	gen           *luart.Generation
	log           *caddyhttp.ExtraLogFields // nil: there is no access log

	span        trace.Span // nil: there is no trace
	header      http.Header
	traceparent string // of the span, in header until the request goes on
	outer       string // what was there before
}

// track begins to follow a request that a script has something to do with.
func (h *Handler) track(r *http.Request, gen *luart.Generation, x *luart.Exchange) *track {
	t := &track{h: h, gen: gen}
	t.Route = x.Route()
	ctx := r.Context()
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(t.placeholder)
	}
	if s, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && s.Logs != nil {
		t.log, _ = ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	}
	if outer := trace.SpanFromContext(ctx); outer.IsRecording() {
		t.begin(r, outer)
	}
	return t
}

// placeholder returns the value of {rover.*}.
func (t *track) placeholder(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, "rover.")
	if !ok {
		return nil, false
	}
	switch name {
	case "vm":
		return t.h.vm.Name, true
	case "version":
		return t.gen.Version(), true
	case "route":
		return t.Route, true
	case "outcome":
		return t.Outcome, true
	case "lua_ms":
		return milliseconds(t.Lua), true
	case "wait_ms":
		return milliseconds(t.Wait), true
	case "queue_ms":
		return milliseconds(t.Queue), true
	}
	return nil, false
}

// milliseconds returns d with three decimals, as it stands in placeholders.
func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// decided is told that Run has returned.
func (t *track) decided(x *luart.Exchange) {
	t.Summary = x.Summary()
	if t.span != nil && t.header.Get("Traceparent") == t.traceparent {
		t.header.Set("Traceparent", t.outer)
	}
}

// end ends the exchange.
func (t *track) end(x *luart.Exchange) {
	t.Summary = x.End()
	if t.log != nil {
		ms := func(d time.Duration) float64 { return float64(d/time.Microsecond) / 1000 }
		t.log.Set(zap.String("rover.route", t.Route))
		t.log.Set(zap.String("rover.outcome", t.Outcome))
		t.log.Set(zap.Float64("rover.lua_ms", ms(t.Lua)))
		t.log.Set(zap.Float64("rover.wait_ms", ms(t.Wait)))
		t.log.Set(zap.Float64("rover.queue_ms", ms(t.Queue)))
	}
	if t.span != nil {
		t.endSpan()
	}
}

// heldVar is the variable of a request that has failed which says what locks and places of
// semaphores it holds while it is answered for.
const heldVar = "rover.held"

// endAnswered is end when the request has been answered, or *err says that the site's routes for
// errors answer it: until they have it holds what it has taken.
func (t *track) endAnswered(r *http.Request, x *luart.Exchange, err *error) {
	if *err != nil {
		if held := x.AnswerElsewhere(); held != nil {
			caddyhttp.SetVar(r.Context(), heldVar, held)
		}
	}
	t.end(x)
}

// begin begins a span below outer, for what the script does. Calls of rover.http have it as
// their parent, by the header that they carry on.
func (t *track) begin(r *http.Request, outer trace.Span) {
	name := "rover"
	if t.Route != "" {
		name += " " + t.Route
	}
	_, t.span = outer.TracerProvider().Tracer("github.com/caddy-rover/rover").Start(r.Context(), name)
	t.header = r.Header
	t.outer = r.Header.Get("Traceparent")
	if c := t.span.SpanContext(); t.outer != "" && c.IsValid() {
		t.traceparent = "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()
		r.Header.Set("Traceparent", t.traceparent)
	}
}

func (t *track) endSpan() {
	t.span.SetAttributes(
		attribute.String("rover.vm", t.h.vm.Name),
		attribute.String("rover.route", t.Route),
		attribute.String("rover.outcome", t.Outcome),
		attribute.Float64("rover.lua_ms", float64(t.Lua)/float64(time.Millisecond)),
		attribute.Float64("rover.wait_ms", float64(t.Wait)/float64(time.Millisecond)),
		attribute.Float64("rover.queue_ms", float64(t.Queue)/float64(time.Millisecond)),
	)
	if t.Outcome == luart.Failed || t.Outcome == luart.TimedOut {
		message := t.Outcome
		if t.Failure != nil {
			message = t.Failure.Message
		}
		t.span.SetStatus(codes.Error, message)
	}
	t.span.End()
}
