package eventloop

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a loop works.
type Config[T any] struct {
	// NewThread makes what a task works on. Only the holder calls it, when no
	// thread is spare. Required.
	NewThread func() T

	// Reuse reports whether a thread whose task has returned may serve another
	// task. Only the holder calls it. nil means always. A thread whose task
	// panicked is never used again.
	Reuse func(T) bool

	Limits
}

// Limits are what a loop admits, and how long it may take. A zero means the default, and so
// does what is less: no limit can be off, or the loop would serve nobody.
type Limits struct {
	// Queue is how many tasks of each class may be queued before Do refuses with
	// ErrOverloaded, 4096 by default.
	Queue int

	// Batch is how many queued tasks the drain goroutine runs before it lets the other
	// goroutines of the process be scheduled, and how many queued and detached tasks have
	// their turn before the other kind has, 32 by default.
	Batch int

	// QueueTimeout is how long a task may be queued before Do refuses it with
	// ErrQueueTimeout, 5s by default. Do returns within a sixteenth of it, or a
	// millisecond if that is longer.
	QueueTimeout time.Duration

	// MaxWaiting is how many tasks may be detached before new ones are refused with
	// ErrTooManyWaiting, 10000 by default and 2^31-1 at most. Those that run or are
	// detached already may detach again. See Quota for what one kind may have of it.
	MaxWaiting int

	// MaxReceiving is how many tasks may be detached with Receive, apart from the others.
	// MaxWaiting by default, and 2^31-1 at most.
	MaxReceiving int
}

const (
	defaultQueue        = 4096
	defaultBatch        = 32
	defaultQueueTimeout = 5 * time.Second
	defaultMaxWaiting   = 10_000

	// mostQueue is what a ring can have: slots that can be made at all, and a power of two
	// behind them that an int can hold.
	mostQueue = 1 << 24

	// mostWaiting is what the state of a loop can count.
	mostWaiting = 1<<31 - 1

	// maxSpare threads are kept for later tasks: enough that a steady load makes
	// none, few enough that a burst of waiting tasks does not stay in memory.
	maxSpare = 256
)

// The state of a loop is one word, so that each change is one atomic step:
//
//	bit 63       closed: no new task is admitted
//	bits 32..62  waiting: tasks that are detached
//	bits 0..31   pending: the hold, if somebody has it, and every task that is
//	             queued or wants to attach
//
// pending == 0 means idle: nobody holds the loop. Whoever raises pending from 0 to 1
// has the hold; whoever raises it further has announced work that the holder must
// see before it may lower pending to 0. That is why no wake-up is lost: a release
// is a CAS that fails when work was announced in the meantime.
const (
	pendingMask = 1<<32 - 1
	oneWaiting  = 1 << 32
	closedBit   = 1 << 63
)

func pending(s uint64) uint64 { return s & pendingMask }
func waiting(s uint64) uint64 { return (s &^ closedBit) >> 32 }

// Loop decides which goroutine may work on a thread of type T. It must not be
// copied. See the package comment for what it promises.
type Loop[T any] struct {
	_     [cacheLine]byte // every Do writes state; keep it off its neighbours' cache line
	state atomic.Uint64
	_     [cacheLine - 8]byte

	crowded   atomic.Uint64 // DoClass looks closer when state is not below, see admit
	rings     [classes]ring[T]
	attachers attachList

	spareAttachers sync.Pool
	tasks          sync.Pool
	newThread      func() T
	reuse          func(T) bool
	batch          atomic.Int64

	maxWaiting   atomic.Int64
	maxReceiving atomic.Int64
	receiving    atomic.Int64 // tasks detached with Receive; the holder writes it

	queueTimeout atomic.Int64
	sweeper      sweeper

	replies replies[T] // held back, see replyDelay; the holder adds

	_ [cacheLine]byte // the holder writes own all the time; producers read what is above

	// own is the holder's alone. The hold's way from one goroutine to the next
	// (a CAS or an Add on state, or a channel send) orders all accesses.
	own struct {
		spare    []T
		popped   uint64 // tasks popped but still counted in pending
		turn     uint   // queued tasks run, for next
		rate     rate
		streak   int   // attachers served since the drain goroutine last had the hold
		parked   bool  // a drain goroutine waits at drainCh, or is about to
		held     int64 // nanotime at which what is not yet in Busy began, 0 when the hold is not measured
		waited   time.Duration
		told     time.Duration // Busy when the counters were published last
		counters Counters
	}

	drainCh chan struct{} // gives the hold to the parked drain goroutine; capacity 1
	drains  sync.WaitGroup

	quiet     chan struct{} // closed when the loop is closed, idle, and nothing waits
	quietOnce sync.Once
	stopping  chan struct{} // closed when the grace of Close has ended
	stopOnce  sync.Once
	endOnce   sync.Once

	refusals  struct{ full, quota, waiting, waitingQuota, receiving, queueTimeout, cancelled atomic.Uint64 } // counted by others than the holder
	published struct {
		sync.Mutex
		counters Counters
		rate     rate
		spare    int
	}
}

// New returns an idle loop. It starts no goroutine before one is needed.
func New[T any](c Config[T]) *Loop[T] { return newLoop(c, 0) }

func newLoop[T any](c Config[T], start uint64) *Loop[T] {
	c.Limits = c.withDefaults()
	l := &Loop[T]{
		newThread: c.NewThread,
		reuse:     c.Reuse,
		drainCh:   make(chan struct{}, 1),
		quiet:     make(chan struct{}),
		stopping:  make(chan struct{}),
	}
	for i := range l.rings {
		l.rings[i].init(c.Queue, start)
	}
	l.sweeper.now = nanotime
	l.SetLimits(c.Limits)
	return l
}

func (l Limits) withDefaults() Limits {
	l.Queue = min(positive(l.Queue, defaultQueue), mostQueue)
	l.Batch = positive(l.Batch, defaultBatch)
	l.QueueTimeout = positive(l.QueueTimeout, defaultQueueTimeout)
	l.MaxWaiting = min(positive(l.MaxWaiting, defaultMaxWaiting), mostWaiting)
	l.MaxReceiving = min(positive(l.MaxReceiving, l.MaxWaiting), mostWaiting)
	return l
}

// positive returns v, or or where v is no limit.
func positive[T int | time.Duration](v, or T) T {
	if v <= 0 {
		return or
	}
	return v
}

// SetLimits changes the limits, and returns the queue length in force: it cannot
// exceed the number of slots the loop was made with (Limits.Queue, rounded up to a
// power of two). Tasks already queued stay queued, under the new timeout. Any goroutine
// may call it.
func (l *Loop[T]) SetLimits(limits Limits) (queue int) {
	limits = limits.withDefaults()
	queue = min(limits.Queue, len(l.rings[Normal].slots))
	for i := range l.rings {
		l.rings[i].limit.Store(uint64(queue))
	}
	l.batch.Store(int64(limits.Batch))
	l.maxWaiting.Store(int64(limits.MaxWaiting))
	l.maxReceiving.Store(int64(limits.MaxReceiving))
	l.crowded.Store(uint64(int64(limits.MaxWaiting)-reserve(int64(limits.MaxWaiting))) * oneWaiting)
	if l.queueTimeout.Swap(int64(limits.QueueTimeout)) != int64(limits.QueueTimeout) {
		l.retime()
	}
	return queue
}

// Do runs fn with a thread, and returns its error. If the loop is idle fn runs on
// the caller's goroutine, otherwise on the drain goroutine while the caller waits.
//
// It returns ErrOverloaded when the queue is full, ErrTooManyWaiting when too many
// tasks are detached, also when fn's turn in the queue has come, ErrQueueTimeout when fn
// was queued for too long, and ErrClosed
// after Close, all before anything of fn has run. When ctx ends while fn is queued it
// returns ctx's error at once and fn never runs; once fn runs, Do waits for it, and
// ending early is fn's own business. A panic in fn is returned as a *PanicError.
//
// Any goroutine may call it, but not a task of the same loop.
func (l *Loop[T]) Do(ctx context.Context, fn func(T) error) error {
	return l.DoClass(ctx, Normal, nil, fn)
}

// DoClass is Do for a task of a class (one that is unknown means Normal), which counts
// towards quota unless that is nil: when quota has more than half of the class's queue
// DoClass returns ErrQuotaUsed, which is an ErrOverloaded; when it has more detached tasks
// than there are places left, ErrWaitingQuotaUsed, which is an ErrTooManyWaiting.
//
// Any goroutine may call it, but not a task of the same loop.
func (l *Loop[T]) DoClass(ctx context.Context, class Class, quota *Quota, fn func(T) error) error {
	for {
		s := l.state.Load()
		if s >= l.crowded.Load() || quota.waits() { // waiting and the closed bit stand above pending
			if s&closedBit != 0 {
				return ErrClosed
			}
			if err := l.admit(s, quota); err != nil {
				return err
			}
		}
		// From idle to held: fn may run here and now. Else announce a task.
		if l.state.CompareAndSwap(s, s+1) {
			if pending(s) == 0 {
				return l.runClaimed(fn)
			}
			return l.enqueue(ctx, class, quota, fn)
		}
	}
}

// runClaimed runs the caller's own task and gives the hold up. Only the holder may
// call it.
func (l *Loop[T]) runClaimed(fn func(T) error) error {
	defer l.release(0)
	l.own.waited = 0
	c := &l.own.counters
	c.CallerRuns++
	if c.CallerRuns%sampling == 0 {
		l.publish()
	}
	return l.run(fn)
}

// run calls fn with a spare or new thread; a panic becomes an error. The hold is
// the caller's again when it returns, though fn may have detached meanwhile. Only
// the holder may call it.
func (l *Loop[T]) run(fn func(T) error) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		l.own.counters.Panics++
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	var t T
	if n := len(l.own.spare); n > 0 {
		t = l.own.spare[n-1]
		clear(l.own.spare[n-1:]) // the array must not keep it once it is dropped
		l.own.spare = l.own.spare[:n-1]
	} else {
		t = l.newThread()
	}
	err = fn(t)
	if len(l.own.spare) < maxSpare && (l.reuse == nil || l.reuse(t)) {
		l.own.spare = append(l.own.spare, t)
	}
	returned = true
	return err
}

// MaxWaiting is the limit of that name. Any goroutine may call it.
func (l *Loop[T]) MaxWaiting() int { return int(l.maxWaiting.Load()) }

// DropSpare forgets the threads that are kept for later tasks, and so what they refer to.
// Only the holder may call it, from inside a task.
func (l *Loop[T]) DropSpare() {
	clear(l.own.spare)
	l.own.spare = l.own.spare[:0]
}

// enqueue puts fn into its class's ring and waits for it. The caller has announced it,
// so the holder cannot leave without having seen it.
func (l *Loop[T]) enqueue(ctx context.Context, class Class, quota *Quota, fn func(T) error) error {
	if class >= classes {
		class = Normal
	}
	ring := &l.rings[class]
	if !quota.acquire(class, ring.limit.Load()) {
		l.state.Add(^uint64(0)) // as below
		l.refusals.quota.Add(1)
		return ErrQuotaUsed
	}
	t := l.newTask(class, quota, fn)
	if !ring.push(t) {
		// Take the announcement back. The hold is not ours, so pending stays above
		// zero, and the holder, if it has begun to look for the task, sees the count.
		l.state.Add(^uint64(0))
		quota.release(class)
		l.recycle(t)
		l.refusals.full.Add(1)
		return ErrOverloaded
	}
	l.arm()
	select {
	case <-t.done:
	case <-ctx.Done():
		if t.state.CompareAndSwap(queued, cancelled) {
			return ctx.Err() // t is the ring's now
		}
		<-t.done
	}
	err := t.err
	l.recycle(t)
	return err
}

// release gives up the hold and adds extra to the state in the same step (0, or
// oneWaiting for a task that detaches). What is pending is handed on. Only the
// holder may call it; afterwards it is not the holder.
func (l *Loop[T]) release(extra uint64) {
	popped := l.tally()
	for {
		s := l.state.Load()
		if pending(s)-popped != 1 {
			l.handOver(extra - popped)
			break
		}
		next := s + extra - popped - 1
		if l.state.CompareAndSwap(s, next) { // idle; from here on own is not ours
			if next == closedBit {
				l.becomeQuiet()
			}
			break
		}
	}
	if l.replies.top.Load() != nil {
		l.replies.send()
	}
}

// tally ends the accounting of one hold. It returns how many popped tasks are still
// counted in pending. Telling the producers of those that are over is the last thing to
// do, as they may go on to claim. Only the holder may call it.
func (l *Loop[T]) tally() (popped uint64) {
	if l.own.held != 0 {
		l.busy(time.Duration(nanotime() - l.own.held))
		l.own.held = 0
	}
	popped = l.own.popped
	l.own.popped = 0
	return popped
}

// handOver gives the hold to whoever has been waiting: a detached task that wants
// to attach, or the drain goroutine. delta is added to the state. Only the holder
// may call it, when work is pending.
func (l *Loop[T]) handOver(delta uint64) {
	if int64(l.own.streak) < l.batch.Load() {
		if a := l.attachers.pop(); a != nil {
			l.own.streak++
			// Two counts meet, the hold's and the attacher's: one goes.
			l.state.Add(delta - 1)
			a.ready <- struct{}{}
			return
		}
	}
	l.own.streak = 0
	if delta != 0 {
		l.state.Add(delta)
	}
	if l.own.parked {
		l.own.parked = false
		l.drainCh <- struct{}{}
		return
	}
	l.drains.Add(1)
	go l.drain()
}
