package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/varint"
)

// A flood of new keys neither grows the table nor gives anybody a rate anew.
func TestMemoryRatesAreBounded(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)
	m := store.NewMemory(c, store.Limits{Rates: 100})
	r := store.Rate{Count: 1, Per: time.Second, Burst: 5}
	take := func(key string, n int64) int64 {
		got, err := m.Take(t.Context(), key, r, n, true)
		if err != nil {
			t.Fatal(err)
		}
		return got.Granted
	}
	take("mine", 5)
	var flood int64
	for i := range 10_000 {
		flood += take(fmt.Sprint("flood", i), 5)
	}
	if want := int64(99*5 + 5); flood != want { // each of 99, and one rate for the others
		t.Errorf("the flood took %d, not %d", flood, want)
	}
	if n := take("mine", 1); n != 0 {
		t.Error("a rate began anew")
	}
	c.Advance(5*time.Second, nil) // all are full again
	if n := take("late", 5); n != 5 {
		t.Errorf("a new key got %d", n)
	}
	if st := m.Status(); st.Items > 101 {
		t.Errorf("%d items", st.Items)
	}
}

// taker takes of an engine with so many places for rates.
func taker(t *testing.T, places int) (m *store.Memory, c *clock.Clock, take func(key string, n int64) int64) {
	c = clock.New(newYear, nil)
	m = store.NewMemory(c, store.Limits{Rates: places})
	r := store.Rate{Count: 1, Per: time.Second, Burst: 5}
	return m, c, func(key string, n int64) int64 {
		got, err := m.Take(t.Context(), key, r, n, true)
		if err != nil {
			t.Fatal(err)
		}
		return got.Granted
	}
}

// A flood at one name leaves others the places that they need, and their keys as they are.
func TestMemoryRatesOfNamesAreApart(t *testing.T) {
	for _, c := range []struct{ name, flooded, other string }{
		{"two limits", "limit:/data:", "limit:/login:"},
		{"a name that begins like the other", "limit:/a:", "limit:/a 2:"},
		{"two stores", "5:guess:", "6:logins:"},
		{"stores with a colon", "5:us:er:", "5:us:ed:"},
		{"a limit and a store", "4:data:", "limit:/login:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, _, take := taker(t, 100)
			take(c.flooded+"old", 4)
			take(c.other+"old", 4)
			for i := range 10_000 {
				take(fmt.Sprint(c.flooded, i), 5)
			}
			if n := take(c.flooded+"new", 1); n != 0 {
				t.Error("what was flooded has a rate for a new key")
			}
			for i := range 40 {
				if n := take(fmt.Sprint(c.other, i), 5); n != 5 {
					t.Fatalf("new key %d of the other got %d", i, n)
				}
			}
			if n := take(c.other+"old", 5); n != 1 {
				t.Errorf("an old key of the other got %d", n)
			}
			if n := take(c.flooded+"old", 5); n != 1 {
				t.Errorf("an old key of what was flooded got %d", n)
			}
			if st := m.Status(); st.Items != 100 {
				t.Errorf("%d items", st.Items)
			}
		})
	}
}

// When all names are flooded each has its part, and the total is what it was.
func TestMemoryRatesAreSharedEvenly(t *testing.T) {
	const names, places = 10, 100
	m, _, take := taker(t, places)
	flood := func() (granted [names]int64) {
		for i := range 1_000 {
			for name := range names {
				granted[name] += take(fmt.Sprintf("limit:%d:%d", name, i), 5)
			}
		}
		return granted
	}
	for name, n := range flood() {
		if want := int64(places/names*5 + 5); n != want {
			t.Errorf("name %d got %d, not %d", name, n, want)
		}
	}
	if n := flood(); n != [names]int64{} {
		t.Errorf("again: %v", n)
	}
	if st := m.Status(); st.Items != places {
		t.Errorf("%d items", st.Items)
	}
}

// A key that has lost its place to another name does not begin anew, also when there is room again,
// and in another process. New keys of its name begin no better than it was.
func TestMemoryRateOfLostPlace(t *testing.T) {
	m, c, take := taker(t, 4)
	for _, key := range []string{"0", "1", "2"} {
		take("limit:a:"+key, 1)
	}
	take("limit:a:last", 4)
	take("limit:b:0", 1)
	c.Advance(time.Second, nil) // all but the last are full again
	next := store.NewMemory(clock.New(c.Now(), nil), store.Limits{Rates: 4})
	if err := next.Restore(snapshotOf(t, m), c.Now()); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*store.Memory{"this process": m, "the next": next} {
		for _, key := range []string{"limit:a:last", "limit:a:new"} {
			got, err := m.Take(t.Context(), key, store.Rate{Count: 1, Per: time.Second, Burst: 5}, 5, true)
			if err != nil || got.Granted != 2 {
				t.Errorf("%s: %s got %d, %v", name, key, got.Granted, err)
			}
		}
	}
}

// Names of stores that clients can choose take no place of a limit, not even of one that
// nobody has asked before.
func TestMemoryRatesOfManyNames(t *testing.T) {
	m, _, take := taker(t, store.DefaultRates)
	for i := range 2 * store.DefaultRates {
		take(fmt.Sprintf("8:%08d:k", i), 1)
	}
	for i := range 20 {
		if n := take(fmt.Sprint("limit:/login:", i), 5); n != 5 {
			t.Fatalf("new key %d of the limit got %d", i, n)
		}
	}
	if st := m.Status(); st.Items != store.DefaultRates {
		t.Errorf("%d items", st.Items)
	}
}

// What an older version has written of a rate that keys share is read.
func TestMemoryRestoreOfSharedRate(t *testing.T) {
	data := varint.AppendCount(varint.AppendInt(nil, 1), 0)
	data = varint.AppendCount(data, 2)
	full := newYear.Add(time.Hour).UnixNano()
	data = varint.AppendInt(varint.AppendText(data, ""), full)
	data = varint.AppendInt(varint.AppendText(data, "limit:/:ip:192.0.2.1"), full)
	m, _, take := taker(t, 1)
	if err := m.Restore(data, newYear); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int64{"limit:/:ip:192.0.2.1": 0, "none": 0, "limit:/:ip:192.0.2.2": 5} {
		if n := take(key, 5); n != want {
			t.Errorf("%q got %d, not %d", key, n, want)
		}
	}
}

func BenchmarkMemoryTake(b *testing.B) {
	m := store.NewMemory(nil, store.Limits{})
	r := store.Rate{Count: 1e9, Per: time.Second, Burst: 1e6}
	for b.Loop() {
		_, _ = m.Take(b.Context(), "192.0.2.1", r, 1, false)
	}
}

// What a new key costs while all places are taken, and another name is to have one.
func BenchmarkMemoryTakeFlooded(b *testing.B) {
	m := store.NewMemory(nil, store.Limits{})
	r := store.Rate{Count: 1, Per: time.Hour, Burst: 5}
	for i := range store.DefaultRates {
		_, _ = m.Take(b.Context(), fmt.Sprint("limit:a:", i), r, 1, false)
	}
	for i := 0; b.Loop(); i++ {
		_, _ = m.Take(b.Context(), fmt.Sprint("limit:", i%1000, ":", i), r, 1, false)
	}
}
