package storetest

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

func rates(t *testing.T, s store.Store) {
	slow := store.Rate{Count: 1, Per: time.Hour, Burst: 10}
	take := func(n int64, some bool, granted, remaining int64) store.Taken {
		t.Helper()
		got, err := s.Take(ctx, "k", slow, n, some)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "granted", got.Granted, granted)
		expect(t, "remaining", got.Remaining, remaining)
		if n <= slow.Burst && (got.Granted < n) != (got.Retry > 0) {
			t.Errorf("retry after %s", got.Retry)
		}
		return got
	}
	near := func(what string, d, want time.Duration) {
		t.Helper()
		if d > want || d < want-10*time.Minute {
			t.Errorf("%s in %s, not in nearly %s", what, d, want)
		}
	}
	near("reset", take(3, false, 3, 7).Reset, 3*time.Hour)
	take(0, false, 0, 7)
	near("retry", take(8, false, 0, 7).Retry, time.Hour)
	take(8, true, 7, 0)
	near("retry", take(1, false, 0, 0).Retry, time.Hour)
	if err := s.Give(ctx, "k", slow, 2); err != nil {
		t.Error(err)
	}
	take(5, true, 2, 0)
	if err := s.Give(ctx, "k", slow, 1000); err != nil {
		t.Error(err)
	}
	take(20, false, 0, 10) // can never be granted
	take(11, true, 10, 0)
	if err := s.Give(ctx, "unknown", slow, 1); err != nil {
		t.Error(err)
	}

	fast := store.Rate{Count: 1000, Per: time.Second, Burst: 2}
	var granted int64
	await(t, "it is filled again", func() bool {
		got, err := s.Take(ctx, "fast", fast, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		granted += got.Granted
		return granted >= 10
	})
	// Who has taken more than a rate has now waits for as much as that takes, and not for what was taken.
	if got, err := s.Take(ctx, "shrinks", slow, 10, false); got.Granted != 10 || err != nil {
		t.Errorf("%+v %v", got, err)
	}
	await(t, "a smaller burst is filled", func() bool {
		got, err := s.Take(ctx, "shrinks", fast, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		return got.Granted == 1
	})
	for _, n := range []int64{-1, math.MinInt64, math.MaxInt64} {
		if _, err := s.Take(ctx, "k", slow, n, true); err == nil {
			t.Errorf("%d were taken", n)
		}
		if err := s.Give(ctx, "k", slow, n); err == nil {
			t.Errorf("%d were given", n)
		}
	}
	for _, r := range []store.Rate{{}, {Count: -1, Per: 1, Burst: 1}, {Count: math.NaN(), Per: time.Second, Burst: 1}, {Count: 1, Per: time.Second}, {Count: 1e-9, Per: time.Second, Burst: 1e9}} {
		if _, err := s.Take(ctx, "k", r, 1, false); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}

func locks(t *testing.T, s store.Store) {
	lock := func(ttl time.Duration) (int64, bool) {
		t.Helper()
		fence, ok, err := s.Lock(ctx, "l", 1, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return fence, ok
	}
	first, ok := lock(time.Hour)
	expect(t, "free", ok, true)
	_, ok = lock(time.Hour)
	expect(t, "taken", ok, false)
	expect(t, "another's unlock", unlock(t, s, "l", first-1), false)
	expect(t, "unlock", unlock(t, s, "l", first), true)
	expect(t, "unlock again", unlock(t, s, "l", first), false)
	second, ok := lock(20 * time.Millisecond)
	expect(t, "free again", ok, true)
	if second <= first {
		t.Errorf("fence %d after %d", second, first)
	}
	var third int64
	await(t, "it expires", func() bool { third, ok = lock(20 * time.Millisecond); return ok })
	if third <= second {
		t.Errorf("fence %d after %d", third, second)
	}
	expect(t, "the second has lost it", unlock(t, s, "l", second), false)
	expect(t, "and does not extend it", must[bool](t)(s.Extend(ctx, "l", second, time.Hour)), false)
	if must[bool](t)(s.Extend(ctx, "l", third, time.Hour)) { // else the machine was too slow
		_, ok = lock(time.Hour)
		expect(t, "extended", ok, false)
		expect(t, "unlocked", unlock(t, s, "l", third), true)
	}
	fence, _ := lock(time.Hour)
	if ok, wanted, err := s.Unlock(ctx, "l", fence); !ok || wanted || err != nil {
		t.Errorf("nobody was refused: %v %v %v", ok, wanted, err)
	}
	await(t, "who was refused is told of", func() bool { // within a second, if the machine is not too slow
		fence, _ := lock(time.Hour)
		_, _ = lock(time.Hour)
		ok, wanted, err := s.Unlock(ctx, "l", fence)
		return ok && wanted && err == nil
	})
	fence, ok = lock(store.Forever)
	expect(t, "forever", ok, true)
	expect(t, "extended for a moment", must[bool](t)(s.Extend(ctx, "l", fence, time.Millisecond)), true)
	await(t, "it expires", func() bool { _, ok = lock(store.Forever); return ok })
}

// A lock with places has as many holders, each with a fence and a time of its own.
func places(t *testing.T, s store.Store) {
	var last int64
	lock := func(places int, ttl time.Duration) (int64, bool) {
		t.Helper()
		fence, ok, err := s.Lock(ctx, "p", places, ttl)
		if err != nil {
			t.Fatal(err)
		}
		if ok && fence <= last {
			t.Errorf("fence %d after %d", fence, last)
		}
		last = max(last, fence)
		return fence, ok
	}
	a, _ := lock(3, time.Hour)
	b, _ := lock(3, store.Forever)
	c, ok := lock(3, time.Hour)
	expect(t, "third", ok, true)
	_, ok = lock(3, time.Hour)
	expect(t, "fourth", ok, false)
	expect(t, "unlock", unlock(t, s, "p", b), true)
	expect(t, "unlock again", unlock(t, s, "p", b), false)
	_, ok = lock(2, time.Hour)
	expect(t, "as many as are held", ok, false)
	d, ok := lock(3, 20*time.Millisecond)
	expect(t, "freed", ok, true)
	await(t, "it expires", func() bool { d, ok = lock(3, time.Hour); return ok })
	_, ok = lock(3, time.Hour)
	expect(t, "all are held", ok, false)
	expect(t, "extend", must[bool](t)(s.Extend(ctx, "p", a, time.Millisecond)), true)
	await(t, "it expires", func() bool { b, ok = lock(3, time.Hour); return ok })
	expect(t, "extend what is over", must[bool](t)(s.Extend(ctx, "p", a, time.Hour)), false)
	for _, fence := range []int64{b, c, d} {
		expect(t, "unlock", unlock(t, s, "p", fence), true)
	}
	_, ok = lock(1, time.Hour)
	expect(t, "all are free", ok, true)
	_, ok = lock(1, time.Hour)
	expect(t, "a place of one", ok, false)
	_, ok = lock(2, time.Hour)
	expect(t, "one more place", ok, true)
}

func messages(t *testing.T, s store.Store) {
	const n = 1000
	got := make(chan string, 3*n)
	listen := func(name, topic string) (cancel func()) {
		began := make(chan struct{})
		begin := sync.OnceFunc(func() { close(began) })
		cancel = s.Subscribe(topic, func(m []byte) {
			if m == nil {
				begin()
				return
			}
			got <- name + string(m)
		})
		<-began
		return cancel
	}
	a, b := listen("a", "t"), listen("b", "t")
	defer listen("other", "u")()
	for i := range n {
		if err := s.Publish(ctx, "t", fmt.Appendf(nil, "\x00%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	next := map[string]int{}
	for range 2 * n {
		m := <-got
		if want := fmt.Sprintf("%s\x00%d", m[:1], next[m[:1]]); m != want {
			t.Fatalf("got %q, want %q", m, want)
		}
		next[m[:1]]++
	}
	a()
	a()
	if err := s.Publish(ctx, "t", []byte("last")); err != nil {
		t.Fatal(err)
	}
	expect(t, "after a has left", <-got, "blast")
	b()
	if err := cmpErr(s.Publish(ctx, "t", nil), s.Publish(ctx, "nobody", []byte("x"))); err != nil {
		t.Error(err)
	}
	defer listen("again", "t")()
	if err := s.Publish(ctx, "t", []byte("!")); err != nil {
		t.Error(err)
	}
	expect(t, "subscribed again", <-got, "again!")
}
