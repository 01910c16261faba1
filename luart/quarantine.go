package luart

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A function that used up its burst quarantineAfter times within quarantineWithin is not
// called for quarantineFor: at the default burst of 1s that is three seconds of a minute
// in which nobody else was served.
const (
	quarantineAfter  = 3
	quarantineWithin = time.Minute
	quarantineFor    = 30 * time.Second
)

// quarantine is what a VM knows of a function that is ended over and over.
type quarantine struct {
	kills []int64 // the holder's: when it was ended, oldest first; nanoseconds of budget.now
	until atomic.Int64
}

// killed is told that a call of h was ended because of its burst or memory. Only the
// holder may call it.
func (g *Generation) killed(h *handler) {
	if g.quarantine == nil {
		return
	}
	now := g.vm.budget.Now()
	q := &h.quarantine
	q.kills = append(q.kills, now)
	if len(q.kills) < quarantineAfter {
		return
	}
	oldest := q.kills[len(q.kills)-quarantineAfter]
	q.kills = append(q.kills[:0], q.kills[1:]...)
	if now-oldest > int64(quarantineWithin) {
		return
	}
	q.kills = q.kills[:0]
	q.until.Store(now + int64(quarantineFor))
	g.vm.quarantines.Add(1)
	g.logger.Error("handler is in quarantine: it was ended for its burst or memory over and over",
		zap.String("handler", h.route), zap.String("defined_at", h.where),
		zap.Int("times", quarantineAfter), zap.Duration("for", quarantineFor))
}

// inQuarantine reports whether h is in quarantine. Any goroutine may call it.
func (g *Generation) inQuarantine(h *handler) bool {
	return g.quarantine != nil && g.vm.budget.Now() < h.quarantine.until.Load()
}

func quarantineError(h *handler) *ScriptError {
	return &ScriptError{
		Status:  http.StatusInternalServerError,
		Message: fmt.Sprintf("%s: %s is in quarantine", h.where, h.route),
	}
}

// quarantined reports whether the request has been decided because a function
// that it needs is in quarantine. No Lua runs for it.
func (x *Exchange) quarantined() bool {
	if x.gen.quarantine == nil {
		return false
	}
	for _, h := range x.match.Before {
		if x.gen.inQuarantine(h) {
			x.setQuarantineReply(h)
			return true
		}
	}
	h := x.match.Handler
	pass := *x.gen.quarantine == FailPass
	switch {
	case h == nil || !x.gen.inQuarantine(h):
		return false
	case pass && len(x.match.Before) > 0:
		x.skip = true // the guards run, and then nothing
		return false
	case pass:
		x.outcome.decision = Pass
	default:
		x.setQuarantineReply(h)
	}
	return true
}

// setQuarantineReply answers that h is in quarantine.
func (x *Exchange) setQuarantineReply(h *handler) {
	x.outcome.decision = Answer
	x.outcome.err = quarantineError(h)
	x.outcome.reply = reply{Response: x.errorReply(x.outcome.err)}
}
