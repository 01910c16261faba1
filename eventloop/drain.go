package eventloop

import (
	"runtime"
	"time"
)

// replyDelay is how long the reply to a task that has run may be held back while others
// are queued. Replied to at once, the producers find the loop still held and queue
// again: a convoy, in which no task ever runs on its caller and each costs two
// goroutine switches. Held back, they come when the loop is idle. BenchmarkDo with
// 1024 producers: 700 ns a task with 50 µs, 75 ns with 300 µs. A batch of handlers
// takes about 50 µs.
const replyDelay = 250 * time.Microsecond

// drain is the drain goroutine: it is started with the hold, or gets it through
// drainCh, runs queued tasks in batches, and parks when nothing is pending. At most
// one is parked; there are more only while their tasks are detached, since a task
// that waits keeps the goroutine it runs on.
func (l *Loop[T]) drain() {
	ended := false
	defer func() {
		if !ended { // a task called runtime.Goexit: this goroutine ends, with the hold
			l.drains.Add(1)
			go l.drain()
		}
		l.drains.Done()
	}()
	for l.drainHeld() {
		if _, ok := <-l.drainCh; !ok {
			break
		}
	}
	ended = true
}

// drainHeld runs batches until nothing is pending, or detached tasks are to have
// their turn. It has given up the hold when it returns, and reports whether this
// goroutine is the one to park. Only the holder may call it.
func (l *Loop[T]) drainHeld() (park bool) {
	for {
		l.runBatch()
		popped := l.tally()

		// Parking is decided before the hold is given up: own is the holder's.
		park = !l.own.parked
		l.own.parked = true
		s := l.state.Load()
		if pending(s)-popped == 1 {
			next := s - popped - 1
			if l.state.CompareAndSwap(s, next) {
				if next == closedBit {
					l.becomeQuiet()
				}
				l.replies.send()
				return park
			}
		} else if a := l.attachers.pop(); a != nil {
			l.own.streak = 1
			l.state.Add(-popped - 1) // as in handOver
			a.ready <- struct{}{}
			l.replies.send()
			return park
		}
		l.own.parked = !park
		if popped != 0 {
			l.state.Add(-popped)
		}
		// More is pending: a further batch, before which others have a processor, or, if
		// there was none, a producer between its announcement and its push, who must get
		// one.
		runtime.Gosched()
	}
}

// runBatch runs queued tasks, at most a batch of them. It never waits for one. Only the
// holder may call it.
func (l *Loop[T]) runBatch() {
	l.measure()
	now := l.own.held
	l.own.rate.begin(now)
	timeout := l.queueTimeout.Load()
	limit, n, ran := int(l.batch.Load()), 0, 0
	for ; n < limit; n++ {
		t, ok := l.next()
		if !ok {
			break
		}
		l.own.popped++
		t.quota.release(t.class)
		c := &l.own.counters
		if !t.state.CompareAndSwap(queued, taken) {
			c.Cancelled++
			l.recycle(t)
			continue
		}
		wait := max(now-t.pushed, 0)
		if wait >= timeout {
			l.refusals.queueTimeout.Add(1)
			t.err = ErrQueueTimeout
			t.done <- struct{}{} // the producer's from here on; it has waited enough
			continue
		}
		// Since it was queued others may have begun to wait.
		if s := l.state.Load() &^ closedBit; s >= l.crowded.Load() || t.quota.waits() {
			t.err = l.admit(s, t.quota)
		}
		if t.err != nil {
			t.done <- struct{}{} // as above
			continue
		}
		c.Drained++
		l.own.waited = time.Duration(wait)
		c.waited(l.own.waited)
		l.own.turn++
		ran++
		l.runQueued(t)

		now = nanotime()
		l.busy(time.Duration(now - l.own.held)) // a batch may go on for long
		l.own.held = now
		if now-l.replies.since > int64(replyDelay) {
			l.replies.send()
			// The batch may go on for long: say so far how fast it is.
			l.own.rate.add(ran, now)
			ran = 0
			l.publish()
		}
	}
	l.own.rate.add(ran, now)
	l.own.rate.full = n == limit
	l.own.counters.batch(n)
	l.publish()
}

// runQueued runs t and keeps the reply for later. Only the holder may call it.
func (l *Loop[T]) runQueued(t *task[T]) {
	t.err = ErrGoexit // stays when fn ends the goroutine
	defer l.replies.add(t)
	t.err = l.run(t.fn)
}

// FlushReplies sends the replies that are held back at the moment. Nothing needs it; but the
// holder sends them between two tasks only, so whoever watches for long tasks should call
// it while there is one. Any goroutine may call it.
func (l *Loop[T]) FlushReplies() { l.replies.send() }
