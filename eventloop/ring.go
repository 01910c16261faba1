package eventloop

import (
	"runtime"
	"sync/atomic"
)

// ring is a bounded multi-producer queue of tasks (D. Vyukov's bounded queue) with
// two consumers: the holder, and the sweeper, which removes what has waited too long
// while the holder is busy. head is the next position to pop, tail the next to fill;
// both only grow, and wrap around at 2^64.
//
// Invariants:
//
//  1. Slot i serves the positions p with p mod len(slots) == i. Its seq says who
//     owns it: seq == p: free for the producer that gets position p;
//     seq == p+1: filled, the consumers'; then seq == p+len(slots), free again.
//  2. A producer owns position p from its successful CAS of tail (p → p+1) to its
//     store of seq = p+1. It touches the slot's task only once seq == p.
//  3. A consumer owns position p from its successful CAS of head (p → p+1), which it
//     tries only once seq == p+1, to its store of seq = p+len(slots). Nobody else
//     touches the slot in between.
//  4. tail-head <= limit <= len(slots). So the position len(slots) before the one a
//     producer gets has been claimed by a consumer (3), which gives its slot back
//     some instructions later: a producer waits for that, and for nothing else.
//
// The arithmetic on positions is modulo 2^64; len(slots) is a power of two, so the
// mapping of (1) stays right across the wrap-around.
type ring[T any] struct {
	_    [cacheLine]byte // producers and the consumer write head and tail all the time: keep them apart
	head atomic.Uint64
	_    [cacheLine - 8]byte
	tail atomic.Uint64
	_    [cacheLine - 8]byte

	limit atomic.Uint64
	mask  uint64
	slots []slot[T]
}

// cacheLine is 128 bytes: two lines, because x86 prefetches them in pairs.
const cacheLine = 128

type slot[T any] struct {
	seq  atomic.Uint64
	task *task[T]
}

// init prepares an empty ring with room for limit tasks, whose positions start at
// start (0, but for tests of the wrap-around).
func (r *ring[T]) init(limit int, start uint64) {
	size := 2 // with one slot "filled" and "free for the next lap" would be the same seq
	for size < limit {
		size *= 2
	}
	r.slots = make([]slot[T], size)
	r.mask = uint64(size - 1)
	r.limit.Store(uint64(limit))
	r.head.Store(start)
	r.tail.Store(start)
	for i := range uint64(size) {
		p := start + i
		r.slots[p&r.mask].seq.Store(p)
	}
}

// push appends t and reports whether there was room; false means full, nothing
// else. Any goroutine may call it.
func (r *ring[T]) push(t *task[T]) bool {
	limit := r.limit.Load()
	for {
		p := r.tail.Load()
		// head is read after tail, so p-head may be too small, even negative, when
		// both have moved on; then the CAS below fails, as tail is no longer p.
		if n := p - r.head.Load(); n >= limit && n < 1<<63 {
			if r.tail.Load() == p {
				return false
			}
			continue
		}
		if r.tail.CompareAndSwap(p, p+1) {
			s := &r.slots[p&r.mask]
			for s.seq.Load() != p { // pairs with the store in take, see (4)
				runtime.Gosched()
			}
			s.task = t         // ours by (2)
			s.seq.Store(p + 1) // the consumers' from here on; pairs with the loads in pop
			return true
		}
	}
}

// pop removes the oldest task. It reports false when there is none, or when the
// producer of the oldest has not finished its push. Only the holder may call it.
func (r *ring[T]) pop() (*task[T], bool) { return r.popBefore(nil) }

// popBefore is pop for tasks at positions before end; nil is no end. The sweeper calls it
// beside the holder's pop.
func (r *ring[T]) popBefore(end *uint64) (*task[T], bool) {
	for {
		p := r.head.Load()
		if end != nil && int64(*end-p) <= 0 {
			return nil, false
		}
		if r.slots[p&r.mask].seq.Load() != p+1 { // pairs with the store in push
			if r.head.Load() == p {
				return nil, false
			}
			continue // the other consumer took p
		}
		if r.head.CompareAndSwap(p, p+1) {
			return r.take(p), true
		}
	}
}

// take empties the slot of position p and gives it back. Only the consumer that has
// moved head past p may call it.
func (r *ring[T]) take(p uint64) *task[T] {
	s := &r.slots[p&r.mask]
	t := s.task
	s.task = nil                // do not keep the task alive for a lap
	s.seq.Store(p + r.mask + 1) // the producers' again; pairs with the load in push
	return t
}

// len returns how many tasks are in the ring; when others push and pop meanwhile,
// a number that was true a moment ago. Any goroutine may call it.
func (r *ring[T]) len() int {
	h := r.head.Load()
	n := r.tail.Load() - h
	if n > uint64(len(r.slots)) { // head was read first and has moved on
		n = uint64(len(r.slots))
	}
	return int(n)
}
