package clock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// diary is what has happened, in order.
type diary struct {
	c     *Clock
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v %s", d.c.Now().Sub(start), what))
}

func never() bool { return false }

// sleep is an activity's wait for the time alone.
func sleep(c *Clock, d time.Duration) {
	w := c.Wait(d, never)
	<-w.Over()
	w.End()
}

// Things happen in the order of time, one at a time, whatever each does and however long
// that takes.
func TestOrder(t *testing.T) {
	c := New(start, nil)
	d := &diary{c: c}
	c.Begin(1)
	var again func()
	n := 0
	again = func() {
		n++
		d.write(fmt.Sprint("every ", n))
		c.AfterFunc(time.Second, again)
	}
	c.AfterFunc(time.Second, again)
	c.AfterFunc(1500*time.Millisecond, func() {
		d.write("sleeper")
		sleep(c, time.Second)
		d.write("sleeper wakes")
		c.AfterFunc(0, func() { d.write("at once") })
	})
	stopped := c.AfterFunc(2*time.Second, func() { d.write("stopped") })
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop")
	}
	c.Advance(3*time.Second, nil)
	want := []string{"1s every 1", "1.5s sleeper", "2s every 2", "2.5s sleeper wakes", "2.5s at once", "3s every 3"}
	if !slices.Equal(d.lines, want) {
		t.Errorf("got %q", d.lines)
	}
	if got := c.Since(start); got != 3*time.Second {
		t.Error(got)
	}
}

// An activity that another has woken is at work before it runs.
func TestHandOver(t *testing.T) {
	for range 200 {
		c := New(start, nil)
		d := &diary{c: c}
		ready := make(chan struct{})
		c.Begin(2)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer c.End()
			w := c.Wait(Forever, func() bool { return closed(ready) })
			<-ready
			w.End()
			d.write("woken")
			sleep(c, time.Second)
			d.write("slept")
		})
		sleep(c, time.Second)
		close(ready)
		sleep(c, time.Minute)
		d.write("last")
		wg.Wait()
		if want := []string{"1s woken", "2s slept", "1m1s last"}; !slices.Equal(d.lines, want) {
			t.Fatalf("got %q", d.lines)
		}
		c.End()
	}
}

func TestAdvanceStops(t *testing.T) {
	stop := make(chan struct{})
	c := New(start, nil)
	c.Begin(1)
	c.AfterFunc(time.Second, func() { close(stop) })
	c.Advance(time.Hour, stop)
	if got := c.Since(start); got != time.Second {
		t.Error(got)
	}
}

// When all wait for what cannot happen, that is told.
func TestStuck(t *testing.T) {
	stuck := make(chan struct{})
	c := New(start, func() { close(stuck) })
	c.Begin(1)
	w := c.Wait(Forever, func() bool { return closed(stuck) })
	<-stuck
	w.End()
	sleep(c, time.Second) // it goes on
	if got := c.Since(start); got != time.Second {
		t.Error(got)
	}
}

func TestTimeout(t *testing.T) {
	reason := errors.New("too slow")
	type key struct{}
	for _, c := range []*Clock{nil, New(start, nil)} {
		outer, cancelOuter := c.WithTimeout(context.WithValue(context.Background(), key{}, 1), time.Hour, nil)
		inner, cancel := c.WithTimeout(outer, time.Millisecond, reason)
		child, cancelChild := context.WithCancel(inner)
		if c != nil {
			c.Begin(1)
			sleep(c, time.Millisecond)
		}
		<-child.Done()
		if inner.Err() != context.DeadlineExceeded || !errors.Is(context.Cause(inner), reason) || inner.Value(key{}) != 1 || child.Err() == nil { //nolint:errorlint // as contexts return it
			t.Error(inner.Err(), context.Cause(inner), child.Err())
		}
		if outer.Err() != nil {
			t.Error(outer.Err())
		}
		cancelOuter()
		if outer.Err() != context.Canceled { //nolint:errorlint // as contexts return it
			t.Error(outer.Err())
		}
		cancelChild()
		cancel()
		if inner.Err() != context.DeadlineExceeded { //nolint:errorlint // as contexts return it
			t.Error(inner.Err())
		}
	}
}
