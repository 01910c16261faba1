package eventloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// One kind gets half of a queue and one more; what is left is for the others.
func TestQuotaLeavesRoomForOthers(t *testing.T) {
	for _, test := range []struct{ queue, quota int }{{1, 1}, {2, 2}, {3, 2}, {4, 3}, {8, 5}, {100, 51}} {
		l := newIntLoop(test.queue, 4)
		free := occupy(t, l)
		nothing := func(*int) error { return nil }
		var a, b Quota
		var done []<-chan error
		for range test.quota {
			done = append(done, queueClass(background, l, Normal, &a, nothing))
		}
		err := l.DoClass(background, Normal, &a, nothing)
		if err != ErrQuotaUsed || !errors.Is(err, ErrOverloaded) {
			t.Errorf("queue of %d, task %d of one kind: %v", test.queue, test.quota+1, err)
		}
		for range test.queue - test.quota {
			done = append(done, queueClass(background, l, Normal, &b, nothing))
		}
		if err := l.Do(background, nothing); err != ErrOverloaded {
			t.Errorf("queue of %d, full: %v", test.queue, err)
		}
		// Another class has a queue, and so a quota, of its own.
		done = append(done, queueClass(background, l, High, &a, nothing))
		if got := a.Queued(); got != test.quota+1 {
			t.Errorf("queue of %d: %d queued of the kind", test.queue, got)
		}
		free()
		for _, d := range done {
			if err := <-d; err != nil {
				t.Errorf("queue of %d: an admitted task got %v", test.queue, err)
			}
		}
		if a.Queued() != 0 || b.Queued() != 0 {
			t.Errorf("queue of %d: %d and %d left", test.queue, a.Queued(), b.Queued())
		}
		if s := l.Stats(); s.Refused != (Refusals{Full: 1, Quota: 1}) || s.InFlight != 0 {
			t.Errorf("queue of %d: %+v", test.queue, s.Refused)
		}
		l.Close(background)
	}
}

// Whatever becomes of a task, its place in the quota is given back when its slot is.
func TestQuotaIsGivenBack(t *testing.T) {
	cancelled, cancel := context.WithCancel(background)
	for _, test := range []struct {
		name  string
		ctx   context.Context
		fn    func(*int) error
		early func(l *Loop[*int]) // makes Do return while the loop is held
	}{
		{"ran", background, func(*int) error { return nil }, nil},
		{"failed", background, func(*int) error { return errors.New("x") }, nil},
		{"panicked", background, func(*int) error { panic("x") }, nil},
		{"left its goroutine", background, func(*int) error { runtime.Goexit(); return nil }, nil},
		{"cancelled", cancelled, nil, func(*Loop[*int]) { cancel() }},
		{"refused by the holder", background, nil, nil},
		{"refused by the sweeper", background, nil, func(l *Loop[*int]) { sweepAll(l) }},
		{"cancelled and swept", cancelled, nil, func(l *Loop[*int]) { cancel(); sweepAll(l) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: Limits{Queue: 4, QueueTimeout: time.Hour}})
			defer l.Close(background)
			if test.ctx != background {
				test.ctx, cancel = context.WithCancel(background)
				defer func() { cancel() }()
			}
			free := occupy(t, l)
			var s Quota
			fn := test.fn
			if fn == nil {
				fn = func(*int) error { t.Error("ran"); return nil }
			}
			done := queueClass(test.ctx, l, Low, &s, fn)
			if s.Queued() != 1 {
				t.Fatalf("%d queued", s.Queued())
			}
			if test.name == "refused by the holder" {
				l.queueTimeout.Store(1)
				pushed := nanotime()
				until(func() bool { return nanotime() > pushed })
			}
			var err error
			if test.early != nil {
				test.early(l)
				err = <-done
				free()
			} else {
				free()
				err = <-done
			}
			if (err == nil) != (test.name == "ran") {
				t.Errorf("error %v", err)
			}
			until(func() bool { return l.Stats().InFlight == 0 })
			if s.Queued() != 0 {
				t.Errorf("%d left in the quota", s.Queued())
			}
		})
	}
	cancel()
}

// A cancelled task takes a slot up to its turn, and a place in the quota as long: a kind
// whose clients leave at once cannot fill the queue either.
func TestCancelledTasksCountInTheQuota(t *testing.T) {
	l := newIntLoop(8, 4)
	defer l.Close(background)
	free := occupy(t, l)
	ctx, cancel := context.WithCancel(background)
	var s Quota
	var gone []<-chan error
	for range 5 {
		gone = append(gone, queueClass(ctx, l, Normal, &s, func(*int) error { t.Error("ran"); return nil }))
	}
	cancel()
	for _, done := range gone { // until then a task may still have its turn
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := l.DoClass(background, Normal, &s, func(*int) error { return nil }); err != ErrQuotaUsed {
		t.Errorf("task 6: %v", err)
	}
	other := queue(background, l, func(*int) error { return nil })
	free()
	if err := <-other; err != nil {
		t.Error(err)
	}
}

// Producers of one kind race for its places: the rest of the queue stays free, so that
// another kind is never refused.
func TestQuotaUnderRaces(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		l := newIntLoop(8, 2)
		var many, few Quota
		var wg sync.WaitGroup
		produce := func(s *Quota, mayRefuse bool) {
			defer wg.Done()
			for range 2000 {
				ran := false
				err := l.DoClass(background, Normal, s, func(*int) error { ran = true; return nil })
				if ran != (err == nil) || err != nil && (!mayRefuse || err != ErrQuotaUsed) {
					t.Errorf("ran %v, error %v", ran, err)
					return
				}
			}
		}
		wg.Add(34)
		for range 32 {
			go produce(&many, true)
		}
		for range 2 {
			go produce(&few, false)
		}
		wg.Wait()
		if many.Queued() != 0 || few.Queued() != 0 {
			t.Errorf("%d and %d left", many.Queued(), few.Queued())
		}
		l.Close(background)
	}
}
