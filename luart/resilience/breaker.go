package resilience

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// Settings say when a breaker opens, and for how long. They are not changed once they are used.
type Settings struct {
	Failures int     // in a row, within Window; 0: their number does not matter
	Ratio    float64 // share of failures within Window among Min or more; 0: it does not matter
	Min      int
	Window   time.Duration
	Open     time.Duration // until it is tried whether the service is back
	HalfOpen int           // how many requests try that at once: all of them must succeed
	On       On
	Name     string // of what shares the breaker; "": it is the service's own
}

// Bounds of Settings.
const (
	MaxFailures = 100
	MaxHalfOpen = 100
	MaxWindow   = time.Hour
	MinOpen     = 10 * time.Millisecond
)

// DefaultSettings are those of a script that wants a breaker and says no more.
func DefaultSettings() Settings {
	return Settings{Failures: 5, Min: 20, Window: 10 * time.Second, Open: 5 * time.Second, HalfOpen: 1, On: OnBreaker()}
}

// State is the state of a breaker.
type State int

// The states.
const (
	Closed   State = iota // the service is asked
	HalfOpen              // a few requests try whether it is back
	Open                  // it is not asked
)

var states = [...]string{"closed", "half_open", "open"}

func (s State) String() string { return states[s] }

// OpenError says that a service is not asked.
type OpenError struct {
	Name  string
	Retry time.Duration // until it may be tried again
}

// Error says how long that is in a form for people.
func (e *OpenError) Error() string {
	return fmt.Sprintf("%s has failed too often, it is asked again in %v", e.Name, max(e.Retry.Round(time.Millisecond), time.Millisecond))
}

// RetryAfter is Retry in the whole seconds of a header, 1 at least.
func (e *OpenError) RetryAfter() int { return max(int(math.Ceil(e.Retry.Seconds())), 1) }

// Result is what a request says of the service.
type Result int

// The results.
const (
	Unknown Result = iota // nothing: whoever wanted the answer has left
	Succeeded
	Failed
)

// Breaker keeps requests from one service while it fails. Any goroutine may use it.
type Breaker struct {
	breakers *Breakers
	name     string

	mu        sync.Mutex
	state     State
	serial    uint64      // of the state: results of requests from an earlier one do not count
	until     time.Time   // not closed: when the next trial may begin
	wanted    int         // half-open: trials that must succeed
	trials    int         // half-open: those under way
	succeeded int         // half-open
	row       []time.Time // closed: the failures in a row of late, at most as many as open it
	rowLimit  int         // the most that anybody's settings have
	share     share
}

// Pass lets one request go to a service. Whoever has it calls Done once. The zero value is of a
// request without a breaker.
type Pass struct {
	breaker  *Breaker
	settings *Settings
	serial   uint64
}

// Ready reports whether Allow would let a request through, more or less: another may be faster.
func (b *Breaker) Ready(s *Settings) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.breakers.clock.Now()
	if b.state == Closed || !now.Before(b.until) || b.state == HalfOpen && b.trials+b.succeeded < b.wanted {
		return nil
	}
	return &OpenError{b.name, b.until.Sub(now)}
}

// Allow lets a request through, or returns an *OpenError.
func (b *Breaker) Allow(s *Settings) (Pass, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.breakers.clock.Now()
	if b.state == Open && !now.Before(b.until) {
		b.become(HalfOpen, s, "")
	}
	if b.state != Closed {
		// A trial that hangs does not keep others out for longer than an open breaker would.
		if (b.state == Open || b.trials+b.succeeded >= b.wanted) && now.Before(b.until) {
			b.breakers.refused.Add(1)
			return Pass{}, &OpenError{b.name, b.until.Sub(now)}
		}
		b.trials++
		b.until = now.Add(s.Open)
	}
	return Pass{b, s, b.serial}, nil
}

// Done says how the request has ended.
func (p Pass) Done(r Result) {
	b, s := p.breaker, p.settings
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.serial != b.serial {
		return
	}
	if b.state == HalfOpen {
		b.trialDone(s, r)
		return
	}
	if r == Unknown {
		return
	}
	now := b.breakers.clock.Now()
	b.share.add(now, s.Window, r == Failed)
	if r == Succeeded {
		b.row = b.row[:0]
		return
	}
	if b.rowLimit = max(b.rowLimit, s.Failures); len(b.row) >= b.rowLimit && len(b.row) > 0 {
		b.row = b.row[:copy(b.row, b.row[1:])]
	}
	if b.rowLimit > 0 {
		b.row = append(b.row, now)
	}
	if n := len(b.row); s.Failures > 0 && n >= s.Failures && now.Sub(b.row[n-s.Failures]) <= s.Window {
		b.become(Open, s, fmt.Sprintf("%d failures in a row", s.Failures))
		return
	}
	if failed, all := b.share.within(now, s.Window); s.Ratio > 0 && all >= s.Min && float64(failed) >= s.Ratio*float64(all) {
		b.become(Open, s, fmt.Sprintf("%d of %d requests have failed", failed, all))
	}
}

// trialDone is Done where the breaker is half-open. b.mu is held.
func (b *Breaker) trialDone(s *Settings, r Result) {
	b.trials--
	switch r {
	case Failed:
		b.become(Open, s, "the trial has failed")
	case Succeeded:
		if b.succeeded++; b.succeeded >= b.wanted {
			b.become(Closed, s, "")
		}
	case Unknown: // its place is free
		if b.trials+b.succeeded < b.wanted {
			b.until = b.breakers.clock.Now()
		}
	}
}

// become changes the state. b.mu is held.
func (b *Breaker) become(state State, s *Settings, why string) {
	b.state = state
	b.serial++
	b.trials, b.succeeded, b.wanted = 0, 0, s.HalfOpen
	b.row, b.share = b.row[:0], share{}
	if state == Open {
		b.until = b.breakers.clock.Now().Add(s.Open)
	}
	b.breakers.changed(b.name, state, why)
}

// shareParts is how many parts a window has: as one ends what it had is forgotten.
const shareParts = 10

// share counts the failures among requests of late.
type share struct {
	window time.Duration // the longest that anybody has asked for
	parts  [shareParts]struct {
		begin       time.Time
		failed, all int
	}
	at int
}

func (c *share) add(now time.Time, window time.Duration, failed bool) {
	if window > c.window {
		*c = share{window: window}
	}
	p := &c.parts[c.at]
	if p.all == 0 || now.Sub(p.begin) >= c.window/shareParts {
		c.at = (c.at + 1) % shareParts
		p = &c.parts[c.at]
		p.begin, p.failed, p.all = now, 0, 0
	}
	p.all++
	if failed {
		p.failed++
	}
}

func (c *share) within(now time.Time, window time.Duration) (failed, all int) {
	for i := range c.parts {
		if p := &c.parts[i]; p.all > 0 && now.Sub(p.begin) <= window {
			failed, all = failed+p.failed, all+p.all
		}
	}
	return failed, all
}
