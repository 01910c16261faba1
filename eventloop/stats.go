package eventloop

import (
	"math/bits"
	"time"
)

// Counters only grow.
type Counters struct {
	CallerRuns uint64 // tasks run by their own caller, on an idle loop
	Drained    uint64 // tasks run by the drain goroutine
	Attached   uint64 // pieces of work run by DoAdmitted
	Cancelled  uint64 // queued tasks skipped, because their context had ended
	Panics     uint64 // tasks that panicked
	Detaches   uint64 // times a task gave up the hold in order to wait
	Refused    Refusals

	// Batches counts the batches of the drain goroutine by size: element i those
	// of 2^(i-1) < size <= 2^i tasks, element 0 those of one. Batched are the tasks in
	// them.
	Batches [11]uint64
	Batched uint64

	// QueueWait is the time that drained tasks spent in the queue, together. Waits counts
	// them by it: element i those that waited up to WaitBounds[i], the last one the rest.
	QueueWait time.Duration
	Waits     [len(WaitBounds) + 1]uint64

	// Busy is the time during which somebody held the loop. A hold is measured where that
	// costs little beside it: a batch, a slice after a wait, what DoAdmitted and Inspect
	// run. Of a task that its own caller runs it is what the task says (Spent), since to
	// read the clock twice would cost more than the rest of Do. Of one that goes on it is
	// what that has said (SpentSoFar).
	Busy time.Duration
}

// WaitBounds are what Counters.Waits tells apart, in ascending order.
var WaitBounds = [...]time.Duration{
	16 * time.Microsecond, 64 * time.Microsecond, 256 * time.Microsecond,
	time.Millisecond, 4 * time.Millisecond, 16 * time.Millisecond, 64 * time.Millisecond, 256 * time.Millisecond,
	time.Second, 4 * time.Second,
}

// Refusals counts the tasks that were refused, by reason. But for Receiving none of them
// has run.
type Refusals struct {
	Full         uint64 // ErrOverloaded: the queue was full
	Quota        uint64 // ErrQuotaUsed: its kind had more than half of the queue
	Waiting      uint64 // ErrTooManyWaiting: too many tasks were detached
	WaitingQuota uint64 // ErrWaitingQuotaUsed: too many of its kind were
	Receiving    uint64 // ErrTooManyReceiving. These have run until then
	QueueTimeout uint64 // ErrQueueTimeout: it was queued for too long
}

// Total returns how many were refused, for whatever reason.
func (r Refusals) Total() uint64 { return r.Full + r.Quota + r.Waiting + r.QueueTimeout }

// Stats is what a loop has done and does.
type Stats struct {
	Counters
	Depth     int          // tasks queued, not started
	Depths    [classes]int // Depth, by Class
	Waiting   int          // tasks detached, but those that receive
	Receiving int          // tasks detached with Receive
	Spare     int          // threads kept for later tasks
	InFlight  int          // tasks admitted, not answered; a task about to be refused may be counted
}

// sampling: after this many caller runs the counters are published, since that costs more
// than the rest of such a run (see BenchmarkDo).
const sampling = 64

// publishBusy: sooner, after so much time held. However few and long the tasks are, what
// Stats tells of them is no older than one of them, as far as it says nothing itself, and
// this.
const publishBusy = time.Millisecond

// Stats returns a snapshot. On an idle loop it is exact; on a busy one the counters
// may be those of up to 64 tasks ago, or of a millisecond of tasks if that is less. Any
// goroutine may call it.
func (l *Loop[T]) Stats() Stats {
	if s := l.state.Load(); s&closedBit == 0 && pending(s) == 0 && l.state.CompareAndSwap(s, s+1) {
		l.publish()
		l.release(0)
	}
	l.published.Lock()
	st := Stats{Counters: l.published.counters, Spare: l.published.spare}
	l.published.Unlock()
	s := l.state.Load()
	st.Refused = Refusals{
		Full:         l.refusals.full.Load(),
		Quota:        l.refusals.quota.Load(),
		Waiting:      l.refusals.waiting.Load(),
		WaitingQuota: l.refusals.waitingQuota.Load(),
		Receiving:    l.refusals.receiving.Load(),
		QueueTimeout: l.refusals.queueTimeout.Load(),
	}
	st.Cancelled += l.refusals.cancelled.Load()
	for c := range l.rings {
		st.Depths[c] = l.rings[c].len()
		st.Depth += st.Depths[c]
	}
	st.InFlight = int(pending(s) + waiting(s))
	st.Receiving = int(min(l.receiving.Load(), int64(waiting(s)))) // s and it are not of one moment
	st.Waiting = int(waiting(s)) - st.Receiving
	return st
}

// publish copies the holder's counters to where Stats finds them, unless a reader
// is there just now: the holder never waits. Only the holder may call it.
func (l *Loop[T]) publish() {
	if l.published.TryLock() {
		l.published.counters = l.own.counters
		l.own.told = l.own.counters.Busy
		l.published.rate = l.own.rate
		l.published.spare = len(l.own.spare)
		l.published.Unlock()
	}
}

// measure starts the clock for this hold. Only the holder may call it.
func (l *Loop[T]) measure() { l.own.held = nanotime() }

// busy counts time held. Only the holder may call it.
func (l *Loop[T]) busy(d time.Duration) {
	c := &l.own.counters
	c.Busy += d
	if c.Busy-l.own.told >= publishBusy {
		l.publish()
	}
}

// Spent says for how long the task that runs has had the hold: since it began, or got it
// back. It should be told before the task returns, and before it detaches. It counts where
// the loop does not measure that itself, see Counters.Busy. Only the holder may call it.
func (l *Loop[T]) Spent(d time.Duration) {
	if l.own.held == 0 {
		l.busy(d)
	}
}

// SpentSoFar is Spent for a task that goes on, and may for long: it is told now and then, each time
// with the time since the last one. Only the holder may call it.
func (l *Loop[T]) SpentSoFar(d time.Duration) {
	if l.own.held == 0 {
		l.busy(d)
		return
	}
	now := nanotime()
	l.busy(time.Duration(now - l.own.held))
	l.own.held = now
}

// batch counts a batch of n tasks.
func (c *Counters) batch(n int) {
	if n > 0 {
		c.Batches[min(bits.Len(uint(n-1)), len(c.Batches)-1)]++
		c.Batched += uint64(n)
	}
}

// waited counts a drained task by its time in the queue.
func (c *Counters) waited(d time.Duration) {
	c.QueueWait += d
	i := 0
	for i < len(WaitBounds) && d > WaitBounds[i] {
		i++
	}
	c.Waits[i]++
}

// Waited returns how long the task that runs was queued; 0 for one that its own caller
// runs, and for a further piece of work (DoAdmitted). Only the holder may call it, before
// it detaches for the first time.
func (l *Loop[T]) Waited() time.Duration { return l.own.waited }

var epoch = time.Now()

// nanotime returns the monotonic clock, never 0.
func nanotime() int64 { return int64(time.Since(epoch)) + 1 }

// Held reports whether somebody holds the loop, or is about to. Any goroutine may call it.
func (l *Loop[T]) Held() bool { return pending(l.state.Load()) > 0 }

// Fullest returns how many tasks are queued of the class with most, and how many may be. It enters
// nothing, so that it may be asked at any time. Any goroutine may call it.
func (l *Loop[T]) Fullest() (depth, limit int) {
	for c := range l.rings {
		if n := l.rings[c].len(); n >= depth {
			depth, limit = n, int(l.rings[c].limit.Load())
		}
	}
	return depth, limit
}
