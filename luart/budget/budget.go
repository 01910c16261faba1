package budget

import (
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
)

// ErrBurst ends a slice of VM time that was too long. It cannot be caught: every
// further instruction of the slice raises it again.
var ErrBurst = errors.New("the script ran longer than burst without waiting")

// ErrMemory ends a slice of VM time in which the process' memory grew too much. It
// cannot be caught either.
var ErrMemory = errors.New("the script allocated more memory than it may")

// Budget bounds slices of VM time. It is the context of every Lua thread of the VM:
// gopher-lua asks Done before each instruction. So Done must cost next to nothing:
// it compares a clock that one goroutine (the watchdog) moves on every tick with
// the end of the running slice, which only the holder writes and reads. Everything
// else is looked at when the clock is beyond that end; the watchdog puts it there at
// every tick, so that the slice that runs is looked at 50 times a second.
//
// A slice therefore ends between burst and burst plus two ticks; later on a machine
// that has no time for the watchdog, never earlier.
type Budget struct {
	clock atomic.Int64 // ticked, or alarm
	// ticked counts the time of ticks that came when they were due. A late tick counts as
	// two: when the process, or the whole machine, stood still for a while, the script
	// that was running did not run either.
	ticked atomic.Int64
	now    atomic.Int64          // nanoseconds since the VM was made, at the last tick
	visit  atomic.Pointer[Visit] // what the holder is to do for somebody else; nil: nothing

	heap   atomic.Int64 // bytes on the process' heap, garbage included, at the last tick
	live   atomic.Int64 // bytes that the last collection before that tick left
	stopAt atomic.Int64 // when all slices end, by now; 0: nobody has said so
	whyEnd error        // for what; written before stopAt
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

	sampler func(n int64) // the holder's: told what runs, for n samples; nil: nobody wants to know
	samples atomic.Int64  // that it has not been told of

	maxGrowth atomic.Int64 // bytes that the heap may grow by during one slice

	hooks Hooks
	hold  hold

	stop, stopped chan struct{}
}

// Hooks are what a Budget tells its VM, and asks it.
type Hooks struct {
	Tick   func()            // is called by the watchdog at every tick
	Held   func() bool       // whether somebody has the VM; any goroutine may call it
	Grown  func(bytes int64) // is told by the holder of growth of the heap during a slice
	GoesOn func()            // is called by the holder at every tick at which Lua code runs
	Logger *zap.Logger
}

// Visit is something that the holder is to do on behalf of somebody else. Whoever takes it does it.
type Visit struct {
	// Do gets whether Lua code is running: then it is called between two of its instructions.
	Do func(running bool)
}

// alarm is a clock beyond the end of every slice.
const alarm = math.MaxInt64

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Tick is how often the watchdog looks.
const Tick = 20 * time.Millisecond

// New returns a Budget without a limit of memory. Its watchdog runs until Close.
func New(hooks Hooks) *Budget {
	b := &Budget{
		made: time.Now(), tick: Tick, hooks: hooks,
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	b.hold.patience.Store(int64(holdPatience))
	b.maxGrowth.Store(math.MaxInt64)
	b.readHeap()
	go b.watch()
	return b
}

// watch is the watchdog. It runs until Close.
func (b *Budget) watch() {
	defer close(b.stopped)
	t := time.NewTicker(b.tick)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			now := int64(time.Since(b.made))
			b.ticked.Add(min(now-b.now.Load(), 2*int64(b.tick)))
			b.now.Store(now)
			b.readHeap()
			unseen := b.clock.Swap(alarm) == alarm
			b.hooks.Tick()
			b.watchHold(unseen)
		case <-b.stop:
			return
		}
	}
}

func (b *Budget) readHeap() {
	heap, live := heapBytes()
	b.heap.Store(heap)
	b.live.Store(live)
}

// Close ends the watchdog. Any goroutine may call it, once.
func (b *Budget) Close() {
	close(b.stop)
	<-b.stopped
}

// Begin starts a slice of at most burst.
func (b *Budget) Begin(burst time.Duration) {
	b.burst = burst
	b.end = b.ticked.Load() + int64(burst+b.tick) // ticked may be a tick behind
	b.heapLow = b.heap.Load()
	b.heapSeen = b.heapLow
	b.liveBegan = b.live.Load()
	b.why = nil
	if b.allEnd() {
		b.Kill(b.whyEnd)
	}
}

// allEnd reports whether the time has come at which all slices end. Any goroutine may call it.
func (b *Budget) allEnd() bool {
	at := b.stopAt.Load()
	return at != 0 && b.now.Load() >= at
}

// Done is called before every instruction.
func (b *Budget) Done() <-chan struct{} {
	if b.clock.Load() < b.end {
		return nil
	}
	return b.look()
}

// look decides whether the slice goes on.
func (b *Budget) look() <-chan struct{} {
	now := b.ticked.Load()
	if b.clock.CompareAndSwap(alarm, now) {
		b.hooks.GoesOn()
	}
	if b.sampler != nil {
		if n := b.samples.Swap(0); n > 0 {
			b.sampler(n)
		}
	}
	if v := b.visit.Load(); v != nil && b.why == nil && b.Take(v) {
		v.Do(true)
	}
	if b.why == nil && b.allEnd() {
		b.why = b.whyEnd
	}
	if b.why == nil && now >= b.end {
		b.why = ErrBurst
	}
	if heap := b.heap.Load(); b.why == nil && heap != b.heapSeen {
		if heap > b.heapSeen {
			b.hooks.Grown(heap - b.heapSeen)
		}
		b.heapSeen, b.heapLow = heap, min(b.heapLow, heap)
		if heap-b.heapLow > b.maxGrowth.Load() && b.grewReally(now) {
			b.why = ErrMemory
		}
	}
	if b.why == nil {
		return nil
	}
	b.Kill(b.why)
	return closedChan
}

// Kill ends the running slice: every further instruction comes to look.
func (b *Budget) Kill(why error) {
	b.why = why
	b.end = math.MinInt64
}

// grewReally tells growth from garbage that has not been collected.
func (b *Budget) grewReally(now int64) bool {
	if b.collected != 0 && now-b.collected < int64(5*b.tick) {
		return false // the collector has just run; look again in a while
	}
	runtime.GC()
	b.collected = now
	// What was alive at the last collection may have died before the slice began.
	_, live := heapBytes()
	return live-min(b.liveBegan, b.heapLow) > b.maxGrowth.Load()
}

// Err is why the slice is being ended, which gopher-lua raises once Done is closed; nil: it is not.
func (b *Budget) Err() error { return b.why }

// Over says whether the slice is over, for Go code that takes long: it must raise Err then.
func (b *Budget) Over() bool { return b.Done() != nil }

func (b *Budget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (b *Budget) Value(any) any               { return nil }

// Now returns how long ago the Budget was made, at the last tick: in nanoseconds, since it is asked
// for each request. Any goroutine may call it.
func (b *Budget) Now() int64 { return b.now.Load() }

// Since is Now without a tick's delay. Any goroutine may call it.
func (b *Budget) Since() int64 { return int64(time.Since(b.made)) }

// Heap returns the bytes on the process' heap at the last tick. Any goroutine may call it.
func (b *Budget) Heap() int64 { return b.heap.Load() }

// SetMaxGrowth limits by how many bytes the heap may grow during one slice. Any goroutine may call it.
func (b *Budget) SetMaxGrowth(bytes int64) { b.maxGrowth.Store(bytes) }

// EndAll ends all slices for a reason, from when a time has passed on. Any goroutine may call it,
// once.
func (b *Budget) EndAll(after time.Duration, why error) {
	b.whyEnd = why
	b.stopAt.Store(max(b.now.Load()+int64(after), 1))
}

// Invite has v done before the next instruction of Lua, if somebody runs one. Another Visit must not
// be under way. Any goroutine may call it.
func (b *Budget) Invite(v *Visit) {
	b.visit.Store(v)
	b.clock.Store(alarm)
}

// Take reports whether v is still to be done: then it is the caller's to do, or to leave. Any
// goroutine may call it.
func (b *Budget) Take(v *Visit) bool { return b.visit.CompareAndSwap(v, nil) }

// SetSampler has f called with samples before the next instruction of Lua; nil ends that.
func (b *Budget) SetSampler(f func(n int64)) {
	b.samples.Store(0)
	b.sampler = f
}

// Sample counts a sample. Any goroutine may call it.
func (b *Budget) Sample() {
	b.samples.Add(1)
	b.clock.Store(alarm)
}

// TakeSamples returns the samples that the sampler has not been told of.
func (b *Budget) TakeSamples() int64 { return b.samples.Swap(0) }

// Spend uses the slice up, for tests: so none waits for a burst.
func (b *Budget) Spend() {
	b.ticked.Add(int64(b.burst + 2*b.tick))
	b.clock.Store(alarm)
}

var _ luaval.Budget = (*Budget)(nil)
