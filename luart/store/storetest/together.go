package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// together calls f in n goroutines.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// No change of a counter is lost, whichever call makes it.
func oneCounts(t *testing.T, s store.Store) {
	const workers, each = 8, 100
	together(workers, func(i int) {
		for range each {
			if _, err := s.Incr(ctx, "n", 1, 0, store.Forever); err != nil {
				t.Error(err)
			}
			for {
				item, _, err := s.Get(ctx, "c")
				if err != nil {
					t.Error(err)
					return
				}
				n, _ := store.ParseNumber(item.Value)
				if _, ok, _ := s.CAS(ctx, "c", item.Version, store.Number(n+1), store.Forever); ok {
					break
				}
			}
		}
	})
	expect(t, "incr", get(t, s, "n"), string(store.Number(workers*each)))
	expect(t, "cas", get(t, s, "c"), string(store.Number(workers*each)))
}

// A lock has one holder, and each has a larger fence than the one before.
func oneHolds(t *testing.T, s store.Store) {
	var mu sync.Mutex
	var last int64
	var holders, done int
	together(8, func(int) {
		for {
			fence, ok, err := s.Lock(ctx, "l", 1, time.Hour)
			if err != nil {
				t.Error(err)
				return
			}
			if !ok {
				continue
			}
			mu.Lock()
			holders++
			if holders != 1 || fence <= last {
				t.Errorf("%d holders, fence %d after %d", holders, fence, last)
			}
			last = fence
			done++
			over := done > 200
			mu.Unlock()

			mu.Lock()
			holders--
			mu.Unlock()
			if ok, _, err := s.Unlock(ctx, "l", fence); !ok || err != nil {
				t.Errorf("unlock: %v %v", ok, err)
			}
			if over {
				return
			}
		}
	})
}

// Whoever takes, in whatever pieces, no more than the burst is there.
func burstIsExact(t *testing.T, s store.Store) {
	r := store.Rate{Count: 100, Per: 24 * time.Hour, Burst: 1000}
	var mu sync.Mutex
	var sum int64
	together(8, func(i int) {
		for range 200 {
			got, err := s.Take(ctx, "k", r, int64(i+1), i%2 == 0)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			sum += got.Granted
			mu.Unlock()
		}
	})
	last, err := s.Take(ctx, "k", r, 1000, true)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "taken", sum+last.Granted, 1000)
}
