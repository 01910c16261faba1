package eventloop

import (
	"sync"
	"testing"
)

// While a task is detached, others run; its thread stays its own.
func TestDetachLetsOthersRun(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	waits, resume := make(chan struct{}), make(chan struct{})
	var first *int
	done := make(chan error)
	go func() {
		done <- l.Do(background, func(n *int) error {
			first = n
			*n = 1
			l.Detach(nil, func() { close(waits); <-resume })
			if *n != 1 {
				t.Error("somebody used the thread of a detached task")
			}
			return nil
		})
	}()
	<-waits
	for range 10 {
		if err := l.Do(background, func(n *int) error {
			if n == first {
				t.Error("the thread of a detached task was given away")
			}
			*n = 2
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if s := l.Stats(); s.Waiting != 1 || s.InFlight != 1 {
		t.Errorf("%+v", s)
	}
	close(resume)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// The drain goroutine may be the one that waits: another takes its place.
func TestDetachOnTheDrainGoroutine(t *testing.T) {
	l := newIntLoop(64, 8)
	free := occupy(t, l)
	var waiting sync.WaitGroup
	resume := make(chan struct{})
	var done []<-chan error
	for range 50 {
		waiting.Add(1)
		done = append(done, queue(background, l, func(*int) error {
			l.Detach(nil, func() { waiting.Done(); <-resume })
			return nil
		}))
	}
	free()
	waiting.Wait() // all 50 wait at once, each on a goroutine of its own
	if err := l.Do(background, func(*int) error { return nil }); err != nil {
		t.Error(err)
	}
	if got := l.Stats().Waiting; got != 50 {
		t.Errorf("%d waiting", got)
	}
	close(resume)
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	l.Close(background)
}

// Detached tasks get the hold back in the order in which they asked, and a full
// ring does not refuse them.
func TestAttachInOrderDespiteAFullRing(t *testing.T) {
	l := newIntLoop(1, 100)
	const n = 20
	var order []int
	var resume [n]chan struct{}
	var done [n]chan error
	for i := range n {
		resume[i] = make(chan struct{})
		done[i] = make(chan error, 1)
		waits := make(chan struct{})
		go func() {
			done[i] <- l.Do(background, func(*int) error {
				l.Detach(nil, func() { close(waits); <-resume[i] })
				order = append(order, i)
				return nil
			})
		}()
		<-waits
	}
	free := occupy(t, l)
	queued := queue(background, l, func(*int) error { return nil })
	for i := range n {
		before := pending(l.state.Load())
		top := l.attachers.top.Load()
		close(resume[i])
		until(func() bool { return pending(l.state.Load()) > before && l.attachers.top.Load() != top })
	}
	free()
	for i := range n {
		if err := <-done[i]; err != nil {
			t.Error(err)
		}
	}
	<-queued
	for i, got := range order {
		if got != i {
			t.Fatalf("order: %v", order)
		}
	}
	l.Close(background)
}

// Tasks that detach again and again do not starve the queue, nor the queue them.
func TestAttachersAndQueueTakeTurns(t *testing.T) {
	l := newIntLoop(64, 4)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_ = l.Do(background, func(*int) error {
				for {
					select {
					case <-stop:
						return nil
					default:
						l.Detach(nil, func() {})
					}
				}
			})
		}()
	}
	for range 2000 {
		if err := l.Do(background, func(*int) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	l.Close(background)
}

// Work that was admitted before is not refused by a full ring, and refused only by a
// closed loop.
func TestDoAdmitted(t *testing.T) {
	l := newIntLoop(1, 4)
	n := 0
	add := func(*int) error { n++; return nil }
	if err := l.DoAdmitted(add); err != nil {
		t.Fatal(err)
	}
	free := occupy(t, l)
	queued := queue(background, l, add)
	done := make(chan error)
	go func() { done <- l.DoAdmitted(add) }()
	until(func() bool { return l.attachers.top.Load() != nil })
	free()
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-queued
	l.Close(background)
	if n != 3 {
		t.Errorf("%d pieces of work ran, want 3", n)
	}
	if err := l.DoAdmitted(add); err != ErrClosed {
		t.Errorf("after Close: %v", err)
	}
}

// Too many detached tasks: new ones are refused before they run, on an idle loop and on
// a held one; what was admitted before is not.
func TestMaxWaiting(t *testing.T) {
	l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{MaxWaiting: 2}})
	nothing := func(*int) error { return nil }
	resume := make(chan struct{})
	var done [2]chan error
	for i := range done {
		if err := l.Do(background, nothing); err != nil {
			t.Errorf("with %d waiting: %v", i, err)
		}
		done[i] = make(chan error)
		waits := make(chan struct{})
		go func() {
			done[i] <- l.Do(background, func(*int) error {
				l.Detach(nil, func() { close(waits); <-resume })
				l.Detach(nil, func() { <-resume })
				return nil
			})
		}()
		<-waits
	}
	if err := l.Do(background, never(t)); err != ErrTooManyWaiting {
		t.Errorf("on an idle loop: %v", err)
	}
	if err := l.DoAdmitted(nothing); err != nil {
		t.Errorf("a further piece of an admitted task: %v", err)
	}
	held, release := make(chan struct{}), make(chan struct{})
	admitted := make(chan error)
	go func() {
		admitted <- l.DoAdmitted(func(*int) error { close(held); <-release; return nil })
	}()
	<-held
	if err := l.DoClass(background, High, nil, never(t)); err != ErrTooManyWaiting {
		t.Errorf("on a held loop: %v", err)
	}
	close(release)
	if err := <-admitted; err != nil {
		t.Error(err)
	}
	l.SetLimits(Limits{MaxWaiting: 3})
	if err := l.Do(background, nothing); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
	l.SetLimits(Limits{MaxWaiting: 1})
	closed := make(chan int)
	go func() { closed <- l.Close(background) }()
	until(func() bool { return l.state.Load()&closedBit != 0 })
	if err := l.Do(background, never(t)); err != ErrClosed {
		t.Errorf("while closing: %v", err)
	}
	for range 4 {
		resume <- struct{}{}
	}
	for i := range done {
		if err := <-done[i]; err != nil {
			t.Error(err)
		}
	}
	<-closed
	if s := l.Stats(); s.Refused != (Refusals{Waiting: 2}) || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}
