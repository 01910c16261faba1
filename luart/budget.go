package luart

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// errBurst ends a slice of VM time that was too long. It cannot be caught: every
// further instruction of the slice raises it again.
var errBurst = errors.New("the script ran longer than burst without waiting")

// budget bounds a slice of VM time. It is the context of every Lua thread of the VM:
// gopher-lua asks Done before each instruction. So Done must cost next to nothing:
// it compares a clock that one goroutine (the watchdog) moves on every tick with
// the end of the running slice, which only the holder writes and reads.
//
// A slice therefore ends between burst and burst plus two ticks; later on a machine
// that has no time for the watchdog, never earlier.
type budget struct {
	// clock counts the time of ticks that came when they were due. A late tick counts as
	// two: when the process, or the whole machine, stood still for a while, the script
	// that was running did not run either.
	clock atomic.Int64
	now   atomic.Int64 // nanoseconds since the VM was made, at the last tick
	tick  time.Duration
	burst time.Duration
	made  time.Time

	end   int64 // the holder's: when the running slice must be over
	fired bool  // the holder's: the slice is being ended, nothing it does may go on

	stop, stopped chan struct{}
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func newBudget() *budget {
	b := &budget{made: time.Now(), tick: 20 * time.Millisecond, stop: make(chan struct{}), stopped: make(chan struct{})}
	go b.watch()
	return b
}

// watch is the watchdog. It runs until close.
func (b *budget) watch() {
	defer close(b.stopped)
	t := time.NewTicker(b.tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			now := int64(time.Since(b.made))
			b.clock.Add(min(now-b.now.Load(), 2*int64(b.tick)))
			b.now.Store(now)
		case <-b.stop:
			return
		}
	}
}

func (b *budget) close() {
	close(b.stop)
	<-b.stopped
}

// begin starts a slice of at most burst. Only the holder may call it.
func (b *budget) begin(burst time.Duration) {
	b.burst = burst
	b.end = b.clock.Load() + int64(burst+b.tick) // the clock may be a tick behind
	b.fired = false
}

// Done is called before every instruction.
func (b *budget) Done() <-chan struct{} {
	if b.clock.Load() < b.end {
		return nil
	}
	b.fired = true
	return closedChan
}

// over says whether the slice is over, for Go code that takes long: it must raise errBurst then. Only the holder may
// call it.
func (b *budget) over() bool { return b.Done() != nil }

// Err is what gopher-lua raises once Done is closed.
func (b *budget) Err() error {
	if b.fired {
		return errBurst
	}
	return nil
}

func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (b *budget) Value(any) any               { return nil }

var _ context.Context = (*budget)(nil)
