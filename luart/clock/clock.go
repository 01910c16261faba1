package clock

import (
	"container/heap"
	"context"
	"math"
	"sync"
	"time"
)

// Forever is the time of what is never due.
const Forever time.Duration = math.MaxInt64

// Clock is a clock that stands still while an activity is at work. nil is the system's.
// Any goroutine may call its methods.
type Clock struct {
	started time.Time

	mu     sync.Mutex
	now    time.Time
	active int                // activities at work
	aside  map[*Wait]struct{} // those that wait
	due    queue
	serial uint64
	stuck  func()
}

// New returns a clock that stands at start. When all its activities wait and nothing is
// due, it calls stuck, which may be nil, on a goroutine of its own.
func New(start time.Time, stuck func()) *Clock {
	start = start.Round(0) // a monotonic reading would be compared instead
	return &Clock{started: start, now: start, aside: map[*Wait]struct{}{}, stuck: stuck}
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Start returns where a clock that is not nil stood at first.
func (c *Clock) Start() time.Time { return c.started }

// Since returns the time that has passed since t, which Now has returned.
func (c *Clock) Since(t time.Time) time.Duration {
	if c == nil {
		return time.Since(t)
	}
	return c.Now().Sub(t)
}

// Begin says that n more activities are at work.
func (c *Clock) Begin(n int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active += n
}

// End says that an activity is over.
func (c *Clock) End() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	c.move()
}

// Wait is an activity's wait, by a clock that is not nil.
type Wait struct {
	c     *Clock
	ready func() bool
	over  chan struct{}
	entry *entry // nil: it waits forever
	fired bool
}

// Wait has the activity that calls it stand aside, for d at most. ready says whether what
// it waits for, beside the time, has happened, and then goes on saying so; it must not call
// the clock.
func (c *Clock) Wait(d time.Duration, ready func() bool) *Wait {
	w := &Wait{c: c, ready: ready, over: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d != Forever {
		w.entry = c.add(d, false, nil, w)
	}
	c.aside[w] = struct{}{}
	c.active--
	c.move()
	return w
}

// Over is closed when the time is over.
func (w *Wait) Over() <-chan struct{} { return w.over }

// End says that the activity is at work again.
func (w *Wait) End() {
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.remove(w.entry)
	delete(w.c.aside, w)
	w.c.active++
}

// Sleep returns when d is over, or ctx ends. It is an activity's wait.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) {
	if c == nil {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return
	}
	w := c.Wait(d, func() bool { return ctx.Err() != nil })
	defer w.End()
	select {
	case <-w.Over():
	case <-ctx.Done():
	}
}

// Advance waits until d has passed and all that is due by then has happened, or stop is
// closed.
func (c *Clock) Advance(d time.Duration, stop <-chan struct{}) {
	w := &Wait{c: c, over: make(chan struct{}), ready: func() bool { return closed(stop) }}
	c.mu.Lock()
	w.entry = c.add(d, true, nil, w)
	c.aside[w] = struct{}{}
	c.active--
	c.move()
	c.mu.Unlock()
	select {
	case <-w.over:
	case <-stop:
	}
	w.End()
}

// move lets the next thing happen, if no activity is at work, or about to be. c.mu is held.
func (c *Clock) move() {
	if c.active > 0 {
		return
	}
	for w := range c.aside {
		if w.fired || w.ready() {
			return
		}
	}
	if len(c.due) == 0 {
		if len(c.aside) > 0 && c.stuck != nil {
			go c.stuck()
		}
		return
	}
	e := heap.Pop(&c.due).(*entry)
	if e.at.After(c.now) {
		c.now = e.at
	}
	if e.wait != nil {
		e.wait.fired = true
		close(e.wait.over)
		return
	}
	c.active++
	go func() {
		defer c.End()
		e.f()
	}()
}

// add puts something into the queue. c.mu is held.
func (c *Clock) add(d time.Duration, last bool, f func(), w *Wait) *entry {
	c.serial++
	e := &entry{at: c.now.Add(max(d, 0)), last: last, serial: c.serial, f: f, wait: w}
	heap.Push(&c.due, e)
	return e
}

// remove takes e, which may be nil, out of the queue, and reports whether it was there. c.mu
// is held.
func (c *Clock) remove(e *entry) bool {
	if e == nil || e.index < 0 {
		return false
	}
	heap.Remove(&c.due, e.index)
	return true
}

// entry is something that is due: a call, or the end of a wait.
type entry struct {
	at     time.Time
	last   bool // of what is due at the same time, even if that is added later
	serial uint64
	index  int // in the queue; negative: it is not there
	f      func()
	wait   *Wait
}

// queue is a heap of entries, that which is due next at the front.
type queue []*entry

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i], q[j]
	switch {
	case !a.at.Equal(b.at):
		return a.at.Before(b.at)
	case a.last != b.last:
		return b.last
	}
	return a.serial < b.serial
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(v any) {
	e := v.(*entry)
	e.index = len(*q)
	*q = append(*q, e)
}

func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.index = -1
	return e
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
