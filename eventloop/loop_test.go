package eventloop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var background = context.Background()

// until runs the scheduler until cond holds.
func until(cond func() bool) {
	for !cond() {
		runtime.Gosched()
	}
}

// occupy takes the hold and returns a function that gives it up.
func occupy(t *testing.T, l *Loop[*int]) (free func()) {
	t.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- l.Do(background, func(*int) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	return func() {
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// queue starts a Do and returns when its task is in the ring.
func queue(ctx context.Context, l *Loop[*int], fn func(*int) error) <-chan error {
	return queueClass(ctx, l, Normal, nil, fn)
}

// A thread that must not serve again can be collected, though it was a spare one before.
func TestSpentThreadsAreFreed(t *testing.T) {
	type thread struct{ spent [64]bool } // too big for the tiny objects, which are freed together
	var freed atomic.Bool
	l := New(Config[*thread]{
		NewThread: func() *thread {
			th := new(thread)
			runtime.AddCleanup(th, func(struct{}) { freed.Store(true) }, struct{}{})
			return th
		},
		Reuse: func(th *thread) bool { return !th.spent[0] },
	})
	defer l.Close(background)
	for _, spent := range []bool{false, true} {
		if err := l.Do(background, func(th *thread) error { th.spent[0] = spent; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for patience := time.Now().Add(20 * time.Second); !freed.Load(); runtime.GC() {
		if time.Now().After(patience) {
			t.Fatal("the thread is not freed")
		}
	}
}

func TestDoRunsOnTheCallersGoroutine(t *testing.T) {
	l := newIntLoop(4, 4)
	defer l.Close(background)
	for range 200 {
		if err := l.Do(background, func(n *int) error { *n++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	s := l.Stats()
	if s.CallerRuns != 200 || s.Drained != 0 || s.InFlight != 0 {
		t.Errorf("stats of a loop that was always idle: %+v", s)
	}
	if len(l.own.spare) != 1 || *l.own.spare[0] != 200 {
		t.Errorf("one thread should have served all tasks, have %d", len(l.own.spare))
	}
}

func TestDoReturnsTheTasksError(t *testing.T) {
	l := newIntLoop(4, 4)
	defer l.Close(background)
	want := errors.New("mine")
	if err := l.Do(background, func(*int) error { return want }); err != want {
		t.Errorf("caller run: %v", err)
	}
	free := occupy(t, l)
	queued := queue(background, l, func(*int) error { return want })
	free()
	if err := <-queued; err != want {
		t.Errorf("drained: %v", err)
	}
}

// Never two holders, no lost update, each task exactly once: the shared counter is
// unsynchronised, so that the race detector sees any overlap.
func TestExclusive(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, producers := range []int{1, 2, 16, 256, 2048} {
			t.Run(fmt.Sprintf("procs=%d/producers=%d", procs, producers), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				l := newLoop(Config[*int]{
					NewThread: func() *int { return new(int) },
					Limits:    Limits{Queue: 4096, Batch: 8},
				}, math.MaxUint64-100)
				each := max(4, 8192/producers)
				runs := make([]int32, producers*each)
				shared, inside := 0, 0
				slice := func() {
					inside++
					if inside != 1 {
						t.Error("two holders")
					}
					shared++
					inside--
				}
				var wg sync.WaitGroup
				for p := range producers {
					wg.Add(1)
					go func() {
						defer wg.Done()
						for i := range each {
							err := l.Do(background, func(n *int) error {
								runs[p*each+i]++
								slice()
								if i%3 == 0 {
									own := *n
									l.Detach(nil, runtime.Gosched)
									if *n != own {
										t.Error("another task used the thread of a detached one")
									}
									slice()
								}
								*n++
								return nil
							})
							if err != nil {
								t.Error(err)
							}
						}
					}()
				}
				wg.Wait()
				if cut := l.Close(background); cut != 0 {
					t.Errorf("%d tasks cut", cut)
				}
				for i, n := range runs {
					if n != 1 {
						t.Fatalf("task %d ran %d times", i, n)
					}
				}
				if want := producers * (each + (each+2)/3); shared != want {
					t.Errorf("shared counter is %d, want %d", shared, want)
				}
				s := l.Stats()
				if got := s.CallerRuns + s.Drained; got != uint64(producers*each) {
					t.Errorf("%d tasks counted, want %d", got, producers*each)
				}
			})
		}
	}
}

func TestQueuedTasksRunInOrder(t *testing.T) {
	l := newIntLoop(100, 7)
	defer l.Close(background)
	free := occupy(t, l)
	var order []int
	var done []<-chan error
	for i := range 100 {
		done = append(done, queue(background, l, func(*int) error { order = append(order, i); return nil }))
	}
	if got := l.Stats().Depth; got != 100 {
		t.Errorf("depth is %d", got)
	}
	free()
	for _, d := range done {
		if err := <-d; err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range order {
		if got != i {
			t.Fatalf("order: %v", order)
		}
	}
	var batches uint64
	for _, n := range l.Stats().Batches {
		batches += n
	}
	if batches < 100/7 {
		t.Errorf("%d batches for 100 tasks in batches of 7", batches)
	}
}

func TestFullRingRefusesAndNothingElse(t *testing.T) {
	for _, limit := range []int{1, 3, 64} {
		l := newIntLoop(limit, 4)
		free := occupy(t, l)
		var done []<-chan error
		for range limit {
			done = append(done, queue(background, l, func(*int) error { return nil }))
		}
		for range 3 {
			err := l.Do(background, func(*int) error { t.Error("a refused task ran"); return nil })
			if !errors.Is(err, ErrOverloaded) {
				t.Errorf("limit %d: %v", limit, err)
			}
		}
		free()
		for _, d := range done {
			if err := <-d; err != nil {
				t.Errorf("limit %d: an admitted task got %v", limit, err)
			}
		}
		if err := l.Do(background, func(*int) error { return nil }); err != nil {
			t.Errorf("limit %d: refused when there is room again: %v", limit, err)
		}
		if s := l.Stats(); s.Refused.Full != 3 || s.Depth != 0 || s.InFlight != 0 {
			t.Errorf("limit %d: %+v", limit, s)
		}
		l.Close(background)
	}
}

// With fewer producers than slots the ring is never full, whatever the timing: a
// lost race must not look like a full ring.
func TestNoFalseRefusal(t *testing.T) {
	l := newIntLoop(8, 2)
	defer l.Close(background)
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20_000 {
				if err := l.Do(background, func(*int) error { return nil }); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
}

func TestCancelledWhileQueued(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	free := occupy(t, l)
	ctx, cancel := context.WithCancel(background)
	cancelledTask := queue(ctx, l, func(*int) error { t.Error("a cancelled task ran"); return nil })
	cancel()
	if err := <-cancelledTask; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v", err)
	}
	// The ring still refers to the cancelled task: those queued now must be others.
	var ran atomic.Int32
	var done []<-chan error
	for range 7 {
		done = append(done, queue(background, l, func(*int) error { ran.Add(1); return nil }))
	}
	seen := map[*task[*int]]bool{}
	for i := range l.rings[Normal].slots {
		slot := &l.rings[Normal].slots[i]
		if slot.seq.Load() == uint64(i) {
			continue // free
		}
		if seen[slot.task] {
			t.Error("a task stands in the ring twice")
		}
		seen[slot.task] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d tasks in the ring, want 8", len(seen))
	}
	free()
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	if ran.Load() != 7 {
		t.Errorf("%d tasks ran, want 7", ran.Load())
	}
	until(func() bool { return l.Stats().InFlight == 0 })
	if got := l.Stats().Cancelled; got != 1 {
		t.Errorf("counted %d cancelled tasks", got)
	}
}

// A task that has begun is waited for, even when its context ends.
func TestCancelledWhileRunning(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	free := occupy(t, l)
	ctx, cancel := context.WithCancel(background)
	started, finish := make(chan struct{}), make(chan struct{})
	finished := false
	done := queue(ctx, l, func(*int) error {
		close(started)
		<-finish
		finished = true
		return nil
	})
	free()
	<-started
	cancel()
	select {
	case err := <-done:
		t.Fatalf("Do returned %v while its task ran", err)
	default:
	}
	close(finish)
	if err := <-done; err != nil || !finished {
		t.Errorf("err %v, finished %v", err, finished)
	}
}

// Contexts that end at any moment: each Do either ran its task or says it did not.
// Tasks left in the ring keep their slots, so some are refused.
func TestCancelRaces(t *testing.T) {
	l := newIntLoop(64, 4)
	var wg sync.WaitGroup
	for range 32 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 500 {
				ctx, cancel := context.WithCancel(background)
				go cancel()
				ran := false
				err := l.Do(ctx, func(*int) error { ran = true; return nil })
				if ran != (err == nil) {
					t.Errorf("ran %v, error %v", ran, err)
				}
			}
		}()
	}
	wg.Wait()
	l.Close(background)
	s := l.Stats()
	if got := s.CallerRuns + s.Drained + s.Cancelled + s.Refused.Total(); got != 32*500 {
		t.Errorf("%d tasks counted, want %d", got, 32*500)
	}
}

func TestPanicIsTheTasksError(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	cause := errors.New("cause")
	check := func(how string, err error) {
		t.Helper()
		var p *PanicError
		if !errors.As(err, &p) || !errors.Is(err, cause) || len(p.Stack) == 0 {
			t.Errorf("%s: %v", how, err)
		}
	}
	boom := func(*int) error { panic(cause) }
	check("caller run", l.Do(background, boom))
	free := occupy(t, l)
	panicked := queue(background, l, boom)
	after := queue(background, l, func(*int) error { return nil })
	free()
	check("drained", <-panicked)
	if err := <-after; err != nil {
		t.Errorf("the task behind it: %v", err)
	}
	check("while detached", l.Do(background, func(*int) error {
		l.Detach(nil, func() { panic(cause) })
		return nil
	}))
	if s := l.Stats(); s.Panics != 3 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestGoexitGivesUpTheHold(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = l.Do(background, func(*int) error { runtime.Goexit(); return nil })
	}()
	<-gone
	free := occupy(t, l)
	exits := queue(background, l, func(*int) error { runtime.Goexit(); return nil })
	after := queue(background, l, func(*int) error { return nil })
	free()
	if err := <-exits; !errors.Is(err, ErrGoexit) {
		t.Errorf("drained: %v", err)
	}
	if err := <-after; err != nil {
		t.Error(err)
	}
}

// A thread that is not to be used again is dropped, as is one whose task panicked.
func TestReuse(t *testing.T) {
	made := 0
	l := New(Config[*int]{
		NewThread: func() *int { made++; return new(int) },
		Reuse:     func(n *int) bool { return *n == 0 },
	})
	defer l.Close(background)
	for _, fn := range []func(*int) error{
		func(*int) error { return nil },
		func(n *int) error { *n = 1; return nil },
		func(*int) error { return nil },
		func(*int) error { panic("x") },
		func(*int) error { return nil },
	} {
		_ = l.Do(background, fn)
	}
	if made != 3 {
		t.Errorf("%d threads made, want 3", made)
	}
}

// A caller that ran its own task leaves the queue to the drain goroutine.
func TestCallerDoesNotServeOthers(t *testing.T) {
	l := newIntLoop(64, 8)
	defer l.Close(background)
	held, release := make(chan struct{}), make(chan struct{})
	returned := make(chan struct{})
	go func() {
		_ = l.Do(background, func(*int) error { close(held); <-release; return nil })
		close(returned)
	}()
	<-held
	blocked := make(chan struct{})
	slow := queue(background, l, func(*int) error { <-blocked; return nil })
	close(release)
	<-returned // although the queued task has not finished
	select {
	case <-slow:
		t.Error("the queued task should still run")
	default:
	}
	close(blocked)
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

// A lone queued task is run although its batch is not full.
func TestLoneTaskDoesNotWaitForABatch(t *testing.T) {
	l := newIntLoop(64, 1000)
	defer l.Close(background)
	for range 1000 {
		free := occupy(t, l)
		done := queue(background, l, func(*int) error { return nil })
		free()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// A million idle/busy edges with two producers: a lost wake-up would hang here.
func TestNoLostWakeUp(t *testing.T) {
	l := newIntLoop(4, 2)
	defer l.Close(background)
	n := 0
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 500_000 {
				err := l.Do(background, func(*int) error {
					n++
					if i%64 == 0 {
						l.Detach(nil, runtime.Gosched)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if n != 1_000_000 {
		t.Errorf("%d tasks ran", n)
	}
}

// What is measured is there: time in the queue, time held, sizes of batches.
func TestStatsTimes(t *testing.T) {
	l := newIntLoop(64, 4)
	defer l.Close(background)
	free := occupy(t, l)
	var done []<-chan error
	for range 9 {
		done = append(done, queue(background, l, func(*int) error {
			for start := nanotime(); nanotime()-start < 1000; { // a microsecond
			}
			return nil
		}))
	}
	free()
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	until(func() bool { return l.Stats().InFlight == 0 })
	s := l.Stats()
	if s.QueueWait <= 0 || s.Busy < 9*1000 || s.Drained != 9 || s.CallerRuns != 1 {
		t.Errorf("%+v", s)
	}
	if got := s.Batches[0] + s.Batches[1] + s.Batches[2]; got != 3 || s.Batches[2] != 2 {
		t.Errorf("9 tasks in batches of 4: %v", s.Batches)
	}
}

func TestSetLimits(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	if got := l.SetLimits(Limits{Queue: 100}); got != 8 {
		t.Errorf("queue is %d, the ring has 8 slots", got)
	}
	if got := l.SetLimits(Limits{Queue: 2}); got != 2 {
		t.Errorf("queue is %d", got)
	}
	free := occupy(t, l)
	a := queue(background, l, func(*int) error { return nil })
	b := queue(background, l, func(*int) error { return nil })
	if err := l.Do(background, func(*int) error { return nil }); !errors.Is(err, ErrOverloaded) {
		t.Errorf("third task: %v", err)
	}
	free()
	<-a
	<-b
}

// An answer that is held back behind a long task can be sent before its end.
func TestAnswerBehindALongTask(t *testing.T) {
	l := newIntLoop(4, 4)
	defer l.Close(background)
	free := occupy(t, l)
	first := queue(background, l, func(*int) error { return nil })
	began, end := make(chan struct{}), make(chan struct{})
	second := queue(background, l, func(*int) error { close(began); <-end; return nil })
	free()
	<-began
	l.FlushReplies()
	if err := <-first; err != nil {
		t.Error(err)
	}
	close(end)
	if err := <-second; err != nil {
		t.Error(err)
	}
}
