package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// clockOfServer is a server's clock that a test sets.
type clockOfServer struct {
	t      *testing.T
	server *storetest.Server
	now    time.Time
}

func newServerClock(t *testing.T) (*store.Redis, *clockOfServer) {
	c := &clockOfServer{t, storetest.StartRedis(t), time.Date(2026, 6, 1, 12, 0, 0, 1000, time.UTC)}
	s := newRedis(t, store.RedisOptions{URL: c.server.URL, Timeout: 20 * time.Second})
	s.GoBy("clock")
	c.step(0)
	return s, c
}

// step sets the clock.
func (c *clockOfServer) step(d time.Duration) {
	c.now = c.now.Add(d)
	c.server.Ask("HSET", "clock", "s", fmt.Sprint(c.now.Unix()), "us", fmt.Sprint(c.now.Nanosecond()/1000))
}

// Versions of a key that has a value grow, whatever happens to the server's clock; nobody takes the
// value of a later one for that of an earlier.
func TestClockAndVersions(t *testing.T) {
	s, clock := newServerClock(t)
	var last int64
	grows := func(what string, version int64, err error) {
		t.Helper()
		if version <= last || err != nil {
			t.Errorf("%s: version %d after %d, %v", what, version, last, err)
		}
		last = version
	}
	set := func() (int64, error) {
		version, _, err := s.Set(t.Context(), "k", store.Number(1), store.Forever, store.Always)
		return version, err
	}
	for i, d := range []time.Duration{0, -time.Hour, 0, 2 * time.Hour, -24 * time.Hour, time.Microsecond, 0} {
		clock.step(d)
		before := last
		version, err := set()
		grows(fmt.Sprint("set ", i), version, err)
		_, err = s.Incr(t.Context(), "k", 1, 0, store.Forever)
		item, _, _ := s.Get(t.Context(), "k")
		grows(fmt.Sprint("incr ", i), item.Version, err)
		if before != 0 {
			if _, ok, err := s.CAS(t.Context(), "k", before, nil, store.Forever); ok || err != nil {
				t.Errorf("an old version is taken: %v %v", ok, err)
			}
		}
		version, ok, err := s.CAS(t.Context(), "k", last, store.Number(7), store.Forever)
		grows(fmt.Sprint("cas ", i, ok), version, err)
	}

	// A key that was deleted begins with the time again: what it had comes back in the same microsecond only.
	deleted, at := last, clock.now
	clock.step(time.UnixMicro(deleted).Sub(at))
	for range 2 {
		if _, err := s.Delete(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		clock.step(-time.Microsecond)
		if version, err := set(); version == deleted || err != nil {
			t.Errorf("version %d comes back, %v", version, err)
		}
	}
}

// Fences grow whatever happens to the server's clock, and one at a time holds a lock by that clock.
func TestClockAndLocks(t *testing.T) {
	s, clock := newServerClock(t)
	var last int64
	lock := func(want bool) int64 {
		t.Helper()
		fence, ok, err := s.Lock(t.Context(), "l", 1, time.Minute)
		if ok != want || err != nil || ok && fence <= last {
			t.Errorf("lock: %v %v, fence %d after %d", ok, err, fence, last)
		}
		last = max(last, fence)
		return fence
	}
	did := func(what string, want bool) func(ok bool, err error) {
		return func(ok bool, err error) {
			t.Helper()
			if ok != want || err != nil {
				t.Errorf("%s: %v %v", what, ok, err)
			}
		}
	}
	unlock := func(fence int64, want bool) {
		t.Helper()
		ok, _, err := s.Unlock(t.Context(), "l", fence)
		did("unlock", want)(ok, err)
	}
	for _, d := range []time.Duration{0, -time.Hour, -time.Hour, 3 * time.Hour} {
		clock.step(d)
		fence := lock(true)
		lock(false)
		clock.step(-time.Hour) // it is held for longer
		lock(false)
		did("extend", true)(s.Extend(t.Context(), "l", fence, time.Minute)) // and for a minute again
		clock.step(time.Minute - time.Microsecond)
		lock(false)
		clock.step(time.Microsecond) // it is free
		did("extend what is over", false)(s.Extend(t.Context(), "l", fence, time.Minute))
		next := lock(true)
		unlock(fence, false)
		unlock(next, true)
	}
}

// A limit lets nothing more through when the server's clock is set back, and its burst when it is set
// forward; it goes on at its rate.
func TestClockAndRates(t *testing.T) {
	s, clock := newServerClock(t)
	rate := store.Rate{Count: 60, Per: time.Hour, Burst: 10}
	take := func(what string, want int64) {
		t.Helper()
		got, err := s.Take(t.Context(), "r", rate, 100, true)
		if got.Granted != want || err != nil {
			t.Errorf("%s: %d are granted, not %d, %v", what, got.Granted, want, err)
		}
	}
	take("at first", 10)
	clock.step(5 * time.Minute)
	take("after a while", 5)
	clock.step(-24 * time.Hour)
	take("set back", 0)
	clock.step(time.Minute)
	take("a minute later", 1)
	clock.step(24 * time.Hour)
	take("set forward", 10)
	take("and then", 0)
}
