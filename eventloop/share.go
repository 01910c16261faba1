package eventloop

import "sync/atomic"

// Share counts the queued tasks of one kind, such as those of one route, so that they
// cannot fill a queue that others need: of each class's queue they get half, and one
// more. A slot counts until it is free again, also when its task was cancelled, or a
// kind whose clients leave at once could fill the queue with tasks nobody wants. A task
// that finds the loop idle does not touch its Share.
//
// The zero value is ready for use. It must not be copied.
type Share struct {
	queued [classes]atomic.Int64
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
