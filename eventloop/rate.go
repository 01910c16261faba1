package eventloop

import "time"

// rate is how fast queued tasks are served: sums over the recent batches, in which
// each batch fades to 7/8 with every further one. It covers all that happens between
// the batches of a queue that does not become empty: that is what a queued task waits for.
type rate struct {
	tasks float64
	time  float64 // nanoseconds
	since int64   // nanotime at which the batch that is being served began to count
	full  bool    // the last batch did not empty the queue, so since is its end
}

// begin starts the clock for a batch, unless it runs since the last one.
func (r *rate) begin(now int64) {
	if !r.full {
		r.since = now
	}
}

// add accounts for n tasks served since begin, or the last add.
func (r *rate) add(n int, now int64) {
	if n == 0 {
		return
	}
	const fade = 7.0 / 8
	r.tasks = r.tasks*fade + float64(n)
	r.time = r.time*fade + float64(now-r.since)
	r.since = now
}

// perTask returns the time between two tasks, 0 if none was served yet.
func (r *rate) perTask() time.Duration {
	if r.tasks == 0 {
		return 0
	}
	return time.Duration(r.time / r.tasks)
}

// The range of RetryAfter. Under a second the clients of a passing peak would come back
// into it; past half a minute the measured rate says nothing about the load by then.
const (
	minRetry = time.Second
	maxRetry = 30 * time.Second
)

// RetryAfter returns when a refused task should be tried again: whole seconds, from
// 1s to 30s, by which what is queued now will have been served at the rate of late.
// Any goroutine may call it.
func (l *Loop[T]) RetryAfter() time.Duration {
	l.published.Lock()
	per := l.published.rate.perTask()
	l.published.Unlock()
	return retryAfter(l.depth(), per)
}

func retryAfter(depth int, per time.Duration) time.Duration {
	if per >= maxRetry { // also keeps the product far from overflow
		per = maxRetry
	}
	d := time.Duration(depth) * per
	d = (d + time.Second - 1).Truncate(time.Second)
	return min(max(d, minRetry), maxRetry)
}
