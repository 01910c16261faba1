package eventloop

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func newTestRing(limit int, start uint64) *ring[int] {
	r := new(ring[int])
	r.init(limit, start)
	return r
}

func TestRingFullAndEmpty(t *testing.T) {
	for _, limit := range []int{1, 2, 3, 4, 7, 8, 100} {
		r := newTestRing(limit, 0)
		tasks := make([]task[int], limit)
		for lap := range 5 {
			if _, ok := r.pop(); ok {
				t.Fatalf("limit %d, lap %d: pop from an empty ring", limit, lap)
			}
			for i := range tasks {
				if !r.push(&tasks[i]) {
					t.Fatalf("limit %d, lap %d: push %d refused", limit, lap, i)
				}
			}
			if r.push(&task[int]{}) {
				t.Fatalf("limit %d, lap %d: push into a full ring", limit, lap)
			}
			if r.len() != limit {
				t.Fatalf("limit %d: len is %d", limit, r.len())
			}
			for i := range tasks {
				if got, ok := r.pop(); !ok || got != &tasks[i] {
					t.Fatalf("limit %d, lap %d: pop %d is out of order", limit, lap, i)
				}
			}
		}
	}
}

// A popped slot must not keep its task alive for a lap.
func TestRingForgetsPopped(t *testing.T) {
	r := newTestRing(4, 0)
	r.push(&task[int]{})
	r.pop()
	for i := range r.slots {
		if r.slots[i].task != nil {
			t.Fatalf("slot %d still refers to its task", i)
		}
	}
}

// Positions near 2^64 must go on as usual at 0; producers race across the edge, and
// each task comes out once, in the order of its producer.
func TestRingWrapAround(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, limit := range []int{1, 3, 64} {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			r := newTestRing(limit, math.MaxUint64-500)
			const producers, each = 4, 2000
			all := make([][]task[int], producers)
			var wg sync.WaitGroup
			for p := range all {
				all[p] = make([]task[int], each)
				wg.Add(1)
				go func() {
					defer wg.Done()
					for i := range all[p] {
						for !r.push(&all[p][i]) {
							runtime.Gosched()
						}
					}
				}()
			}
			next := make([]int, producers)
			for range producers * each {
				got, ok := r.pop()
				for !ok {
					runtime.Gosched()
					got, ok = r.pop()
				}
				found := false
				for p := range all {
					if next[p] < each && got == &all[p][next[p]] {
						next[p]++
						found = true
						break
					}
				}
				if !found {
					t.Fatalf("procs %d, limit %d: a task came twice or out of order", procs, limit)
				}
			}
			wg.Wait()
			if _, ok := r.pop(); ok {
				t.Fatal("the ring holds more than was pushed")
			}
			if r.head.Load() > 1<<32 {
				t.Fatal("the test did not cross the edge")
			}
		}
	}
}

// The holder and the sweeper pop at once, the one all, the other up to a mark: each task
// comes out once, and each consumer sees the tasks of a producer in their order. The
// ring is as small as can be, so that producers meet slots not given back yet.
func TestRingTwoConsumers(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		for _, limit := range []int{1, 2, 3, 64} {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			r := newTestRing(limit, math.MaxUint64-500)
			const producers, each = 4, 2000
			all := make([][]task[int], producers)
			type origin struct{ p, i int }
			origins := map[*task[int]]origin{}
			for p := range all {
				all[p] = make([]task[int], each)
				for i := range all[p] {
					origins[&all[p][i]] = origin{p, i}
				}
			}
			var wg sync.WaitGroup
			for p := range all {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for i := range all[p] {
						for !r.push(&all[p][i]) {
							runtime.Gosched()
						}
					}
				}()
			}
			var left atomic.Int64
			left.Store(producers * each)
			counts := make([][each]atomic.Int32, producers)
			for _, pop := range []func() (*task[int], bool){
				r.pop,
				func() (*task[int], bool) { end := r.tail.Load(); return r.popBefore(&end) },
			} {
				wg.Add(1)
				go func() {
					defer wg.Done()
					var next [producers]int
					for left.Load() > 0 {
						got, ok := pop()
						if !ok {
							runtime.Gosched()
							continue
						}
						left.Add(-1)
						o := origins[got]
						if o.i < next[o.p] {
							t.Errorf("procs %d, limit %d: producer %d's task %d came after %d", procs, limit, o.p, o.i, next[o.p]-1)
						}
						next[o.p] = o.i + 1
						counts[o.p][o.i].Add(1)
					}
				}()
			}
			wg.Wait()
			for p := range counts {
				for i := range counts[p] {
					if n := counts[p][i].Load(); n != 1 {
						t.Fatalf("procs %d, limit %d: task %d of producer %d came %d times", procs, limit, i, p, n)
					}
				}
			}
		}
	}
}

func TestRingPopBefore(t *testing.T) {
	r := newTestRing(8, math.MaxUint64-2)
	tasks := make([]task[int], 6)
	for i := range tasks {
		r.push(&tasks[i])
	}
	end := r.head.Load() + 4
	for i := range 4 {
		if got, ok := r.popBefore(&end); !ok || got != &tasks[i] {
			t.Fatalf("task %d: %v", i, ok)
		}
	}
	if _, ok := r.popBefore(&end); ok {
		t.Error("popped a task at the mark")
	}
	for i := range 2 {
		if got, ok := r.pop(); !ok || got != &tasks[4+i] {
			t.Fatalf("task %d: %v", 4+i, ok)
		}
	}
	one := r.head.Load() + 1
	if _, ok := r.popBefore(&one); ok {
		t.Error("popped from an empty ring")
	}
	if _, ok := r.popBefore(&end); ok {
		t.Error("popped before a mark that head has passed")
	}
}
