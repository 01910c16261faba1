package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// Run tests one engine, which make makes anew, by the clock of the world.
func Run(t *testing.T, make func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"values", values},
		{"versions", versions},
		{"expiry", expiry},
		{"numbers", numbers},
		{"keys", keys},
		{"list", list},
		{"rates", rates},
		{"locks", locks},
		{"places", places},
		{"messages", messages},
		{"contexts", contexts},
		{"one counts", oneCounts},
		{"one holds", oneHolds},
		{"burst is exact", burstIsExact},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, make(t)) })
	}
}

var ctx = context.Background()

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// await calls f until it is true.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func set(t *testing.T, s store.Store, key, value string, ttl time.Duration, only store.Only) (int64, bool) {
	t.Helper()
	v, ok, err := s.Set(ctx, key, []byte(value), ttl, only)
	if err != nil {
		t.Fatal(err)
	}
	return v, ok
}

func get(t *testing.T, s store.Store, key string) string {
	t.Helper()
	item, ok, err := s.Get(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "(none)"
	}
	return string(item.Value)
}

func unlock(t *testing.T, s store.Store, key string, fence int64) bool {
	t.Helper()
	ok, _, err := s.Unlock(ctx, key, fence)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func values(t *testing.T, s store.Store) {
	binary := "a\x00\xff\r\nä" + strings.Repeat("x", 100_000)
	expect(t, "nothing", get(t, s, "k"), "(none)")
	set(t, s, "k", binary, store.Forever, store.Always)
	expect(t, "value", get(t, s, "k"), binary)
	set(t, s, "k", "", store.Forever, store.Always)
	expect(t, "empty", get(t, s, "k"), "")
	_, ok := set(t, s, "k", "new", store.Forever, store.New)
	expect(t, "new where there is one", ok, false)
	_, ok = set(t, s, "other", "old", store.Forever, store.Old)
	expect(t, "old where there is none", ok, false)
	_, ok = set(t, s, "k", "old", store.Forever, store.Old)
	expect(t, "old", ok, true)
	_, ok = set(t, s, "other", "new", store.Forever, store.New)
	expect(t, "new", ok, true)
	expect(t, "k", get(t, s, "k"), "old")
	expect(t, "other", get(t, s, "other"), "new")
	expect(t, "deleted", must[bool](t)(s.Delete(ctx, "k")), true)
	expect(t, "deleted again", must[bool](t)(s.Delete(ctx, "k")), false)
	expect(t, "after", get(t, s, "k"), "(none)")
	if _, _, err := s.Set(ctx, "k", make([]byte, store.MaxValue), store.Forever, store.Always); err != nil {
		t.Error(err)
	}
	if _, _, err := s.Set(ctx, "k", make([]byte, store.MaxValue+1), store.Forever, store.Always); err == nil {
		t.Error("a value that is too long was taken")
	}
	mine := []byte("mine")
	if _, _, err := s.Set(ctx, "k", mine, store.Forever, store.Always); err != nil {
		t.Error(err)
	}
	mine[0] = 'M'
	expect(t, "a value is the store's", get(t, s, "k"), "mine")
}

func versions(t *testing.T, s store.Store) {
	seen := map[int64]bool{}
	note := func(v int64) {
		t.Helper()
		if v <= 0 || v > 1<<53 || seen[v] {
			t.Errorf("version %d", v)
		}
		seen[v] = true
	}
	v1, _ := set(t, s, "k", "1", store.Forever, store.Always)
	note(v1)
	cas := func(version int64, value string, want bool) int64 {
		t.Helper()
		v, ok, err := s.CAS(ctx, "k", version, []byte(value), store.Keep)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "cas "+value, ok, want)
		if ok {
			note(v)
			item, _, _ := s.Get(ctx, "k")
			expect(t, "version", item.Version, v)
		}
		return v
	}
	cas(0, "x", false)
	v2 := cas(v1, "2", true)
	cas(v1, "x", false)
	expect(t, "value", get(t, s, "k"), "2")
	must[int64](t)(s.Incr(ctx, "n", 1, 0, store.Forever))
	must[bool](t)(s.Delete(ctx, "k"))
	cas(v2, "x", false)
	v3 := cas(0, "3", true)
	cas(v2, "x", false)
	must[bool](t)(s.Delete(ctx, "k"))
	v4, _ := set(t, s, "k", "4", store.Forever, store.Always)
	note(v4)
	cas(v3, "x", false)
}

func expiry(t *testing.T, s store.Store) {
	const short = 30 * time.Millisecond
	ttl := func(key string) time.Duration {
		t.Helper()
		d, ok, err := s.TTL(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		item, same, there, err := s.GetTTL(ctx, key)
		if now, _, _ := s.Get(ctx, key); err != nil || there != ok || there && (d == store.Forever) != (same == store.Forever) ||
			d-same > time.Minute || same > d || item.Version != now.Version || string(item.Value) != string(now.Value) {
			t.Errorf("GetTTL of %s: %+v %s %v %v, not %s", key, item, same, there, err, d)
		}
		if !ok {
			return -1
		}
		return d
	}
	between := func(what string, d, low, high time.Duration) {
		t.Helper()
		if d <= low || d > high {
			t.Errorf("%s: %s, not more than %s and at most %s", what, d, low, high)
		}
	}
	gone := func(key string) {
		t.Helper()
		await(t, key+" expires", func() bool { return get(t, s, key) == "(none)" })
	}
	set(t, s, "k", "v", short, store.Always)
	gone("k")
	expect(t, "expired", ttl("k"), -1)
	expect(t, "delete what has expired", must[bool](t)(s.Delete(ctx, "k")), false)
	_, ok := set(t, s, "k", "v", time.Hour, store.New)
	expect(t, "new after it has expired", ok, true)
	between("ttl", ttl("k"), 50*time.Minute, time.Hour)
	set(t, s, "k", "v2", store.Keep, store.Always)
	between("kept", ttl("k"), 50*time.Minute, time.Hour)
	set(t, s, "k", "v3", store.Forever, store.Always)
	expect(t, "forever", ttl("k"), store.Forever)
	expect(t, "expire", must[bool](t)(s.Expire(ctx, "k", short)), true)
	gone("k")
	expect(t, "expire what is gone", must[bool](t)(s.Expire(ctx, "k", short)), false)
	set(t, s, "k", "v", short, store.Always)
	expect(t, "expire never", must[bool](t)(s.Expire(ctx, "k", store.Forever)), true)
	expect(t, "now forever", ttl("k"), store.Forever)
	set(t, s, "k", "v", time.Nanosecond, store.Always) // at least a millisecond
	gone("k")
	set(t, s, "new", "v", store.Keep, store.Always)
	expect(t, "keep, of nothing", ttl("new"), store.Forever)
	must[int64](t)(s.Incr(ctx, "n", 1, 0, short))
	must[int64](t)(s.Incr(ctx, "n", 1, 0, time.Hour))
	gone("n") // the first one's time to live holds
	expect(t, "anew", must[int64](t)(s.Incr(ctx, "n", 1, 10, time.Hour)), 11)
	between("with its own time", ttl("n"), 50*time.Minute, time.Hour)
}

func numbers(t *testing.T, s store.Store) {
	incr := func(by, init, want int64) {
		t.Helper()
		expect(t, fmt.Sprintf("by %d", by), must[int64](t)(s.Incr(ctx, "n", by, init, store.Forever)), want)
	}
	incr(5, 10, 15)
	incr(-20, 10, -5)
	incr(0, 10, -5)
	item, _, _ := s.Get(ctx, "n")
	n, ok := store.ParseNumber(item.Value)
	expect(t, "number", n, -5)
	expect(t, "is one", ok, true)
	before := item.Version
	incr(1, 0, -4)
	if item, _, _ = s.Get(ctx, "n"); item.Version == before {
		t.Error("the same version")
	}
	set(t, s, "n", string(store.Number(7)), store.Forever, store.Always)
	incr(1, 0, 8)

	const limit = 1<<53 - 1
	set(t, s, "n", string(store.Number(limit)), store.Forever, store.Always)
	for _, by := range []int64{1, 2, limit, math.MaxInt64, math.MinInt64} {
		if _, err := s.Incr(ctx, "n", by, 0, store.Forever); !errors.Is(err, store.ErrRange) {
			t.Errorf("by %d: %v", by, err)
		}
	}
	if _, err := s.Incr(ctx, "m", 1, limit, store.Forever); !errors.Is(err, store.ErrRange) {
		t.Error(err)
	}
	expect(t, "nothing has changed", get(t, s, "m"), "(none)")
	incr(-limit, 0, 0)
	for _, value := range []string{"", "#", "7", "#x", "#1.5", "# 1", "#+1", "#0x10", "#007", "#-0", "#9007199254740992", "#99999999999999999999999"} {
		set(t, s, "n", value, store.Forever, store.Always)
		if _, err := s.Incr(ctx, "n", 1, 0, store.Forever); !errors.Is(err, store.ErrNotANumber) {
			t.Errorf("%q: %v", value, err)
		}
		expect(t, "kept", get(t, s, "n"), value)
	}
}

func keys(t *testing.T, s store.Store) {
	for _, key := range []string{"\x00", " ", "a*b[c]?\\", "ä\xff", "{x}", strings.Repeat("k", store.MaxKey)} {
		set(t, s, key, "v"+key, store.Forever, store.Always)
		expect(t, key, get(t, s, key), "v"+key)
	}
	for _, key := range []string{"", strings.Repeat("k", store.MaxKey+1)} {
		if _, _, err := s.Get(ctx, key); err == nil {
			t.Errorf("a key of %d bytes was taken", len(key))
		}
		if _, _, err := s.Set(ctx, key, nil, store.Forever, store.Always); err == nil {
			t.Errorf("a key of %d bytes was taken", len(key))
		}
		if _, err := s.Take(ctx, key, store.Rate{Count: 1, Per: time.Second, Burst: 1}, 1, false); err == nil {
			t.Errorf("a key of %d bytes was taken", len(key))
		}
		if _, _, err := s.Lock(ctx, key, 1, time.Second); err == nil {
			t.Errorf("a key of %d bytes was taken", len(key))
		}
	}
	// Values, locks and rates are apart.
	set(t, s, "same", "v", store.Forever, store.Always)
	if _, ok, err := s.Lock(ctx, "same", 1, time.Hour); !ok || err != nil {
		t.Error(ok, err)
	}
	if taken, err := s.Take(ctx, "same", store.Rate{Count: 1, Per: time.Second, Burst: 1}, 1, false); taken.Granted != 1 || err != nil {
		t.Error(taken, err)
	}
	expect(t, "same", get(t, s, "same"), "v")
}

func list(t *testing.T, s store.Store) {
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf("a*%02d", i))
	}
	for _, key := range append([]string{"a", "ab", "b*01", "\xff"}, all...) {
		set(t, s, key, "v", store.Forever, store.Always)
	}
	if _, _, err := s.Lock(ctx, "a*lock", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	set(t, s, "a*99", "v", time.Millisecond, store.Always)
	await(t, "a*99 expires", func() bool { return get(t, s, "a*99") == "(none)" })
	var got []string
	for after := ""; ; {
		page := must[[]string](t)(s.List(ctx, "a*", after, 7))
		if len(page) == 0 {
			break
		}
		got, after = append(got, page...), page[len(page)-1]
	}
	if !slices.Equal(got, all) {
		t.Errorf("got %q", got)
	}
	if got := must[[]string](t)(s.List(ctx, "", "a*49", 100)); !slices.Equal(got, []string{"ab", "b*01", "\xff"}) {
		t.Errorf("got %q", got)
	}
	if got := must[[]string](t)(s.List(ctx, "", "", 0)); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

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

func cmpErr(errs ...error) error { return errors.Join(errs...) }

func contexts(t *testing.T, s store.Store) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	for name, call := range map[string]func() error{
		"get":     func() error { _, _, err := s.Get(over, "k"); return err },
		"set":     func() error { _, _, err := s.Set(over, "k", nil, store.Forever, store.Always); return err },
		"incr":    func() error { _, err := s.Incr(over, "k", 1, 0, store.Forever); return err },
		"list":    func() error { _, err := s.List(over, "", "", 1); return err },
		"lock":    func() error { _, _, err := s.Lock(over, "k", 1, time.Second); return err },
		"publish": func() error { return s.Publish(over, "t", nil) },
		"take": func() error {
			_, err := s.Take(over, "k", store.Rate{Count: 1, Per: time.Second, Burst: 1}, 1, false)
			return err
		},
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	expect(t, "nothing was done", get(t, s, "k"), "(none)")
}
