package eventloop

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	for _, test := range []struct {
		depth     int
		per, want time.Duration
	}{
		{0, 0, time.Second},
		{4096, 0, time.Second}, // nothing measured yet
		{0, time.Minute, time.Second},
		{4096, 3 * time.Microsecond, time.Second},
		{1000, time.Millisecond, time.Second},
		{1001, time.Millisecond, 2 * time.Second},
		{4096, 5 * time.Millisecond, 21 * time.Second},
		{65536, time.Millisecond, 30 * time.Second},
		{1, 1 << 62, 30 * time.Second},
		{196608, 1 << 62, 30 * time.Second},
	} {
		if got := retryAfter(test.depth, test.per); got != test.want {
			t.Errorf("%d tasks, %v each: %v, want %v", test.depth, test.per, got, test.want)
		}
	}
}

func TestRate(t *testing.T) {
	var r rate
	if r.perTask() != 0 {
		t.Error("a rate without a task")
	}
	r.begin(1000)
	r.add(0, 9000) // a batch of cancelled tasks says nothing
	if r.perTask() != 0 {
		t.Error("a rate of no tasks")
	}
	r.begin(1000)
	r.add(10, 2000)
	if got := r.perTask(); got != 100 {
		t.Errorf("10 tasks in 1000: %v", got)
	}
	r.begin(50_000) // the queue was empty in between: that time is not service
	r.add(10, 51_000)
	if got := r.perTask(); got != 100 {
		t.Errorf("after a pause: %v", got)
	}
	r.full = true
	r.begin(54_000) // the queue was not empty: its tasks waited for whatever ran
	r.add(10, 55_000)
	if got := r.perTask(); got <= 100 || got >= 400 {
		t.Errorf("after other work: %v", got)
	}
	for range 100 {
		r.full = false
		r.begin(0)
		r.add(1, 7000)
	}
	if got := r.perTask(); got < 6999 || got > 7000 {
		t.Errorf("what was long ago should have faded: %v", got)
	}
}

// The holder measures, and RetryAfter reads what it measured, for what is queued now.
func TestRetryAfterOfALoop(t *testing.T) {
	l := newIntLoop(64, 4)
	defer l.Close(background)
	free := occupy(t, l)
	var done []<-chan error
	for range 10 {
		done = append(done, queue(background, l, func(*int) error {
			for start := nanotime(); nanotime()-start < 1000; { // a microsecond
			}
			return nil
		}))
	}
	if got := l.RetryAfter(); got != time.Second {
		t.Errorf("before anything was measured: %v", got)
	}
	free()
	for _, d := range done {
		<-d
	}
	until(func() bool { return l.Stats().InFlight == 0 })
	l.published.Lock()
	per := l.published.rate.perTask()
	l.published.rate = rate{tasks: 1, time: 0.7e9}
	l.published.Unlock()
	if per < 1000 {
		t.Errorf("tasks of 1µs were measured as %v", per)
	}

	free = occupy(t, l)
	done = done[:0]
	for range 5 {
		done = append(done, queue(background, l, func(*int) error { return nil }))
	}
	if got := l.RetryAfter(); got != 4*time.Second {
		t.Errorf("5 tasks of 0.7s: %v", got)
	}
	free()
	for _, d := range done {
		<-d
	}
}
