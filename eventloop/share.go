package eventloop

import "sync/atomic"

// Share counts the queued tasks of one kind, such as those of one route, so that they
// cannot fill a queue that others need: of each class's queue they get half, and one
// more. A slot counts until it is free again, also when its task was cancelled, or a
// kind whose clients leave at once could fill the queue with tasks nobody wants. A task
// that finds the loop idle does not touch its Share.
//
// It counts detached tasks, too. A kind may have one more when it has no more than there are
// places left of Limits.MaxWaiting: one that is slow gets half, and one, another the same of
// the rest. The last sixteenth is for the first task of each kind, and for kinds with
// Reserved, on which the work of others depends.
//
// The zero value is ready for use. It must not be copied.
type Share struct {
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
func (s *Share) fits(taken, free, max int64) bool {
	return taken == 0 || taken <= free && (s.Reserved || free > reserve(max))
}

// waits reports whether tasks of the kind are detached. Any goroutine may call it.
func (s *Share) waits() bool { return s != nil && s.waiting.Load() > 0 }

// admit says whether the loop has a place for a task that may detach, when its state is s.
// Any goroutine may call it.
func (l *Loop[T]) admit(s uint64, share *Share) error {
	max := l.maxWaiting.Load()
	free := max - (int64(waiting(s)) - l.receiving.Load())
	switch {
	case free <= 0:
		l.refusals.waiting.Add(1)
		return ErrTooManyWaiting
	case share != nil && !share.fits(share.waiting.Load(), free, max):
		l.refusals.waitingShare.Add(1)
		return ErrWaitingShareUsed
	}
	return nil
}

// Queued returns how many tasks of the kind are queued. Any goroutine may call it.
func (s *Share) Queued() (n int) {
	for c := range s.queued {
		n += int(s.queued[c].Load())
	}
	return n
}

// enter takes a place in a queue of limit tasks and reports whether the share had one
// left. nil has always one. Any goroutine may call it.
func (s *Share) enter(c Class, limit uint64) bool {
	if s == nil {
		return true
	}
	// Added first: however many race for the last place, one gets it.
	if s.queued[c].Add(1) > int64(limit/2)+1 {
		s.queued[c].Add(-1)
		return false
	}
	return true
}

// leave gives the place back. Only whoever popped the task, or could not push it, may
// call it, once.
func (s *Share) leave(c Class) {
	if s != nil {
		s.queued[c].Add(-1)
	}
}
