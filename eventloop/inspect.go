package eventloop

import "context"

// Inspect is Do for a look at what the loop guards, on behalf of an operator: it is not
// refused because too many tasks are detached, which it does not add to, and it is of the
// class High. Any goroutine may call it, but not a task of the same loop.
func (l *Loop[T]) Inspect(ctx context.Context, fn func(T) error) error {
	for {
		s := l.state.Load()
		if s&closedBit != 0 {
			return ErrClosed
		}
		if l.state.CompareAndSwap(s, s+1) {
			if pending(s) == 0 {
				l.measure()
				return l.runClaimed(fn)
			}
			return l.enqueue(ctx, High, nil, fn)
		}
	}
}
