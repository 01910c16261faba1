package luart

import (
	"time"

	"go.uber.org/zap"
)

// A producer may say nothing: "", or {} for a comment. One that does so without end, because what it
// waits for is closed or answers with an error at once, would keep the VM busy for as long as there
// is a client, at the pace of an empty write. So it is called less often then.
const (
	// freeQuiet is how many calls in a row may bring nothing new, at whatever pace: a producer
	// that passes over rows of a table may return "" for each.
	freeQuiet = 100

	// quietGap is the least time from one such call to the next after that. It is shorter than
	// what a script that polls would find slow, and 10,000 streams of them are no load.
	quietGap = 100 * time.Millisecond

	// idleGap is the same, after a call that did not wait for anything at all.
	idleGap = time.Second
)

// pace is how a producer has gone on. It belongs to whoever calls the producer.
type pace struct {
	last  string        // the last event that was one
	quiet int           // calls in a row that brought nothing new
	rest  time.Duration // before the next call
}

// note is told of a call: what it brought, whether it waited, and how long it took.
func (p *pace) note(quiet, waited bool, took time.Duration) {
	gap := quietGap
	if !waited {
		gap = idleGap
	}
	p.rest = 0
	switch {
	case !quiet || took >= gap: // a heartbeat of its own is no haste
		p.quiet = 0
	case p.quiet < freeQuiet:
		p.quiet++
	default:
		p.rest = gap - took
	}
}

// isQuiet reports whether the last call has brought nothing new for the client. The same event as
// before is what a script sends that says "nothing yet" in words.
func (st *streaming) isQuiet() bool {
	if !st.Says || !st.Events {
		return !st.Says
	}
	same := st.Bytes == st.pace.last
	st.pace.last = st.Bytes
	return same
}

// rest waits until the producer may be called again, or the stream ends. The log says once of each
// producer that it is kept waiting.
func (st *streaming) rest() {
	if st.pace.rest <= 0 {
		return
	}
	g := st.x.gen
	if _, known := g.idleProducers.LoadOrStore(st.Where(), true); !known {
		g.logger.Warn("a producer returns nothing new over and over, and is called less often",
			zap.String("producer", st.Where()), zap.String("route", st.x.Route()),
			zap.String("remedy", "let it wait for what comes next, with recv(20) or rover.sleep, and return nil where nothing will"))
	}
	g.vm.clock.Sleep(st.x.ctx, st.pace.rest)
}
