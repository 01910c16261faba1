package eventloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestCloseIdle(t *testing.T) {
	l := newIntLoop(4, 4)
	for range 3 {
		if cut := l.Close(background); cut != 0 {
			t.Errorf("cut %d", cut)
		}
	}
	err := l.Do(background, func(*int) error { t.Error("ran after Close"); return nil })
	if !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close: %v", err)
	}
	if s := l.Stats(); s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCloseRunsWhatIsQueued(t *testing.T) {
	l := newIntLoop(64, 4)
	free := occupy(t, l)
	ran := 0
	var done []<-chan error
	for range 64 {
		done = append(done, queue(background, l, func(*int) error { ran++; return nil }))
	}
	closed := make(chan int)
	go func() { closed <- l.Close(background) }()
	until(func() bool { return l.state.Load()&closedBit != 0 })
	if err := l.Do(background, func(*int) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("Do while closing: %v", err)
	}
	free()
	if cut := <-closed; cut != 0 {
		t.Errorf("cut %d", cut)
	}
	if ran != 64 {
		t.Errorf("%d of 64 queued tasks ran", ran)
	}
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
}

func TestCloseWaitsForDetachedThenCuts(t *testing.T) {
	l := newIntLoop(64, 4)
	var waiting, done sync.WaitGroup
	var after atomic.Int32
	for range 10 {
		waiting.Add(1)
		done.Add(1)
		go func() {
			defer done.Done()
			err := l.Do(background, func(*int) error {
				l.Detach(nil, func() { waiting.Done(); <-l.Stopping() })
				after.Add(1) // the task goes on, with the hold
				return errors.New("cut")
			})
			if err == nil {
				t.Error("a task that was cut returned no error")
			}
		}()
	}
	waiting.Wait()
	grace, end := context.WithCancel(background)
	closed := make(chan int)
	go func() { closed <- l.Close(grace) }()
	until(func() bool { return l.state.Load()&closedBit != 0 })
	select {
	case <-l.Stopping():
		t.Error("stopping before the grace has ended")
	case <-closed:
		t.Error("Close did not wait for detached tasks")
	default:
	}
	end()
	if cut := <-closed; cut != 10 {
		t.Errorf("cut %d, want 10", cut)
	}
	done.Wait()
	if after.Load() != 10 {
		t.Errorf("%d tasks went on", after.Load())
	}
}

// Close at any moment: every Do either runs its task or says that it did not, and
// nothing runs once Close has returned.
func TestCloseRacesWithDoAndDetach(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		for round := range 200 {
			l := newIntLoop(4, 2)
			var over atomic.Bool
			var wg sync.WaitGroup
			start := make(chan struct{})
			for p := range 8 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					<-start
					for i := range 20 {
						ran := false
						err := l.Do(background, func(*int) error {
							if over.Load() {
								t.Error("a task ran after Close returned")
							}
							ran = true
							if (i+p)%2 == 0 {
								l.Detach(nil, runtime.Gosched)
							}
							return nil
						})
						if ran != (err == nil) {
							t.Errorf("ran %v, error %v", ran, err)
						}
					}
				}()
			}
			for range 2 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					<-start
					for range round % 20 {
						runtime.Gosched()
					}
					l.Close(background)
					over.Store(true)
				}()
			}
			close(start)
			wg.Wait()
			if s := l.state.Load(); s != closedBit {
				t.Fatalf("state after Close: %x", s)
			}
		}
	}
}
