package limit_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func TestMain(m *testing.M) {
	// The client looks for a cluster once, and may sleep for a second behind that.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func minutely(n float64) store.Rate {
	return store.Rate{Count: n, Per: time.Minute, Burst: int64(n)}
}

func redis(t testing.TB, url string) *store.Redis {
	t.Helper()
	s, err := store.NewRedis(store.RedisOptions{URL: url, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AwaitFirst(t.Context())
	return s
}

// instances are the limiters of one rule in n processes.
func instances(t testing.TB, n int, r store.Rate) (ls []*limit.Limiter, engines []*store.Redis) {
	server := storetest.StartRedis(t)
	for range n {
		engine := redis(t, server.URL)
		l := limit.New(limit.Options{Name: "rule", Rate: r, Store: engine, Leases: true})
		t.Cleanup(l.Close)
		ls, engines = append(ls, l), append(engines, engine)
	}
	return ls, engines
}

// flood asks for a key as often as it can with so many at once, until it is denied, and returns how
// many were allowed.
func flood(t *testing.T, l *limit.Limiter, key string, atOnce int) int64 {
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for range 200 {
				d := l.Allow(t.Context(), key, 1)
				if d.Err != nil {
					t.Error(d.Err)
					return
				}
				if d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return allowed.Load()
}

// Local limits go by the clock of the store.
func TestLocal(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)
	l := limit.New(limit.Options{Name: "rule", Rate: minutely(60), Store: store.NewMemory(c, store.Limits{})})
	defer l.Close()
	if n := flood(t, l, "a", 4); n != 60 {
		t.Errorf("%d allowed", n)
	}
	d := l.Allow(t.Context(), "a", 2)
	if d.Allowed || d.Retry != 2*time.Second || d.Reset != time.Minute || d.Remaining != 0 {
		t.Errorf("%+v", d)
	}
	c.Advance(1999*time.Millisecond, nil)
	if l.Allow(t.Context(), "a", 2).Allowed {
		t.Error("too early")
	}
	c.Advance(time.Millisecond, nil)
	if d := l.Allow(t.Context(), "a", 2); !d.Allowed {
		t.Errorf("%+v", d)
	}
	if d := l.Allow(t.Context(), "b", 61); d.Allowed || d.Retry != 0 {
		t.Errorf("more than the burst: %+v", d)
	}
	if n := flood(t, l, "b", 4); n != 60 {
		t.Errorf("another key: %d allowed", n)
	}
}

// Three processes together let through what the rate says, and no more.
func TestSharedIsExact(t *testing.T) {
	ls, _ := instances(t, 3, minutely(100))
	began := time.Now()
	var sum atomic.Int64
	var wg sync.WaitGroup
	for i, l := range ls {
		wg.Go(func() { sum.Add(flood(t, l, "k", i+1)) })
	}
	wg.Wait()
	if more := int64(time.Since(began) / minutely(100).Interval()); sum.Load() < 100 || sum.Load() > 100+more {
		t.Errorf("%d allowed in %s", sum.Load(), time.Since(began))
	}
}

// Traffic that moves to another process gets nearly all that is left: what the first one has taken
// and not used is little, and is given back.
func TestSharedMoves(t *testing.T) {
	ls, _ := instances(t, 3, store.Rate{Count: 100, Per: time.Hour, Burst: 100})
	var sum int64
	for _, l := range ls[:2] {
		for range 20 {
			if l.Allow(t.Context(), "k", 1).Allowed {
				sum++
			}
		}
	}
	atOnce := sum + flood(t, ls[2], "k", 2)
	if atOnce < 95 || atOnce > 100 {
		t.Errorf("%d allowed when it moved", atOnce)
	}
	ls[0].Close()
	ls[1].Close() // what was left is there again
	if d := ls[1].Allow(t.Context(), "another", 1); !d.Allowed {
		t.Errorf("after Close: %+v", d)
	}
	for deadline := time.Now().Add(20 * time.Second); atOnce < 100; {
		if ls[2].Allow(t.Context(), "k", 1).Allowed {
			atOnce++
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d allowed in the end", atOnce)
		}
	}
}

// A process that idles gives back what it has.
func TestSharedIdles(t *testing.T) {
	r := store.Rate{Count: 1000, Per: 24 * time.Hour, Burst: 1000}
	ls, engines := instances(t, 1, r)
	const asked = 100
	for range asked {
		if d := ls[0].Allow(t.Context(), "k", 1); !d.Allowed {
			t.Fatalf("%+v", d)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		got, err := engines[0].Take(t.Context(), "limit:rule:k", r, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if got.Remaining == 1000-asked {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d are left", got.Remaining)
		}
	}
}

// A key that is asked for often seldom needs the store.
func TestSharedIsLocal(t *testing.T) {
	ls, engines := instances(t, 1, store.Rate{Count: 1e9, Per: time.Second, Burst: 1e6})
	const n = 200_000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				if d := ls[0].Allow(t.Context(), "k", 1); !d.Allowed {
					t.Errorf("%+v", d)
					return
				}
			}
		})
	}
	wg.Wait()
	if calls := engines[0].Status().Calls; calls > n/100 {
		t.Errorf("%d calls of the store for %d questions", calls, n)
	}
}

// A flood that is denied does not reach the store.
func TestDeniedIsLocal(t *testing.T) {
	ls, engines := instances(t, 1, store.Rate{Count: 10, Per: time.Hour, Burst: 10})
	flood(t, ls[0], "k", 1)
	before := engines[0].Status().Calls
	for range 100_000 {
		if d := ls[0].Allow(t.Context(), "k", 1); d.Allowed || d.Retry <= 0 || d.Retry > 6*time.Minute {
			t.Fatalf("%+v", d)
		}
	}
	if calls := engines[0].Status().Calls - before; calls > 10 {
		t.Errorf("%d calls", calls)
	}
}

// Costs beyond one are all or nothing.
func TestSharedCosts(t *testing.T) {
	ls, _ := instances(t, 2, store.Rate{Count: 100, Per: time.Hour, Burst: 100})
	var sum int64
	for n := range 200 {
		if ls[n%2].Allow(t.Context(), "k", 7).Allowed {
			sum += 7
		}
	}
	if sum != 98 && sum != 91 { // the rest may be split
		t.Errorf("%d allowed", sum)
	}
	if d := ls[0].Allow(t.Context(), "k", 101); d.Allowed || d.Retry != 0 || d.Err != nil {
		t.Errorf("%+v", d)
	}
}

// While the store is down the rule says what happens.
func TestStoreIsDown(t *testing.T) {
	down, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock"})
	if err != nil {
		t.Fatal(err)
	}
	defer down.Close()
	down.AwaitFirst(t.Context())
	for _, leases := range []bool{false, true} {
		for policy, want := range map[limit.OnFailure]int64{limit.Local: 10, limit.Closed: 0, limit.Open: 30} {
			counts := new(limit.Counts)
			l := limit.New(limit.Options{
				Name: "rule", Counts: counts, Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 10}, Store: down, Leases: leases, OnFailure: policy,
			})
			var allowed int64
			for range 30 {
				d := l.Allow(t.Context(), "k", 1)
				if d.Allowed {
					allowed++
				}
				if !errors.Is(d.Err, store.ErrDown) {
					t.Errorf("%v: %v", policy, d.Err)
				}
				if d.TooOften() != (!d.Allowed && policy == limit.Local) {
					t.Errorf("%v: too often %v of %+v", policy, d.TooOften(), d)
				}
			}
			if allowed != want {
				t.Errorf("%v: %d allowed, not %d", policy, allowed, want)
			}
			if counts.Failed.Load() != 30 || counts.Allowed.Load() != uint64(want) || counts.Denied.Load() != 30-uint64(want) {
				t.Errorf("counted %+v", counts)
			}
			l.Close()
		}
	}
}

// Limits that count in one place while the store is down count apart, also after a reload.
func TestFallback(t *testing.T) {
	down, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock"})
	if err != nil {
		t.Fatal(err)
	}
	defer down.Close()
	down.AwaitFirst(t.Context())
	fallback := store.NewMemory(nil, store.Limits{Rates: 10})
	make := func(name string) *limit.Limiter {
		l := limit.New(limit.Options{Name: name, Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 1}, Store: down, Leases: true, Fallback: fallback})
		t.Cleanup(l.Close)
		return l
	}
	flooded, other := make("flooded"), make("other")
	for i := range 100 {
		flooded.Allow(t.Context(), fmt.Sprint(i), 1)
	}
	for i := range 4 {
		if d := other.Allow(t.Context(), fmt.Sprint(i), 1); !d.Allowed {
			t.Errorf("%d: %+v", i, d)
		}
	}
	if make("other").Allow(t.Context(), "0", 1).Allowed {
		t.Error("a new version of the limit begins anew")
	}
}

// Keys of one limit that have no lease of their own share one, which is no other limit's.
func TestLeasesAreBounded(t *testing.T) {
	server := storetest.StartRedis(t)
	engine := redis(t, server.URL)
	make := func(name string) *limit.Limiter {
		l := limit.New(limit.Options{Name: name, Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 1}, Store: engine, Leases: true})
		t.Cleanup(l.Close)
		limit.BoundLeases(l, 0)
		return l
	}
	flooded, other := make("flooded"), make("other")
	if !flooded.Allow(t.Context(), "a", 1).Allowed || flooded.Allow(t.Context(), "b", 1).Allowed {
		t.Error("keys without a lease share no rate")
	}
	if d := other.Allow(t.Context(), "c", 1); !d.Allowed {
		t.Errorf("another limit: %+v", d)
	}
}

// No name and key make the keys of another limit, nor a key that stands for a hash or for others.
func TestKeysAreApart(t *testing.T) {
	s := store.NewMemory(nil, store.Limits{})
	allow := func(name, key string) bool {
		return limit.New(limit.Options{Name: name, Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 1}, Store: s}).Allow(t.Context(), key, 1).Allowed
	}
	long := strings.Repeat("k", 100)
	sum := sha256.Sum256([]byte(long))
	for _, of := range [][2]string{
		{"a", "b:c"}, {"a:b", "c"}, {"a%3Ab", "c"}, {"a", long}, {"a", "sha256:" + base64.RawURLEncoding.EncodeToString(sum[:])},
	} {
		if !allow(of[0], of[1]) {
			t.Errorf("%q has the rate of another one", of)
		}
		if allow(of[0], of[1]) {
			t.Errorf("%q has no limit", of)
		}
	}
}

// Who leaves does not wait, and takes nothing.
func TestClientLeaves(t *testing.T) {
	server := storetest.StartRedis(t)
	engine := redis(t, server.URL)
	l := limit.New(limit.Options{Name: "rule", Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 10}, Store: engine, Leases: true})
	defer l.Close()
	server.Pause()
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan limit.Decision)
	go func() { over <- l.Allow(ctx, "k", 1) }()
	for engine.Status().Waiting != 1 {
	}
	leave()
	if d := <-over; d.Allowed || !errors.Is(d.Err, context.Canceled) {
		t.Errorf("%+v", d)
	}
	server.Continue()
	if n := flood(t, l, "k", 1); n < 9 || n > 10 {
		t.Errorf("%d allowed", n)
	}
}

func TestKeys(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::": "2001:db8::/64",
		"fe80::1%eth0": "fe80::/64", "@": "@", "": "",
	} {
		if got := limit.AddressKey(address); got != want {
			t.Errorf("%s: %s", address, got)
		}
	}
	l := limit.New(limit.Options{Name: "rule", Rate: store.Rate{Count: 1, Per: time.Hour, Burst: 1}, Store: store.NewMemory(nil, store.Limits{})})
	defer l.Close()
	long := strings.Repeat("k", 100_000)
	for i, want := range map[int]bool{0: true, 1: true} {
		if d := l.Allow(t.Context(), long+fmt.Sprint(i), 1); d.Allowed != want || d.Err != nil {
			t.Errorf("%+v", d)
		}
	}
	if l.Allow(t.Context(), long+"0", 1).Allowed {
		t.Error("a long key has no limit")
	}
}

// What leases hold is counted, until the limiter is closed.
func TestHeld(t *testing.T) {
	server := storetest.StartRedis(t)
	var held limit.Held
	engine := redis(t, server.URL)
	l := limit.New(limit.Options{
		Name: "rule", Rate: store.Rate{Count: 1, Per: time.Minute, Burst: 100_000}, Store: engine, Leases: true, Held: &held,
	})
	defer l.Close()
	asked := int64(0)
	for deadline := time.Now().Add(20 * time.Second); ; {
		if d := l.Allow(t.Context(), "a", 1); !d.Allowed {
			t.Fatalf("%+v", d)
		}
		asked++
		if keys, tokens, _ := held.Count(); keys == 1 && tokens > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is held")
		}
	}
	l.Close()
	if keys, tokens, waiting := held.Count(); keys != 0 || tokens != 0 || waiting != 0 {
		t.Errorf("%d keys, %d tokens, %d wait after Close", keys, tokens, waiting)
	}
	left, err := engine.Take(t.Context(), "limit:rule:a", l.Rate(), 100_000, true)
	if err != nil || left.Granted < 100_000-asked {
		t.Errorf("%d are left of 100000 after %d: %v", left.Granted, asked, err)
	}
}

// Who looks sees how many questions wait for the store.
func TestHeldWaits(t *testing.T) {
	server := storetest.StartRedis(t)
	held := new(limit.Held)
	l := limit.New(limit.Options{Name: "rule", Rate: minutely(100), Store: redis(t, server.URL), Leases: true, Held: held})
	t.Cleanup(l.Close)
	until := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			_, _, waiting := held.Count()
			if waiting == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d wait, not %d", waiting, want)
			}
		}
	}
	server.Pause()
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, ctx := range []context.Context{t.Context(), t.Context(), ctx} {
		wg.Go(func() { l.Allow(ctx, "a", 1) })
	}
	until(3)
	leave()
	until(2)
	server.Continue()
	wg.Wait()
	until(0)
}

func BenchmarkLocal(b *testing.B) {
	l := limit.New(limit.Options{Name: "rule", Rate: store.Rate{Count: 1e9, Per: time.Second, Burst: 1e6}, Store: store.NewMemory(nil, store.Limits{})})
	defer l.Close()
	for b.Loop() {
		l.Allow(b.Context(), "192.0.2.1", 1)
	}
}

func BenchmarkLease(b *testing.B) {
	ls, _ := instances(b, 1, store.Rate{Count: 1e9, Per: time.Second, Burst: 1e6})
	for b.Loop() {
		ls[0].Allow(b.Context(), "192.0.2.1", 1)
	}
}

// BenchmarkLeaseP99 has the time of one decision in a hundred, with those that wait for the store.
func BenchmarkLeaseP99(b *testing.B) {
	ls, _ := instances(b, 1, store.Rate{Count: 1e9, Per: time.Second, Burst: 1e6})
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		ls[0].Allow(b.Context(), "192.0.2.1", 1)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
}

// A wrong part of a rate is refused also behind a right one, and leaves that as it is.
func TestReadRateAgain(t *testing.T) {
	var o limit.Options
	for _, tt := range []struct {
		name string
		f    float64
		ok   bool
	}{
		{"per", 60, true},
		{"per", 0, false},
		{"per", -1, false},
		{"per", 1e12, false},
		{"per", math.NaN(), false},
		{"per", math.Inf(1), false},
		{"rate", 5, true},
		{"rate", 0, false},
		{"rate", math.NaN(), false},
		{"burst", 7, true},
		{"burst", 0.5, false},
		{"burst", math.NaN(), false},
	} {
		if want, ok := o.ReadRate(tt.name, tt.f); ok != tt.ok || want == "" {
			t.Errorf("%s = %v: %v, %q", tt.name, tt.f, ok, want)
		}
	}
	if want := (store.Rate{Count: 5, Per: time.Minute, Burst: 7}); o.Rate != want {
		t.Errorf("got %+v, want %+v", o.Rate, want)
	}
}
