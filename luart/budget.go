package luart

import (
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caddy-rover/rover/luart/luaval"
)

// errBurst ends a slice of VM time that was too long. It cannot be caught: every
// further instruction of the slice raises it again.
var errBurst = errors.New("the script ran longer than burst without waiting")

// errMemory ends a slice of VM time in which the process' memory grew too much. It
// cannot be caught either.
var errMemory = errors.New("the script allocated more memory than it may")

// budget bounds a slice of VM time. It is the context of every Lua thread of the VM:
// gopher-lua asks Done before each instruction. So Done must cost next to nothing:
// it compares a clock that one goroutine (the watchdog) moves on every tick with
// the end of the running slice, which only the holder writes and reads. Everything
// else is looked at when the clock is beyond that end; the watchdog puts it there at
// every tick, so that the slice that runs is looked at 50 times a second.
//
// A slice therefore ends between burst and burst plus two ticks; later on a machine
// that has no time for the watchdog, never earlier.
type budget struct {
	clock atomic.Int64 // ticked, or alarm
	// ticked counts the time of ticks that came when they were due. A late tick counts as
	// two: when the process, or the whole machine, stood still for a while, the script
	// that was running did not run either.
	ticked     atomic.Int64
	now        atomic.Int64               // nanoseconds since the VM was made, at the last tick
	inspection atomic.Pointer[inspection] // what the holder is to do for an operator; nil: nothing

	heap   atomic.Int64 // bytes on the process' heap, garbage included, at the last tick
	live   atomic.Int64 // bytes that the last collection before that tick left
	stopAt atomic.Int64 // when all slices end, by now; 0: nobody has said so
	tick   time.Duration
	burst  time.Duration
	made   time.Time

	// The holder's:
	end       int64 // when the running slice must be over
	heapLow   int64 // the lowest heap since the slice began
	heapSeen  int64 // heap when the slice was last looked at
	liveBegan int64 // live when the slice began
	collected int64 // when look last had the collector run, by ticked
	why       error // the slice is being ended for this: nothing it does may go on

	profile *profile     // the holder's: told what runs; nil: nobody wants to know
	samples atomic.Int64 // ticks that it has not been told of

	maxGrowth atomic.Int64      // bytes that the heap may grow by during one slice
	grown     func(bytes int64) // told of growth during a slice; called by the holder

	// ticks is called at every tick. unseen: nobody has looked at the clock since the last one.
	// nil: nothing is called.
	ticks func(b *budget, unseen bool)

	stop, stopped chan struct{}
}

// alarm is a clock beyond the end of every slice.
const alarm = math.MaxInt64

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func newBudget(ticks func(b *budget, unseen bool), grown func(bytes int64)) *budget {
	b := &budget{
		made: time.Now(), tick: 20 * time.Millisecond, ticks: ticks, grown: grown,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	b.maxGrowth.Store(math.MaxInt64)
	b.heap.Store(heapBytes())
	b.live.Store(liveBytes())
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
			b.ticked.Add(min(now-b.now.Load(), 2*int64(b.tick)))
			b.now.Store(now)
			b.heap.Store(heapBytes())
			b.live.Store(liveBytes())
			unseen := b.clock.Swap(alarm) == alarm
			if b.ticks != nil {
				b.ticks(b, unseen)
			}
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
	b.end = b.ticked.Load() + int64(burst+b.tick) // ticked may be a tick behind
	b.heapLow = b.heap.Load()
	b.heapSeen = b.heapLow
	b.liveBegan = b.live.Load()
	b.why = nil
	if b.allEnd() {
		b.kill(errStopping)
	}
}

// allEnd reports whether the time has come at which all slices end. Any goroutine may call it.
func (b *budget) allEnd() bool {
	at := b.stopAt.Load()
	return at != 0 && b.now.Load() >= at
}

// Done is called before every instruction.
func (b *budget) Done() <-chan struct{} {
	if b.clock.Load() < b.end {
		return nil
	}
	return b.look()
}

// look decides whether the slice goes on. Only the holder may call it.
func (b *budget) look() <-chan struct{} {
	now := b.ticked.Load()
	b.clock.CompareAndSwap(alarm, now)
	if b.profile != nil {
		if n := b.samples.Swap(0); n > 0 {
			b.profile.note(n)
		}
	}
	if i := b.inspection.Load(); i != nil && b.why == nil && b.inspection.CompareAndSwap(i, nil) {
		i.carryOut(true)
	}
	if b.why == nil && b.allEnd() {
		b.why = errStopping
	}
	if b.why == nil && now >= b.end {
		b.why = errBurst
	}
	if heap := b.heap.Load(); b.why == nil && heap != b.heapSeen {
		if heap > b.heapSeen && b.grown != nil {
			b.grown(heap - b.heapSeen)
		}
		b.heapSeen, b.heapLow = heap, min(b.heapLow, heap)
		if heap-b.heapLow > b.maxGrowth.Load() && b.grewReally(now) {
			b.why = errMemory
		}
	}
	if b.why == nil {
		return nil
	}
	b.kill(b.why)
	return closedChan
}

// kill ends the running slice: every further instruction comes to look. Only the holder
// may call it.
func (b *budget) kill(why error) {
	b.why = why
	b.end = math.MinInt64
}

// grewReally tells growth from garbage that has not been collected. Only the holder may
// call it.
func (b *budget) grewReally(now int64) bool {
	if b.collected != 0 && now-b.collected < int64(5*b.tick) {
		return false // the collector has just run; look again in a while
	}
	runtime.GC()
	b.collected = now
	// What was alive at the last collection may have died before the slice began.
	return liveBytes()-min(b.liveBegan, b.heapLow) > b.maxGrowth.Load()
}

// Err is what gopher-lua raises once Done is closed.
func (b *budget) Err() error { return b.why }

// Over says whether the slice is over, for Go code that takes long: it must raise Err then. Only
// the holder may call it.
func (b *budget) Over() bool { return b.Done() != nil }

func (b *budget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (b *budget) Value(any) any               { return nil }

var _ luaval.Budget = (*budget)(nil)
