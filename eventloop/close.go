package eventloop

import "context"

// Close stops admitting, lets queued tasks run, and waits for detached ones. When
// ctx ends first it closes Stopping, so that what still waits gives up, waits for
// that, and returns how many tasks were cut. When it returns nothing runs, nothing
// waits, and no goroutine of the loop is left.
//
// Any goroutine may call it, more than once; each call returns when all is over.
func (l *Loop[T]) Close(ctx context.Context) (cut int) {
	if l.state.Or(closedBit)&^closedBit == 0 {
		l.becomeQuiet()
	}
	select {
	case <-l.quiet:
	case <-ctx.Done():
		l.stopOnce.Do(func() {
			cut = int(waiting(l.state.Load()))
			close(l.stopping)
		})
		<-l.quiet
	}
	// Nobody holds the loop and nobody will: own can be read, and the parked drain
	// goroutine may end.
	l.endOnce.Do(func() {
		l.publish()
		close(l.drainCh)
	})
	l.drains.Wait()
	l.sweeper.close()
	return cut
}

// becomeQuiet is called by whoever brings the state to "closed, nothing pending,
// nothing waiting". That state is final: Do refuses, and only a waiting task could
// attach.
func (l *Loop[T]) becomeQuiet() {
	l.quietOnce.Do(func() { close(l.quiet) })
}
