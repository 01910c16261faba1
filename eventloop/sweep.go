package eventloop

import (
	"sync"
	"sync/atomic"
	"time"
)

// sweeper refuses tasks that have been queued for longer than Limits.QueueTimeout. The
// holder does that too, when it comes to such a task, and exactly; but it may be in a
// long task, and the producers must not wait for the end of that.
//
// No task has a timer. While anything is queued the sweeper wakes a few times per
// timeout and notes the tail of each ring: a mark. What stands before a mark that is
// older than the timeout has waited that long, so the sweeper pops it. It wakes when
// the first mark is due: a lone task is refused on time, others at most a tick late.
//
// Invariants:
//
//  1. armed is set only by CAS, by whoever then starts the timer; it is cleared only by
//     the sweeper. A producer looks at it after its push; the sweeper looks at the rings
//     once more after it cleared it. So a queued task always has an armed sweeper.
//  2. A task popped by the sweeper is counted in pending until it takes that back. Until
//     then the holder cannot become idle, so pending stays above zero: the hold's count.
type sweeper struct {
	armed atomic.Bool
	now   func() int64 // nanotime, but in tests

	mu     sync.Mutex
	timer  *time.Timer
	ticks  sync.WaitGroup // a tick that is due, or runs
	closed bool
	marks  []mark // oldest first
}

// mark says that positions before tails were filled before the nanotime at.
type mark struct {
	at    int64
	tails [classes]uint64
}

// sweeps is how often the sweeper wakes per timeout: the most that a refusal comes late
// is a sixteenth of it.
const (
	sweeps  = 16
	minTick = time.Millisecond
)

// arm makes sure that the sweeper will see a task that was just pushed. Any goroutine
// may call it.
func (l *Loop[T]) arm() {
	if !l.sweeper.armed.Load() && l.sweeper.armed.CompareAndSwap(false, true) {
		l.startSweeping()
	}
}

func (l *Loop[T]) startSweeping() {
	s := &l.sweeper
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed { // the task is over already, and so is the loop
		return
	}
	now := s.now()
	s.marks = append(s.marks[:0], l.mark(now))
	s.ticks.Add(1)
	if s.timer == nil {
		s.timer = time.AfterFunc(l.untilTick(now), l.tick)
	} else {
		s.timer.Reset(l.untilTick(now))
	}
}

// mark returns the mark of this moment. Any goroutine may call it.
func (l *Loop[T]) mark(now int64) mark {
	m := mark{at: now}
	for c := range l.rings {
		m.tails[c] = l.rings[c].tail.Load()
	}
	return m
}

// untilTick returns when the next tick is due. The caller has mu.
func (l *Loop[T]) untilTick(now int64) time.Duration {
	timeout := l.queueTimeout.Load()
	d := max(timeout/sweeps, int64(minTick))
	if len(l.sweeper.marks) > 0 {
		d = min(d, l.sweeper.marks[0].at+timeout-now)
	}
	return time.Duration(max(d, 0))
}

// tick is what the timer calls.
func (l *Loop[T]) tick() {
	s := &l.sweeper
	defer s.ticks.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !l.sweep() {
		return
	}
	s.ticks.Add(1)
	s.timer.Reset(l.untilTick(s.now()))
}

// sweep refuses what has been queued for too long, and reports whether to go on: when
// nothing is queued the sweeper rests until a producer arms it. The caller has mu.
func (l *Loop[T]) sweep() (goOn bool) {
	s := &l.sweeper
	now := s.now()
	due := 0
	for due < len(s.marks) && now-s.marks[due].at >= l.queueTimeout.Load() {
		due++
	}
	if due > 0 {
		l.refuseBefore(s.marks[due-1].tails)
		s.marks = append(s.marks[:0], s.marks[due:]...)
	}
	if l.depth() == 0 {
		s.armed.Store(false)
		if l.depth() == 0 || !s.armed.CompareAndSwap(false, true) { // see (1)
			return false
		}
	}
	s.marks = append(s.marks, l.mark(now))
	return true
}

// refuseBefore refuses all tasks at positions before tails. Only the sweeper may call it.
func (l *Loop[T]) refuseBefore(tails [classes]uint64) {
	var popped uint64
	var refused replies[T]
	for c := range l.rings {
		for {
			t, ok := l.rings[c].popBefore(&tails[c])
			if !ok {
				break
			}
			popped++
			t.quota.release(t.class)
			if !t.state.CompareAndSwap(queued, taken) {
				l.refusals.cancelled.Add(1)
				l.recycle(t)
				continue
			}
			l.refusals.queueTimeout.Add(1)
			t.err = ErrQueueTimeout
			refused.add(t)
		}
	}
	if popped > 0 {
		l.state.Add(-popped) // see (2)
	}
	refused.send()
}

// retime makes a change of the timeout known. Any goroutine may call it.
func (l *Loop[T]) retime() {
	s := &l.sweeper
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil && s.timer.Stop() { // a tick was due, and still is
		s.timer.Reset(l.untilTick(s.now()))
	}
}

// close ends the sweeper, when nothing is queued any more nor will be, and waits for it.
func (s *sweeper) close() {
	s.mu.Lock()
	s.closed = true
	if s.timer != nil && s.timer.Stop() {
		s.ticks.Done()
	}
	s.mu.Unlock()
	s.ticks.Wait()
}
