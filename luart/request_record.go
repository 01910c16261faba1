package luart

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/costs"
)

// Summary is what has become of a request, and what it took.
type Summary struct {
	Route   string // "GET /users/:id"; "": only hooks ran
	Outcome string // one of costs.Outcomes
	costs.Cost
	Failure *ScriptError // the last error of a function, whatever on_error has made of it; nil: none
}

// record is what Summary tells of a request.
type record struct {
	decision      Decision     // at the end of Run
	failure       *ScriptError // of a function of the request, whatever on_error has made of it
	refused, left bool         // Run returned an error
	atRun         Summary      // at the end of Run

	// VM time, in nanoseconds, of calls on its behalf beside its own: pick, filters, the
	// functions of rover.parallel. A pick may still run when somebody asks for the Summary.
	others atomic.Int64
}

// Summary says how the request had gone when Run returned. It may be called between Run
// and End, which says the rest: meanwhile the request's stream may be running.
func (x *Exchange) Summary() Summary { return x.record.atRun }

// summary says how the request has gone so far. Nothing of it may be running but pick.
func (x *Exchange) summary() Summary {
	s := Summary{Route: x.Route(), Outcome: x.record.result(&x.outcome), Cost: x.cost, Failure: x.record.failure}
	s.Lua += time.Duration(x.record.others.Load())
	return s
}

// routeStats is where the request's costs are counted.
func (x *Exchange) routeStats() *costs.Route {
	switch h := x.match.Handler; {
	case h == nil:
		return x.gen.unrouted
	case x.asked != nil:
		return x.gen.vm.costs.Background(h.route)
	default:
		return h.stats
	}
}

// result is what has become of a request whose outcome is o: one of costs.Outcomes.
func (r *record) result(o *outcome) string {
	failed := r.failure
	if failed == nil && (o.err == nil || !o.err.Deliberate) {
		failed = o.err
	}
	switch {
	case r.refused:
		return costs.Refused
	case r.left:
		return costs.Cancelled
	case failed != nil && failed.Status == http.StatusGatewayTimeout:
		return costs.TimedOut
	case failed != nil && (failed.Status == StatusClientClosed || failed.Status == http.StatusServiceUnavailable):
		return costs.Cancelled
	case failed != nil:
		return costs.Failed
	case r.decision == Pass:
		return costs.Passed
	case r.decision == Proxy:
		return costs.Proxied
	case o.reply.from != nil && o.reply.from.to == nil:
		return costs.Passed
	case o.reply.from != nil:
		return costs.Proxied
	}
	return costs.Answered
}

// setRefused remembers that the request was refused, or that its client has left before.
func (r *record) setRefused(left bool) { r.left, r.refused = left, !left }

// ClientLeft reports whether err, for which r was refused, says that the client has left. The time
// of something else that was waited for, such as a store, ends with an error of the same kind.
func ClientLeft(r *http.Request, err error) bool {
	return r.Context().Err() != nil &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
