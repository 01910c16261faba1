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

// sweepAll refuses whatever is queued, as the sweeper does when all of it is due.
func sweepAll(l *Loop[*int]) {
	l.sweeper.mu.Lock()
	l.refuseBefore(l.mark(0).tails)
	l.sweeper.mu.Unlock()
}

// newSwept returns a loop whose sweeper has a clock that the test moves; its timer is
// due so late that only the test sweeps.
func newSwept() (l *Loop[*int], advance func(time.Duration) (goOn bool)) {
	l = New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{Queue: 64, QueueTimeout: time.Hour}})
	var now atomic.Int64
	now.Store(1)
	l.sweeper.now = now.Load
	return l, func(d time.Duration) bool {
		now.Add(int64(d))
		l.sweeper.mu.Lock()
		defer l.sweeper.mu.Unlock()
		return l.sweep()
	}
}

// untilStarted returns when the producer that armed the sweeper has started it.
func untilStarted(l *Loop[*int]) {
	until(func() bool {
		l.sweeper.mu.Lock()
		defer l.sweeper.mu.Unlock()
		return len(l.sweeper.marks) > 0
	})
}

func never(t *testing.T) func(*int) error {
	return func(*int) error { t.Error("a refused task ran"); return nil }
}

// A producer behind a long task gets its refusal while that still runs.
func TestQueueTimeoutWhileTheHolderIsBusy(t *testing.T) {
	l, advance := newSwept()
	defer l.Close(background)
	free := occupy(t, l)
	var done []<-chan error
	for i := range 9 {
		done = append(done, queueClass(background, l, Class(i%classes), nil, never(t)))
	}
	untilStarted(l)
	advance(0) // a mark behind all of them
	if !advance(time.Hour - 1) {
		t.Error("the sweeper rests although tasks are queued")
	}
	if got := l.Stats().Depth; got != 9 {
		t.Fatalf("%d queued a moment before the timeout", got)
	}
	if advance(1) {
		t.Error("the sweeper goes on although nothing is queued")
	}
	for _, d := range done {
		if err := <-d; err != ErrQueueTimeout {
			t.Errorf("got %v", err)
		}
	}
	if s := l.Stats(); s.Depth != 0 || s.InFlight != 1 || s.Refused != (Refusals{QueueTimeout: 9}) {
		t.Errorf("%+v", s)
	}
	free()
	if s := l.Stats(); s.InFlight != 0 || s.Drained != 0 {
		t.Errorf("%+v", s)
	}
}

// Only what has waited long enough is refused; the rest runs.
func TestQueueTimeoutIsEachTasksOwn(t *testing.T) {
	l, advance := newSwept()
	defer l.Close(background)
	free := occupy(t, l)
	old := queue(background, l, never(t))
	untilStarted(l)
	advance(30 * time.Minute)
	young := queue(background, l, func(*int) error { return nil })
	advance(time.Minute)
	advance(29 * time.Minute)
	if err := <-old; err != ErrQueueTimeout {
		t.Errorf("the old task: %v", err)
	}
	if got := l.Stats().Depth; got != 1 {
		t.Errorf("%d queued", got)
	}
	free()
	if err := <-young; err != nil {
		t.Errorf("the young task: %v", err)
	}
}

// The holder does not run what it finds too late, whether or not the sweeper came.
func TestQueueTimeoutAtTheTurn(t *testing.T) {
	l, _ := newSwept()
	defer l.Close(background)
	free := occupy(t, l)
	late := queue(background, l, never(t))
	pushed := nanotime()
	until(func() bool { return nanotime() > pushed })
	l.queueTimeout.Store(1) // not by SetLimits, which would wake the sweeper
	free()
	if err := <-late; err != ErrQueueTimeout {
		t.Errorf("got %v", err)
	}
	until(func() bool { return l.Stats().InFlight == 0 })
	if s := l.Stats(); s.Refused != (Refusals{QueueTimeout: 1}) || s.Drained != 0 || s.Cancelled != 0 {
		t.Errorf("%+v", s)
	}
}

// A cancelled task is nobody's to refuse; the sweeper frees its slot nevertheless.
func TestSweeperFreesCancelledTasks(t *testing.T) {
	l, advance := newSwept()
	defer l.Close(background)
	free := occupy(t, l)
	ctx, cancel := context.WithCancel(background)
	done := queue(ctx, l, never(t))
	untilStarted(l)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	advance(time.Hour)
	if s := l.Stats(); s.Depth != 0 || s.InFlight != 1 || s.Cancelled != 1 || s.Refused.Total() != 0 {
		t.Errorf("%+v", s)
	}
	free()
}

// The sweeper rests while nothing is queued, and is there for the next task.
func TestSweeperRests(t *testing.T) {
	l, advance := newSwept()
	defer l.Close(background)
	for round := range 3 {
		if l.sweeper.armed.Load() {
			t.Fatalf("round %d: armed on an idle loop", round)
		}
		free := occupy(t, l)
		done := queue(background, l, never(t))
		untilStarted(l)
		l.sweeper.mu.Lock()
		if got := l.untilTick(l.sweeper.now()); got != time.Hour/sweeps {
			t.Errorf("round %d: the next tick is due in %v", round, got)
		}
		l.sweeper.mu.Unlock()
		if advance(time.Hour) {
			t.Errorf("round %d: goes on", round)
		}
		if err := <-done; err != ErrQueueTimeout {
			t.Error(err)
		}
		l.sweeper.mu.Lock() // the tick that is due would find nothing: take it away
		if l.sweeper.timer.Stop() {
			l.sweeper.ticks.Done()
		}
		l.sweeper.mu.Unlock()
		free()
	}
}

// With the real clock and timer: the refusal comes although the holder never lets go.
func TestQueueTimeoutByTheTimer(t *testing.T) {
	l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{QueueTimeout: 2 * time.Millisecond}})
	defer l.Close(background)
	free := occupy(t, l)
	for range 10 {
		start := time.Now()
		if err := l.Do(background, never(t)); err != ErrQueueTimeout {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 2*time.Millisecond {
			t.Errorf("refused after %v", d)
		}
	}
	free()
}

// A shorter timeout holds at once, also for what is queued.
func TestSetLimitsShortensTheTimeout(t *testing.T) {
	l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{QueueTimeout: 10 * time.Hour}})
	defer l.Close(background)
	free := occupy(t, l)
	done := queue(background, l, never(t))
	l.SetLimits(Limits{QueueTimeout: time.Millisecond})
	if err := <-done; err != ErrQueueTimeout {
		t.Error(err)
	}
	free()
}

// Refusals, ends of contexts, turns of the holder and Close at any moment: each Do
// either ran its task, once, or says that it did not, and the loop ends empty.
func TestSweepRaces(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			l := newLoop(Config[*int]{
				NewThread: func() *int { return new(int) },
				Limits:    Limits{Queue: 16, Batch: 4, QueueTimeout: time.Millisecond},
			}, math.MaxUint64-100)
			var quotas [2]Quota
			var wg sync.WaitGroup
			const producers, each = 32, 500
			inside := 0
			for p := range producers {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for i := range each {
						ctx, cancel := context.WithCancel(background)
						if i%3 == 0 {
							go cancel()
						}
						runs := 0
						err := l.DoClass(ctx, Class(i%classes), &quotas[p%2], func(*int) error {
							inside++
							runs++
							if i%4 == 0 {
								l.Detach(nil, runtime.Gosched)
							}
							return nil
						})
						if err == nil && runs != 1 || err != nil && runs != 0 {
							t.Errorf("ran %d times, error %v", runs, err)
						}
						cancel()
					}
				}()
			}
			stop := make(chan struct{})
			swept := make(chan struct{})
			go func() {
				defer close(swept)
				for {
					select {
					case <-stop:
						return
					default:
						sweepAll(l)
						runtime.Gosched()
					}
				}
			}()
			wg.Wait()
			l.Close(background)
			close(stop)
			<-swept
			s := l.Stats()
			ran := s.CallerRuns + s.Drained
			if got := ran + s.Cancelled + s.Refused.Total(); got != producers*each {
				t.Errorf("%d tasks counted, want %d: %+v", got, producers*each, s)
			}
			if inside != int(ran) {
				t.Errorf("%d tasks ran, %d counted", inside, ran)
			}
			if state := l.state.Load(); state != closedBit {
				t.Errorf("state after Close: %x", state)
			}
			if a, b := quotas[0].Queued(), quotas[1].Queued(); a != 0 || b != 0 {
				t.Errorf("%d and %d left in the quotas", a, b)
			}
		})
	}
}

// Arming and resting at every edge, with the real timer: a task that nobody watches
// would wait for ever here, since the hold is never given up.
func TestSweeperMissesNobody(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{QueueTimeout: time.Millisecond}})
		free := occupy(t, l)
		var wg sync.WaitGroup
		for range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range 50 {
					if err := l.Do(background, never(t)); err != ErrQueueTimeout {
						t.Error(err)
					}
				}
			}()
		}
		wg.Wait()
		free()
		l.Close(background)
	}
}
