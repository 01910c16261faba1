package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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
	set(t, s, "k", "v", time.Hour, store.Always)
	expect(t, "expire never", must[bool](t)(s.Expire(ctx, "k", store.Forever)), true)
	expect(t, "now forever", ttl("k"), store.Forever)
	set(t, s, "k", "v", time.Nanosecond, store.Always) // at least a millisecond
	gone("k")
	set(t, s, "new", "v", store.Keep, store.Always)
	expect(t, "keep, of nothing", ttl("new"), store.Forever)
	must[int64](t)(s.Incr(ctx, "n", 1, 0, time.Minute))
	must[int64](t)(s.Incr(ctx, "n", 1, 0, time.Hour))
	between("the first one's", ttl("n"), 0, time.Minute)
	must[bool](t)(s.Expire(ctx, "n", short))
	gone("n")
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
