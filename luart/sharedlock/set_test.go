package sharedlock_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-rover/rover/luart/sharedlock"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// remote is a store that is elsewhere, and may be away.
type remote struct {
	*store.Memory
	away    atomic.Bool
	extends atomic.Int64
}

func newRemote() *remote { return &remote{Memory: store.NewMemory(nil, store.Limits{})} }

func (r *remote) Local() bool { return false }

var errAway = errors.New("away")

func (r *remote) Lock(ctx context.Context, key string, places int, ttl time.Duration) (int64, bool, error) {
	if r.away.Load() {
		return 0, false, errAway
	}
	return r.Memory.Lock(ctx, key, places, ttl)
}

func (r *remote) Extend(ctx context.Context, key string, fence int64, ttl time.Duration) (bool, error) {
	r.extends.Add(1)
	if r.away.Load() {
		return false, errAway
	}
	return r.Memory.Extend(ctx, key, fence, ttl)
}

// machine is a Set whose goroutines end with the test.
type machine struct {
	sharedlock.Set
	t    *testing.T
	end  context.CancelFunc
	lost chan error
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, lost: make(chan error, 100)}
	m.Context, m.end = context.WithCancel(context.Background())
	t.Cleanup(m.end)
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	m.Go = wg.Go
	m.Lost = func(_ string, _ int64, err error) { m.lost <- err }
	return m
}

const long = time.Hour

// get waits for a place.
func (m *machine) get(s store.Store, key string, places int, ttl time.Duration) *sharedlock.Hold {
	m.t.Helper()
	a := m.Ask(s, key, places, ttl, false)
	<-a.Ready()
	h, err := a.Take()
	if h == nil || err != nil {
		m.t.Fatal(h, err)
	}
	return h
}

// try asks once.
func (m *machine) try(s store.Store, key string, places int) *sharedlock.Hold {
	m.t.Helper()
	a := m.Ask(s, key, places, long, true)
	<-a.Ready()
	h, err := a.Take()
	if err != nil {
		m.t.Fatal(err)
	}
	return h
}

func (m *machine) release(h *sharedlock.Hold, want bool) {
	m.t.Helper()
	if <-h.Release(); h.Kept() != want || h.Held() {
		m.t.Errorf("kept %v, held %v", h.Kept(), h.Held())
	}
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// One at a time has a lock, on whatever machine, each with a larger fence, and each machine has its turn.
func TestOneHolds(t *testing.T) {
	server := storetest.StartRedis(t)
	engines := map[string]func(t *testing.T) []store.Store{
		"local": func(*testing.T) []store.Store { return []store.Store{store.NewMemory(nil, store.Limits{})} },
		"remote": func(*testing.T) []store.Store {
			r := newRemote()
			return []store.Store{r, r, r}
		},
		"redis": func(t *testing.T) (all []store.Store) {
			for range 3 {
				r, err := store.NewRedis(store.RedisOptions{URL: server.URL, Timeout: 20 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { r.Close() })
				r.AwaitFirst(t.Context())
				all = append(all, r)
			}
			return all
		},
	}
	for name, stores := range engines {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var last int64
			holders, had := 0, map[int]int{}
			over := func(n int) bool { // each has had it, and somebody else meanwhile
				for i := range n {
					if had[i] < 20 {
						return false
					}
				}
				return true
			}
			var wg sync.WaitGroup
			all := stores(t)
			for i, s := range all {
				m := newMachine(t)
				for range 3 {
					wg.Go(func() {
						for done := false; !done; {
							h := m.get(s, "l", 1, long)
							mu.Lock()
							if holders++; holders != 1 || h.Fence <= last {
								t.Errorf("%d holders, fence %d after %d", holders, h.Fence, last)
							}
							last = h.Fence
							had[i]++
							done = over(len(all))
							mu.Unlock()

							mu.Lock()
							holders--
							mu.Unlock()
							h.Release()
						}
					})
				}
			}
			wg.Wait()
			t.Log(had)
		})
	}
}

// A place is kept for longer than its time, and as many are held as there are.
func TestKept(t *testing.T) {
	s := newRemote()
	one, two := newMachine(t), newMachine(t)
	var a, b *sharedlock.Hold
	until(t, "two are kept for longer than their time", func() bool { // a slow machine may lose one
		a, b = one.get(s, "l", 2, 60*time.Millisecond), one.get(s, "l", 2, 60*time.Millisecond)
		for from := s.extends.Load(); a.Held() && b.Held(); {
			if s.extends.Load() > from+10 {
				return true
			}
		}
		<-a.Release()
		<-b.Release()
		return false
	})
	<-a.Release()
	<-b.Release()
	a, b = one.get(s, "l", 2, long), one.get(s, "l", 2, long) // no slow machine loses these
	if two.try(s, "l", 2) != nil {
		t.Error("three have a place of two")
	}
	waits := two.Ask(s, "l", 2, long, false)
	one.release(a, true)
	<-waits.Ready()
	c, err := waits.Take()
	if c == nil || err != nil {
		t.Fatal(c, err)
	}
	one.release(b, true)
	two.release(c, true)
	two.release(c, true) // again
}

// Who loses a place knows: because the store is away for longer than its time, or others have it.
func TestLost(t *testing.T) {
	s := newRemote()
	m := newMachine(t)
	h := m.get(s, "away", 1, time.Second) // long enough that a slow machine asks the store again before it ends
	s.away.Store(true)
	if err := <-m.lost; !errors.Is(err, errAway) || h.Held() {
		t.Errorf("%v, held %v", err, h.Held())
	}
	a := m.Ask(s, "away", 1, long, false)
	<-a.Ready()
	if got, err := a.Take(); got != nil || !errors.Is(err, errAway) {
		t.Error(got, err)
	}
	s.away.Store(false)
	next := newMachine(t).get(s, "away", 1, long)
	if next.Fence <= h.Fence || h.Held() {
		t.Errorf("fence %d after %d, held %v", next.Fence, h.Fence, h.Held())
	}
	m.release(h, false)
	m.release(next, true)

	h = m.get(s, "taken", 1, 30*time.Millisecond)
	if _, _, err := s.Unlock(t.Context(), "taken", h.Fence); err != nil {
		t.Fatal(err)
	}
	if err := <-m.lost; err != nil || h.Held() {
		t.Errorf("%v, held %v", err, h.Held())
	}
	m.release(h, false)
}

// Who does not want a lock any more, however late, does not have it.
func TestDropped(t *testing.T) {
	s := newRemote()
	one, two := newMachine(t), newMachine(t)
	for range 50 {
		h := one.get(s, "l", 1, long)
		waits := []*sharedlock.Ask{two.Ask(s, "l", 1, long, false), two.Ask(s, "l", 1, long, false), one.Ask(s, "l", 1, long, false)}
		h.Release()
		for _, a := range waits {
			a.Drop()
			a.Drop()
		}
	}
	h := two.get(s, "l", 1, long)
	two.release(h, true)
}

// With its context all ends that a machine has and wants.
func TestContextEnds(t *testing.T) {
	s := newRemote()
	one, two := newMachine(t), newMachine(t)
	h := one.get(s, "l", 1, long)
	waits := one.Ask(s, "l", 1, long, false)
	one.end()
	<-waits.Ready()
	waits.Drop() // it may have got it in between
	two.release(two.get(s, "l", 1, long), true)
	if h.Held() {
		t.Error("it is held still")
	}
	one.release(h, true)
}

// One that is asked for once is not waited for.
func TestOnce(t *testing.T) {
	for name, s := range map[string]store.Store{"local": store.NewMemory(nil, store.Limits{}), "remote": newRemote()} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			h := m.try(s, "l", 1)
			if h == nil || m.try(s, "l", 1) != nil || !h.Held() {
				t.Error("not one")
			}
			waits := m.Ask(s, "l", 1, long, false)
			if got, err := waits.Take(); got != nil || err != nil {
				t.Error(got, err)
			}
			m.release(h, true)
			until(t, "it is free", func() bool { h = m.try(s, "l", 1); return h != nil })
			m.release(h, true)
		})
	}
}
