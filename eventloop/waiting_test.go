package eventloop

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"time"
)

// wait begins a task of a kind that is detached until free is called, and returns when it
// waits, or with the error of Do.
func wait(l *Loop[*int], s *Quota) (free func(), err error) {
	return occupyPlace(l, s, func(wait func()) error { l.Detach(s, wait); return nil })
}

// receive is wait for a task that receives.
func receive(l *Loop[*int], s *Quota) (free func(), err error) {
	return occupyPlace(l, s, func(wait func()) error { return l.Receive(s, wait) })
}

func occupyPlace(l *Loop[*int], s *Quota, detach func(wait func()) error) (free func(), err error) {
	waits, resume, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- l.DoClass(background, Normal, s, func(*int) error {
			return detach(func() { close(waits); <-resume })
		})
	}()
	select {
	case <-waits:
		return func() { close(resume); <-done }, nil
	case err := <-done:
		return nil, err
	}
}

// fill begins tasks of a kind until one is refused, and returns how many wait.
func fill(l *Loop[*int], s *Quota, begin func(*Loop[*int], *Quota) (func(), error)) (n int, free []func(), refused error) {
	for {
		f, err := begin(l, s)
		if err != nil {
			return n, free, err
		}
		n++
		free = append(free, f)
	}
}

func newWaitLoop(limits Limits) *Loop[*int] {
	return New(Config[*int]{NewThread: func() *int { return new(int) }, Limits: limits})
}

// One kind gets half of the places for waiting tasks, and one, another the same of the
// rest: some are left for the first task of each further one, and for what has Reserved.
func TestWaitingQuota(t *testing.T) {
	for _, test := range []struct {
		max  int
		want []int // of the first kind, the second, …
		last int   // of what is reserved, after them
	}{
		{1, []int{1}, 0},
		{2, []int{2}, 0},
		{3, []int{2, 1}, 0},
		{4, []int{3, 1}, 0},
		{10, []int{6, 3, 1}, 0},
		{100, []int{51, 25, 13, 4, 1, 1, 1}, 3},
	} {
		l := newWaitLoop(Limits{MaxWaiting: test.max})
		var all []func()
		var quotas []*Quota
		for i, want := range test.want {
			s := new(Quota)
			quotas = append(quotas, s)
			n, free, err := fill(l, s, wait)
			if n != want || !errors.Is(err, ErrTooManyWaiting) {
				t.Errorf("max_waiting %d, kind %d: %d wait, want %d, refused with %v", test.max, i+1, n, want, err)
			}
			all = append(all, free...)
		}
		hook := &Quota{Reserved: true}
		n, free, err := fill(l, hook, wait)
		if n != test.last || !errors.Is(err, ErrTooManyWaiting) {
			t.Errorf("max_waiting %d, reserved: %d wait, want %d, refused with %v", test.max, n, test.last, err)
		}
		for _, free := range append(all, free...) {
			free()
		}
		for i, s := range append(quotas, hook) {
			if n := s.waiting.Load(); n != 0 {
				t.Errorf("max_waiting %d: kind %d has %d places left", test.max, i, n)
			}
		}
		if n, free, _ := fill(l, quotas[0], wait); n != test.want[0] {
			t.Errorf("max_waiting %d, once all is over: %d wait", test.max, n)
		} else {
			for _, free := range free {
				free()
			}
		}
		l.Close(background)
	}
}

// Tasks that were queued while there was a place are refused when their turn comes and
// there is none: no queue is a way round the limit.
func TestWaitingQuotaAfterTheQueue(t *testing.T) {
	l := newWaitLoop(Limits{MaxWaiting: 8, Queue: 64})
	defer l.Close(background)
	release := occupy(t, l)
	var s, other Quota
	resume := make(chan struct{})
	var done []<-chan error
	for range 20 {
		done = append(done, queueClass(background, l, Normal, &s, func(*int) error {
			l.Detach(&s, func() { <-resume })
			return nil
		}))
	}
	guard := queueClass(background, l, Normal, &other, func(*int) error { return nil })
	release()
	if err := <-guard; err != nil {
		t.Errorf("a task of another kind: %v", err)
	}
	if got := l.Stats().Waiting; got != 5 {
		t.Errorf("%d wait, want 5", got)
	}
	close(resume)
	refused := 0
	for _, d := range done {
		switch err := <-d; {
		case errors.Is(err, ErrWaitingQuotaUsed):
			refused++
		case err != nil:
			t.Error(err)
		}
	}
	if got := l.Stats().Refused; refused != 15 || got != (Refusals{WaitingQuota: 15}) {
		t.Errorf("%d refused, counted %+v", refused, got)
	}
}

// Who receives takes no place from who waits, nor the other way round.
func TestReceivingIsApart(t *testing.T) {
	l := newWaitLoop(Limits{MaxWaiting: 10, MaxReceiving: 6})
	defer l.Close(background)
	var slow, another Quota
	n, receiving, err := fill(l, &slow, receive)
	if n != 4 || err != ErrTooManyReceiving {
		t.Errorf("%d of one kind receive, refused with %v", n, err)
	}
	m, more, err := fill(l, &another, receive)
	if m != 1 || err != ErrTooManyReceiving {
		t.Errorf("%d of another kind receive, refused with %v", m, err)
	}
	receiving = append(receiving, more...)
	if n, waiting, err := fill(l, &slow, wait); n != 6 || !errors.Is(err, ErrTooManyWaiting) {
		t.Errorf("%d wait, refused with %v", n, err)
	} else {
		if s := l.Stats(); s.Waiting != 6 || s.Receiving != 5 || s.InFlight != 11 {
			t.Errorf("%d wait, %d receive, %d in flight", s.Waiting, s.Receiving, s.InFlight)
		}
		for _, free := range waiting {
			free()
		}
	}
	for _, free := range receiving {
		free()
	}
	if s := l.Stats(); s.Receiving != 0 || s.InFlight != 0 || s.Refused.Receiving != 2 {
		t.Errorf("at the end: %+v", s)
	}
}

// A panic in a wait gives the places back.
func TestPlacesAfterAPanic(t *testing.T) {
	l := newWaitLoop(Limits{MaxWaiting: 1, MaxReceiving: 1})
	defer l.Close(background)
	var s Quota
	for range 2 {
		var p *PanicError
		if err := l.DoClass(background, Normal, &s, func(*int) error { l.Detach(&s, func() { panic("x") }); return nil }); !errors.As(err, &p) {
			t.Errorf("wait: %v", err)
		}
		if err := l.DoClass(background, Normal, &s, func(*int) error { return l.Receive(&s, func() { panic("x") }) }); !errors.As(err, &p) {
			t.Errorf("receive: %v", err)
		}
	}
	if s.waiting.Load() != 0 || s.receiving.Load() != 0 || l.receiving.Load() != 0 {
		t.Error("places are left")
	}
}

// A limit that would keep the loop from serving anybody is the default, one that the loop
// cannot count is the most it can.
func TestLimitsThatBreakTheLoop(t *testing.T) {
	defaults := Limits{}.withDefaults()
	for _, limits := range []Limits{
		{Batch: -1},
		{Batch: math.MinInt},
		{Queue: -1},
		{QueueTimeout: -1},
		{QueueTimeout: math.MinInt64},
		{MaxWaiting: -1},
		{MaxReceiving: -1},
	} {
		if got := limits.withDefaults(); got != defaults {
			t.Errorf("%+v becomes %+v", limits, got)
		}
	}
	huge := Limits{Queue: math.MaxInt, Batch: math.MaxInt, QueueTimeout: math.MaxInt64, MaxWaiting: math.MaxInt, MaxReceiving: math.MaxInt}
	if got := huge.withDefaults(); got.Queue != mostQueue || got.MaxWaiting != mostWaiting || got.MaxReceiving != mostWaiting {
		t.Errorf("the largest become %+v", got)
	}
	huge.Queue = 4
	for _, limits := range []Limits{{Batch: -1, Queue: 4}, huge, {MaxWaiting: math.MaxInt, Queue: 4}} {
		l := newWaitLoop(limits)
		free := occupy(t, l)
		queued := queue(background, l, func(*int) error { return nil })
		free()
		if err := <-queued; err != nil {
			t.Errorf("%+v: %v", limits, err)
		}
		l.SetLimits(limits)
		l.Close(background)
		if err := l.Do(background, never(t)); err != ErrClosed {
			t.Errorf("%+v: after Close: %v", limits, err)
		}
	}
}

// After each batch the other goroutines of the process have their turn. The scheduler may now
// and then have the loop go on before them, so not every round shows it.
func TestBatchLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l := newIntLoop(16, 2)
	defer l.Close(background)
	var seen [8]int
	for range 100 {
		free := occupy(t, l)
		ran := make(chan struct{}, len(seen))
		var done []<-chan error
		for i := range seen {
			done = append(done, queue(background, l, func(*int) error {
				go func() { ran <- struct{}{} }()
				seen[i] = len(ran)
				return nil
			}))
		}
		free()
		for _, d := range done {
			if err := <-d; err != nil {
				t.Error(err)
			}
		}
		late := false
		for i, n := range seen {
			late = late || n < i/2*2
		}
		if !late {
			return
		}
	}
	t.Errorf("of the goroutines that earlier tasks began, each task found %d to have run", seen)
}

// Busy covers what is held in every way, and Stats tells of it soon, however rare and long
// the tasks are.
func TestBusy(t *testing.T) {
	l := newIntLoop(64, 4)
	defer l.Close(background)
	const d = 2 * publishBusy
	spend := func() {
		for start := nanotime(); nanotime()-start < int64(d); {
		}
	}
	busy := func() time.Duration { // also while the loop is held
		l.published.Lock()
		defer l.published.Unlock()
		return l.published.counters.Busy
	}
	check := func(how string, before, least time.Duration) {
		t.Helper()
		if got := busy() - before; got < least {
			t.Errorf("%s: busy for %v, want at least %v", how, got, least)
		}
	}

	before := busy()
	_ = l.Do(background, func(*int) error { spend(); l.Spent(d); return nil })
	check("a task run by its caller", before, d)

	before = busy()
	_ = l.Do(background, func(*int) error {
		spend()
		l.Spent(d)
		l.Detach(nil, func() {})
		spend()
		l.Spent(d) // measured already
		return nil
	})
	check("with a wait", before, 2*d)

	before = busy()
	_ = l.Do(background, func(*int) error {
		l.SpentSoFar(d)
		check("a task that goes on", before, d)
		l.Detach(nil, func() {})
		spend()
		l.SpentSoFar(d) // measured already
		check("one that goes on after a wait", before, 2*d)
		return nil
	})

	before = busy()
	_ = l.DoAdmitted(func(*int) error { spend(); return nil })
	check("a further piece", before, d)

	before = busy()
	_ = l.Inspect(background, func(*int) error { spend(); return nil })
	check("an operator's look", before, d)

	before = busy()
	free := occupy(t, l)
	var done []<-chan error
	for i := range 4 {
		done = append(done, queue(background, l, func(*int) error {
			check("in a batch", before, time.Duration(i)*d-publishBusy)
			spend()
			return nil
		}))
	}
	free()
	for _, c := range done {
		<-c
	}
	until(func() bool { return l.Stats().InFlight == 0 })
	check("a batch", before, 4*d)
}
