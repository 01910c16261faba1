package resilience

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
)

// bench is a breaker with a clock that the test moves.
type bench struct {
	*testing.T
	clock *clock.Clock
	guard *Guard
	s     Settings
}

func newBench(t *testing.T) *bench {
	c := clock.New(time.Unix(1e9, 0), nil)
	c.Begin(1)
	return &bench{t, c, NewGuard(c, "test", zap.NewNop()), DefaultSettings()}
}

func (b *bench) pass(d time.Duration) { b.clock.Advance(d, nil) }

func (b *bench) breaker() *Breaker { return b.guard.Breakers.Get("a:80", &b.s) }

// ends lets requests through that end so: f failed, s succeeded, u unknown.
func (b *bench) ends(results string) {
	b.Helper()
	for _, r := range results {
		p, err := b.breaker().Allow(&b.s)
		if err != nil {
			b.Fatalf("%s: %v", results, err)
		}
		p.Done(map[rune]Result{'f': Failed, 's': Succeeded, 'u': Unknown}[r])
	}
}

func (b *bench) refused(retry time.Duration) {
	b.Helper()
	ready := b.breaker().Ready(&b.s)
	_, err := b.breaker().Allow(&b.s)
	var open *OpenError
	if !errors.As(err, &open) || open.Retry != retry || ready == nil {
		b.Fatalf("got %v, ready: %v; want to be refused for %v", err, ready, retry)
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	b := newBench(t)
	b.ends("ffffsffffuu") // in a row only
	b.ends("f")
	b.refused(5 * time.Second)
	b.pass(4 * time.Second)
	b.refused(time.Second)
	b.pass(time.Second)

	trial, err := b.breaker().Allow(&b.s)
	if err != nil {
		t.Fatal(err)
	}
	b.refused(5 * time.Second) // one trial at once
	trial.Done(Failed)
	b.refused(5 * time.Second)
	b.pass(5 * time.Second)
	b.ends("s")
	b.ends("ssss")
	if got := b.guard.Stats(); got.Changes["open"] != 2 || got.Changes["half_open"] != 2 || got.Changes["closed"] != 1 || got.Refused != 4 {
		t.Errorf("stats: %+v", got)
	}
}

// Whoever wanted the answer of a trial may leave: the next request is the trial then. One that
// hangs keeps others out no longer than an open breaker would.
func TestBreakerTrialIsFreed(t *testing.T) {
	b := newBench(t)
	b.ends("fffff")
	b.pass(5 * time.Second)
	left, err := b.breaker().Allow(&b.s)
	if err != nil {
		t.Fatal(err)
	}
	left.Done(Unknown)
	hangs, err := b.breaker().Allow(&b.s)
	if err != nil {
		t.Fatal("the place of a trial that has left is not free: ", err)
	}
	b.refused(5 * time.Second)
	b.pass(5 * time.Second)
	b.ends("s")
	hangs.Done(Failed) // of a state that is over
	b.ends("s")
}

// Results of requests that began before the breaker has opened do not count when it is closed again.
func TestBreakerForgetsOldRequests(t *testing.T) {
	b := newBench(t)
	var old []Pass
	for range 10 {
		p, err := b.breaker().Allow(&b.s)
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, p)
	}
	b.ends("fffff")
	b.pass(5 * time.Second)
	trial, err := b.breaker().Allow(&b.s)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range old[:5] {
		p.Done(Succeeded) // is not the trial's success
	}
	b.refused(5 * time.Second)
	trial.Done(Succeeded)
	for _, p := range old[5:] {
		p.Done(Failed)
	}
	b.ends("s")
}

func TestBreakerWindow(t *testing.T) {
	b := newBench(t)
	for range 20 { // never five within ten seconds
		b.ends("f")
		b.pass(2600 * time.Millisecond)
	}
	b.s = DefaultSettings()
	b.s.Failures, b.s.Ratio, b.s.Min = 0, 0.5, 20
	b.ends("fffffffff")
	b.pass(11 * time.Second) // forgotten
	b.ends("ffffffffff" + "sssssssss")
	b.ends("f") // 11 of 20
	b.refused(5 * time.Second)
}

func TestBreakerHalfOpenNeedsAll(t *testing.T) {
	b := newBench(t)
	b.s.HalfOpen = 3
	b.ends("fffff")
	b.pass(5 * time.Second)
	b.ends("ss")
	if b.guard.Stats().Breakers[0].State != HalfOpen {
		t.Error("closed before all trials have succeeded")
	}
	b.ends("f")
	b.refused(5 * time.Second)
	b.pass(5 * time.Second)
	b.ends("sss")
	if b.guard.Stats().Breakers[0].State != Closed {
		t.Error("not closed")
	}
}

// An open breaker is kept when many others come, and no more than the limit are.
func TestBreakersAreBounded(t *testing.T) {
	b := newBench(t)
	b.ends("fffff")
	for i := range 3 * MaxTargets {
		b.guard.Breakers.Get(fmt.Sprint(i), &b.s)
		b.guard.Budgets.Earn(fmt.Sprint(i), 0.2)
	}
	b.refused(5 * time.Second)
	if n := len(b.guard.Stats().Breakers); n != MaxTargets {
		t.Errorf("%d breakers", n)
	}
	if n := len(b.guard.Budgets.targets.entries); n != MaxTargets {
		t.Errorf("%d budgets", n)
	}
}

// Of many requests at once, half-open lets as many through as are trials.
func TestBreakerConcurrent(t *testing.T) {
	b := newBench(t)
	b.ends("fffff")
	b.pass(5 * time.Second)
	var wg sync.WaitGroup
	passes := make(chan Pass, 100)
	for range 100 {
		wg.Go(func() {
			if p, err := b.breaker().Allow(&b.s); err == nil {
				passes <- p
			}
		})
	}
	wg.Wait()
	if len(passes) != 1 {
		t.Errorf("%d trials at once", len(passes))
	}
	(<-passes).Done(Succeeded)
	b.ends("s")
}

func TestBudget(t *testing.T) {
	b := newBench(t)
	spend := func() (n int) {
		for b.guard.Spend("a:80") {
			n++
		}
		return n
	}
	if n := spend(); n != 10 {
		t.Errorf("%d retries without a request", n)
	}
	for range 100 {
		b.guard.Budgets.Earn("a:80", 0.2)
	}
	if n := spend(); n != 20 {
		t.Errorf("%d retries for 100 requests", n)
	}
	b.pass(3 * time.Second)
	if n := spend(); n != 3 {
		t.Errorf("%d retries after three seconds", n)
	}
	for range 10000 {
		b.guard.Budgets.Earn("a:80", 1)
	}
	if n := spend(); n != maxEarned {
		t.Errorf("%d retries saved up", n)
	}
	if got := b.guard.Stats(); got.Retried != 10+20+3+maxEarned || got.Spared != 4 {
		t.Errorf("stats: %+v", got)
	}
}

func TestWaits(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := DefaultPolicy()
	for range 100 {
		w := p.Waits()
		for _, most := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
			if d, ok := w.Next(nil, now); d < 0 || d > most*time.Millisecond || !ok {
				t.Fatalf("%v, %v: at most %d ms expected", d, ok, most)
			}
		}
	}
	p.Jitter = 0
	w := p.Waits()
	for _, want := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
		if d, _ := w.Next(nil, now); d != want*time.Millisecond {
			t.Errorf("%v, want %d ms", d, want)
		}
	}
	p.Backoff = 0
	if d, _ := p.Waits().Next(nil, now); d != 0 {
		t.Errorf("%v without a backoff", d)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	p := DefaultPolicy()
	p.Backoff = 0
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "2": 2 * time.Second, "-1": 0, "1.5": 0, "soon": 0,
		"Wed, 02 Jan 2030 03:04:06 GMT": time.Second, "Wed, 02 Jan 2030 03:04:00 GMT": 0,
		"3": -1, "99999999999999999999": 0, "9223372036854775807": -1, "Wed, 02 Jan 2999 03:04:06 GMT": -1,
	} {
		d, ok := p.Waits().Next(http.Header{"Retry-After": {text}}, now)
		if ok != (want >= 0) || ok && d != want {
			t.Errorf("%q: %v, %v", text, d, ok)
		}
	}
}

func TestRepeatable(t *testing.T) {
	p := DefaultPolicy()
	key := http.Header{"Idempotency-Key": {"k"}}
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false, "get": false} {
		if got := p.Repeatable(method, nil); got != want {
			t.Errorf("%s: %v", method, got)
		}
		if !p.Repeatable(method, key) {
			t.Errorf("%s with a key", method)
		}
	}
	p.Methods = []string{"POST"}
	if !p.Repeatable("POST", nil) || p.Repeatable("GET", nil) || p.Repeatable("PATCH", key) {
		t.Error("methods are not those that are named")
	}
}
