package luart

import (
	"context"
	"sync"
)

// onEnd has f called, on a goroutine of its own, when ctx ends. stop ends that: when it
// returns f is not running, and will not run any more.
//
// context.AfterFunc alone does not promise the second half: its own stop returns while an f
// that has begun goes on. What f does to a request's writer or body would then be done
// after ServeHTTP has returned, to a writer that net/http has taken apart: a panic that
// nothing recovers, by which a client that resets a stream ends the process. So whatever
// touches a writer or a body when a context ends goes through here.
//
// The caller must call stop before the request's goroutine returns, and f must not wait for
// who calls it.
func onEnd(ctx context.Context, f func()) (stop func()) {
	ran := make(chan struct{})
	unwatch := context.AfterFunc(ctx, func() {
		defer close(ran)
		f()
	})
	return sync.OnceFunc(func() {
		if !unwatch() { // it has begun
			<-ran
		}
	})
}
