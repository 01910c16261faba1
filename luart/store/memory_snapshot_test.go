package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/store"
)

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func snapshotOf(t testing.TB, m *store.Memory) []byte {
	t.Helper()
	data, _, err := m.Append(nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What a process has kept another one goes on with, later: values with the rest of their lives and
// their versions, and rates. Locks end.
func TestMemorySnapshot(t *testing.T) {
	ctx := t.Context()
	was := clock.New(newYear, nil)
	m := store.NewMemory(was, store.Limits{})
	if m.IsUsed() {
		t.Error("it is used")
	}
	rate := store.Rate{Count: 1, Per: time.Second, Burst: 10}
	_, _, _ = m.Set(ctx, "stays", []byte("a\x00b"), store.Forever, store.Always)
	version, _, _ := m.Set(ctx, "hour", []byte("1"), time.Hour, store.Always)
	_, _, _ = m.Set(ctx, "minute", nil, time.Minute, store.Always)
	_, _ = m.Incr(ctx, "n", 5, 0, store.Forever)
	fence, _, _ := m.Lock(ctx, "l", 1, time.Hour)
	_, _ = m.Take(ctx, "r", rate, 8, false)
	was.Advance(time.Second, nil)
	data := snapshotOf(t, m)
	if !m.IsUsed() {
		t.Error("it is not used")
	}
	if again := snapshotOf(t, m); !bytes.Equal(data, again) {
		t.Error("the same contents make two snapshots")
	}

	for _, c := range []struct {
		name   string
		now    time.Time
		minute bool          // it is there still
		hour   time.Duration // left
		taken  int64         // of 10
	}{
		{"at once", was.Now(), true, time.Hour - time.Second, 3},
		{"three seconds later", was.Now().Add(3 * time.Second), true, time.Hour - 4*time.Second, 6},
		{"an hour later, less a second", newYear.Add(time.Hour - time.Second), false, time.Second, 10},
		{"the clock was set back", newYear.AddDate(-1, 0, 0), true, time.Hour - time.Second, 3},
	} {
		next := store.NewMemory(clock.New(c.now, nil), store.Limits{})
		_, _, _ = next.Set(ctx, "of before", nil, store.Forever, store.Always)
		if err := next.Restore(data, was.Now()); err != nil || !next.IsUsed() {
			t.Fatal(c.name, err)
		}
		keys, _ := next.List(ctx, "", "", 10)
		if want := map[bool]string{true: "[hour minute n stays]", false: "[hour n stays]"}[c.minute]; fmt.Sprint(keys) != want {
			t.Errorf("%s: %v", c.name, keys)
		}
		if item, ok, _ := next.Get(ctx, "stays"); !ok || string(item.Value) != "a\x00b" {
			t.Errorf("%s: %q", c.name, item.Value)
		}
		if item, _, _ := next.Get(ctx, "hour"); item.Version != version {
			t.Errorf("%s: version %d, not %d", c.name, item.Version, version)
		}
		if left, _, _ := next.TTL(ctx, "hour"); (left - c.hour).Abs() > time.Millisecond {
			t.Errorf("%s: %v are left, not %v", c.name, left, c.hour)
		}
		if left, _, _ := next.TTL(ctx, "stays"); left != store.Forever {
			t.Errorf("%s: %v", c.name, left)
		}
		got, ok, err := next.Lock(ctx, "l", 1, time.Hour)
		if !ok || got <= fence || err != nil {
			t.Errorf("%s: a fence of %d after %d, %v %v", c.name, got, fence, ok, err)
		}
		if v, _, _ := next.Set(ctx, "hour", nil, time.Hour, store.Always); v <= version {
			t.Errorf("%s: version %d after %d", c.name, v, version)
		}
		if taken, _ := next.Take(ctx, "r", rate, 10, true); taken.Granted != c.taken {
			t.Errorf("%s: %d taken, not %d", c.name, taken.Granted, c.taken)
		}
		if n, _ := next.Incr(ctx, "n", 1, 0, store.Forever); n != 6 {
			t.Errorf("%s: n is %d", c.name, n)
		}
	}
}

// What was all deleted is no snapshot of nothing: it must not come back.
func TestMemorySnapshotOfDeleted(t *testing.T) {
	m := store.NewMemory(nil, store.Limits{})
	_, _, _ = m.Set(t.Context(), "k", nil, store.Forever, store.Always)
	_, _ = m.Delete(t.Context(), "k")
	data := snapshotOf(t, m)
	next := store.NewMemory(nil, store.Limits{})
	_, _, _ = next.Set(t.Context(), "k", nil, store.Forever, store.Always)
	if err := next.Restore(data, time.Now()); err != nil || len(data) == 0 {
		t.Fatalf("%v, %d bytes", err, len(data))
	}
	if _, ok, _ := next.Get(t.Context(), "k"); ok {
		t.Error("it is there")
	}
}

func TestMemorySnapshotSize(t *testing.T) {
	m := store.NewMemory(nil, store.Limits{})
	for i := range 100 {
		_, _, _ = m.Set(t.Context(), fmt.Sprint("key ", i), make([]byte, 100), time.Hour, store.Always)
	}
	size := len(snapshotOf(t, m))
	for _, limit := range []int{size - 1, 100, 0} {
		if data, _, err := m.Append(nil, limit); !errors.Is(err, store.ErrSnapshotSize) || data != nil {
			t.Errorf("limit %d: %d bytes, %v", limit, len(data), err)
		}
	}
	data, _, err := m.Append([]byte("before"), size)
	if err != nil || len(data) != size+6 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// What is no snapshot changes nothing.
func TestMemoryRestoreRefuses(t *testing.T) {
	c := clock.New(newYear, nil)
	m := store.NewMemory(c, store.Limits{})
	for i := range 3 {
		_, _, _ = m.Set(t.Context(), fmt.Sprint(i), []byte("v"), time.Hour, store.Always)
		_, _ = m.Take(t.Context(), fmt.Sprint(i), store.Rate{Count: 1, Per: time.Hour, Burst: 2}, 1, false)
	}
	data := snapshotOf(t, m)
	kept := store.NewMemory(c, store.Limits{})
	_, _, _ = kept.Set(t.Context(), "mine", nil, store.Forever, store.Always)
	for n := range len(data) {
		if err := kept.Restore(data[:n], newYear); err == nil {
			t.Fatalf("%d of %d bytes are a snapshot", n, len(data))
		}
	}
	if err := kept.Restore(append(bytes.Clone(data), 0), newYear); err == nil {
		t.Error("a byte more is a snapshot")
	}
	if keys, _ := kept.List(t.Context(), "", "", 10); len(keys) != 1 || kept.Status().Items != 1 {
		t.Errorf("%v, %+v", keys, kept.Status())
	}
}

// FuzzRestore gives an engine anything for a snapshot. What it takes it writes again, and goes on.
func FuzzRestore(f *testing.F) {
	ctx := context.Background()
	m := store.NewMemory(clock.New(newYear, nil), store.Limits{})
	_, _, _ = m.Set(ctx, "a", []byte("1"), time.Hour, store.Always)
	_, _, _ = m.Set(ctx, "b", nil, store.Forever, store.Always)
	_, _ = m.Take(ctx, "r", store.Rate{Count: 1, Per: time.Hour, Burst: 2}, 1, false)
	data, _, _ := m.Append(nil, 1<<20)
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := clock.New(newYear, nil)
		m := store.NewMemory(c, store.Limits{})
		if m.Restore(data, newYear) != nil {
			return
		}
		again := store.NewMemory(c, store.Limits{})
		once := snapshotOf(t, m)
		if err := again.Restore(once, newYear); err != nil || !bytes.Equal(once, snapshotOf(t, again)) {
			t.Errorf("%q is %q again, %v", once, snapshotOf(t, again), err)
		}
		c.Advance(24*time.Hour, nil)
		m.Sweep(1 << 20)
		if v, _, err := m.Set(ctx, "next", nil, time.Hour, store.Always); v <= 0 || err != nil {
			t.Error(v, err)
		}
	})
}

func BenchmarkMemorySnapshot(b *testing.B) {
	m := store.NewMemory(nil, store.Limits{})
	for i := range 50_000 {
		_, _, _ = m.Set(b.Context(), fmt.Sprint("session:", i), make([]byte, 200), time.Hour, store.Always)
	}
	var data []byte
	for b.Loop() {
		data, _, _ = m.Append(data[:0], 64<<20)
	}
	b.SetBytes(int64(len(data)))
}
