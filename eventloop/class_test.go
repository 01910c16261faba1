package eventloop

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

// queueClass is queue for DoClass.
func queueClass(ctx context.Context, l *Loop[*int], c Class, s *Quota, fn func(*int) error) <-chan error {
	done := make(chan error, 1)
	r := &l.rings[c]
	place := r.tail.Load()
	go func() { done <- l.DoClass(ctx, c, s, fn) }()
	// The producer takes a place first and fills it later: until then pop passes over it.
	until(func() bool { return r.slots[place&r.mask].seq.Load() == place+1 })
	return done
}

// run is one task that has run.
type run struct {
	class Class
	i     int
}

// queueRuns queues n tasks of a class that append themselves to order.
func queueRuns(l *Loop[*int], c Class, n int, order *[]run) (done []<-chan error) {
	for i := range n {
		done = append(done, queueClass(background, l, c, nil, func(*int) error {
			*order = append(*order, run{c, i})
			return nil
		}))
	}
	return done
}

func TestHigherClassesGoFirst(t *testing.T) {
	l := newIntLoop(8, 100)
	defer l.Close(background)
	free := occupy(t, l)
	var order, want []run
	var done []<-chan error
	for _, c := range []Class{Low, Normal, High} {
		done = append(done, queueRuns(l, c, 5, &order)...)
	}
	if s := l.Stats(); s.Depth != 15 || s.Depths != [classes]int{5, 5, 5} {
		t.Errorf("depths %v", s.Depths)
	}
	free()
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	for _, c := range []Class{High, Normal, Low} {
		for i := range 5 {
			want = append(want, run{c, i})
		}
	}
	for i := range want {
		if order[i] != want[i] {
			t.Fatalf("order %v", order)
		}
	}
}

// With all classes full, each gets at least one of any 16 runs in a row, and keeps its
// own order.
func TestNoClassStarves(t *testing.T) {
	for _, batch := range []int{1, 7, 1000} {
		const n = 200
		l := newIntLoop(n, batch)
		free := occupy(t, l)
		var order []run
		var done []<-chan error
		for _, c := range []Class{Low, Normal, High} {
			done = append(done, queueRuns(l, c, n, &order)...)
		}
		free()
		for _, d := range done {
			if err := <-d; err != nil {
				t.Error(err)
			}
		}
		l.Close(background)
		var last, next [classes]int // index of the last run of a class; the task it runs next
		for i, r := range order {
			if r.i != next[r.class] {
				t.Fatalf("%v tasks out of order: %d before %d", r.class, r.i, next[r.class])
			}
			next[r.class]++
			last[r.class] = i
			for c := range Class(classes) {
				if next[c] < n && i-last[c] >= turns {
					t.Fatalf("no %v task among %v", c, order[last[c]+1:i+1])
				}
			}
		}
		if len(order) != classes*n {
			t.Errorf("%d tasks ran", len(order))
		}
	}
}

// Tasks that nobody waits for any more do not use up the turn of their class.
func TestCancelledTasksTakeNoTurn(t *testing.T) {
	l := newIntLoop(128, 1000)
	defer l.Close(background)
	free := occupy(t, l)
	var order []run
	ctx, cancel := context.WithCancel(background)
	var gone []<-chan error
	for range 100 {
		gone = append(gone, queueClass(ctx, l, Low, nil, func(*int) error { t.Error("a cancelled task ran"); return nil }))
	}
	cancel()
	for _, d := range gone {
		if err := <-d; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	done := queueRuns(l, Low, 1, &order)
	done = append(done, queueRuns(l, High, 40, &order)...)
	free()
	for _, d := range done {
		<-d
	}
	for i, r := range order {
		if r.class == Low && i >= turns {
			t.Errorf("the low task ran as number %d", i)
		}
	}
}

func TestClassesHaveQueuesOfTheirOwn(t *testing.T) {
	l := newIntLoop(2, 4)
	defer l.Close(background)
	free := occupy(t, l)
	nothing := func(*int) error { return nil }
	var done []<-chan error
	for _, c := range []Class{High, Low, Normal} {
		for range 2 {
			done = append(done, queueClass(background, l, c, nil, nothing))
		}
		if err := l.DoClass(background, c, nil, nothing); !errors.Is(err, ErrOverloaded) {
			t.Errorf("a third %v task: %v", c, err)
		}
	}
	if err := l.DoClass(background, 77, nil, nothing); !errors.Is(err, ErrOverloaded) {
		t.Errorf("an unknown class is not Normal: %v", err)
	}
	free()
	for _, d := range done {
		if err := <-d; err != nil {
			t.Error(err)
		}
	}
	if s := l.Stats(); s.Refused != (Refusals{Full: 4}) || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestClassOfAnIdleLoopDoesNotMatter(t *testing.T) {
	l := newIntLoop(2, 4)
	defer l.Close(background)
	var s Quota
	for _, c := range []Class{Low, High, Normal, 200} {
		if err := l.DoClass(background, c, &s, func(*int) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if st := l.Stats(); st.CallerRuns != 4 || st.Drained != 0 || s.Queued() != 0 {
		t.Errorf("%+v", st)
	}
}

// Close at any moment while all classes are full: all that is queued runs.
func TestCloseWhileClassesAreFull(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		for round := range 50 {
			l := newIntLoop(4, 2)
			free := occupy(t, l)
			ran := make([]int, classes*4)
			var done []<-chan error
			for i := range ran {
				done = append(done, queueClass(background, l, Class(i%classes), nil, func(*int) error { ran[i]++; return nil }))
			}
			var wg sync.WaitGroup
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range round {
					runtime.Gosched()
				}
				l.Close(background)
			}()
			free()
			for _, d := range done {
				if err := <-d; err != nil {
					t.Error(err)
				}
			}
			wg.Wait()
			for i, n := range ran {
				if n != 1 {
					t.Fatalf("task %d ran %d times", i, n)
				}
			}
			if s := l.state.Load(); s != closedBit {
				t.Fatalf("state after Close: %x", s)
			}
		}
	}
}
