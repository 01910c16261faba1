package eventloop

import "sync/atomic"

// Detach gives up the hold, calls wait, and returns when it has the hold again; the
// task keeps its thread. Meanwhile other tasks run, so what the loop guards may
// have changed. wait must not touch it, and must return soon after Stopping is
// closed. A panic in wait goes on when the hold is back.
//
// The task counts as one that waits, towards quota unless that is nil, until it has the
// hold back.
//
// Only the holder may call it, from inside a task.
func (l *Loop[T]) Detach(quota *Quota, wait func()) {
	if quota != nil {
		quota.waiting.Add(1)
		defer quota.waiting.Add(-1)
	}
	l.detach(wait)
}

// Receive is Detach for a task that waits for what it was asked with, which only who asked
// can end. Such waits are counted apart, so that those who ask slowly take no places from
// other waits, and quota gets as many of them as of the others. It returns
// ErrTooManyReceiving at once, without having called wait, when there is no place.
//
// Only the holder may call it, from inside a task.
func (l *Loop[T]) Receive(quota *Quota, wait func()) error {
	max := l.maxReceiving.Load()
	free := max - l.receiving.Load()
	if free <= 0 || quota != nil && !quota.fits(quota.receiving.Load(), free, max) {
		l.refusals.receiving.Add(1)
		return ErrTooManyReceiving
	}
	l.receiving.Add(1)
	defer l.receiving.Add(-1)
	if quota != nil {
		quota.receiving.Add(1)
		defer quota.receiving.Add(-1)
	}
	l.detach(wait)
	return nil
}

func (l *Loop[T]) detach(wait func()) {
	l.own.counters.Detaches++
	l.release(oneWaiting)
	defer l.attach()
	wait()
}

// Stopping is closed when the grace of Close has ended: whatever waits in a Detach
// must give up. Any goroutine may call it.
func (l *Loop[T]) Stopping() <-chan struct{} { return l.stopping }

// DoAdmitted is Do for a further piece of work that an earlier task began, such as
// the response phase of a request: it is never refused as long as the loop is open, or
// closing with work left, runs on the caller's goroutine, and takes its turn with
// detached tasks. Any goroutine may call it, but not a task of the same loop.
func (l *Loop[T]) DoAdmitted(fn func(T) error) error {
	for {
		s := l.state.Load()
		if s == closedBit { // and idle, and nothing waits: that is final
			return ErrClosed
		}
		if l.state.CompareAndSwap(s, s+1) {
			l.awaitHold(s)
			defer l.release(0)
			l.own.waited = 0
			l.own.counters.Attached++
			return l.run(fn)
		}
	}
}

// attach gets the hold back for a task that is detached. It is never refused.
func (l *Loop[T]) attach() {
	for {
		s := l.state.Load()
		if l.state.CompareAndSwap(s, s+1-oneWaiting) {
			l.awaitHold(s)
			return
		}
	}
}

// awaitHold returns with the hold, which the caller has announced it wants; before is
// the state before that.
func (l *Loop[T]) awaitHold(before uint64) {
	if pending(before) != 0 { // held: the holder passes it on, see handOver
		a := l.newAttacher()
		l.attachers.push(a)
		<-a.ready
		l.spareAttachers.Put(a)
	}
	l.measure()
}

// attacher is a detached task that wants the hold back.
type attacher struct {
	next  *attacher
	ready chan struct{} // capacity 1: whoever passes the hold on never waits
}

func (l *Loop[T]) newAttacher() *attacher {
	if a, _ := l.spareAttachers.Get().(*attacher); a != nil {
		return a
	}
	return &attacher{ready: make(chan struct{}, 1)}
}

// attachList is an unbounded FIFO of attachers: a stack that producers push onto by
// CAS, which the holder takes whole and turns round. Nothing but the whole stack is
// ever taken off, so a recycled attacher cannot be mistaken for its former self
// (the ABA problem): a push only needs next to be the top at the time of its CAS.
//
// An attacher is its task's up to the CAS in push, then the list's; pop gives it to
// the holder, whose send on ready gives it back.
type attachList struct {
	top   atomic.Pointer[attacher]
	first *attacher // the holder's: taken off already, oldest first
}

// push appends a. Any goroutine may call it.
func (q *attachList) push(a *attacher) {
	for {
		top := q.top.Load()
		a.next = top
		if q.top.CompareAndSwap(top, a) {
			return
		}
	}
}

// pop removes the oldest attacher, nil if there is none. Only the holder may call it.
func (q *attachList) pop() *attacher {
	if q.first == nil {
		for a := q.top.Swap(nil); a != nil; {
			next := a.next
			a.next = q.first
			q.first = a
			a = next
		}
	}
	a := q.first
	if a != nil {
		q.first = a.next
		a.next = nil
	}
	return a
}
