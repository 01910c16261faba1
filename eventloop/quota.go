package eventloop

import "sync/atomic"

// Quota counts the queued tasks of one kind, such as those of one route, so that they
// cannot fill a queue that others need: of each class's queue they get half, and one
// more. A slot counts until it is free again, also when its task was cancelled, or a
// kind whose clients leave at once could fill the queue with tasks nobody wants. A task
// that finds the loop idle does not touch its Quota.
//
// It counts detached tasks, too. A kind may have one more when it has no more than there are
// places left of Limits.MaxWaiting: one that is slow gets half, and one, another the same of
// the rest. The last sixteenth is for the first task of each kind, and for kinds with
// Reserved, on which the work of others depends.
//
// The zero value is ready for use. It must not be copied.
type Quota struct {
	queued    [classes]atomic.Int64
	waiting   atomic.Int64 // detached tasks; the holder writes it
	receiving atomic.Int64 // those detached with Receive; the holder writes it

	// Reserved must be set before the first use, if it is.
	Reserved bool
}

// reserve returns how many of max places for detached tasks are not for a second one
// of a kind without Reserved.
func reserve(max int64) int64 {
	if max < 4 { // then one would be too much
		return 0
	}
	return (max + 15) / 16
}

// fits reports whether the kind, which has taken places, may have one more when free of max
// are left.
func (q *Quota) fits(taken, free, max int64) bool {
	return taken == 0 || taken <= free && (q.Reserved || free > reserve(max))
}

// waits reports whether tasks of the kind are detached. Any goroutine may call it.
func (q *Quota) waits() bool { return q != nil && q.waiting.Load() > 0 }

// admit says whether the loop has a place for a task that may detach, when its state is s.
// Any goroutine may call it.
func (l *Loop[T]) admit(s uint64, quota *Quota) error {
	max := l.maxWaiting.Load()
	free := max - (int64(waiting(s)) - l.receiving.Load())
	switch {
	case free <= 0:
		l.refusals.waiting.Add(1)
		return ErrTooManyWaiting
	case quota != nil && !quota.fits(quota.waiting.Load(), free, max):
		l.refusals.waitingQuota.Add(1)
		return ErrWaitingQuotaUsed
	}
	return nil
}

// Queued returns how many tasks of the kind are queued. Any goroutine may call it.
func (q *Quota) Queued() (n int) {
	for c := range q.queued {
		n += int(q.queued[c].Load())
	}
	return n
}

// acquire takes a place in a queue of limit tasks and reports whether the quota had one
// left. nil has always one. Any goroutine may call it.
func (q *Quota) acquire(c Class, limit uint64) bool {
	if q == nil {
		return true
	}
	// Added first: however many race for the last place, one gets it.
	if q.queued[c].Add(1) > int64(limit/2)+1 {
		q.queued[c].Add(-1)
		return false
	}
	return true
}

// release gives the place back. Only whoever popped the task, or could not push it, may
// call it, once.
func (q *Quota) release(c Class) {
	if q != nil {
		q.queued[c].Add(-1)
	}
}
