package eventloop

import "sync/atomic"

// ring is a bounded multi-producer single-consumer queue of tasks (D. Vyukov's
// bounded queue, with one consumer). head is the next position to pop, tail the
// next to fill; both only grow, and wrap around at 2^64.
//
// Invariants:
//
//  1. Slot i serves the positions p with p mod len(slots) == i. Its seq says who
//     owns it: seq == p: free for the producer that gets position p;
//     seq == p+1: filled, the consumer's; then seq == p+len(slots), free again.
//  2. A producer owns position p from its successful CAS of tail (p → p+1) to its
//     store of seq = p+1. Nobody else touches the slot in between.
//  3. tail-head <= limit <= len(slots). So a position that a producer gets has a
//     slot the consumer has already given back (4).
//  4. The consumer gives a slot back (seq = p+len(slots)) before it moves head past
//     it. A producer that sees the new head therefore sees the slot free.
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
			s.task = t         // ours by (2); free by (3) and (4)
			s.seq.Store(p + 1) // the consumer's from here on; pairs with the load in pop
			return true
		}
	}
}

// pop removes the oldest task. It reports false when there is none, or when the
// producer of the oldest has not finished its push. Only the holder may call it.
func (r *ring[T]) pop() (*task[T], bool) {
	p := r.head.Load()
	s := &r.slots[p&r.mask]
	if s.seq.Load() != p+1 { // pairs with the store in push
		return nil, false
	}
	t := s.task
	s.task = nil                // do not keep the task alive for a lap
	s.seq.Store(p + r.mask + 1) // the producers' again, before head moves (4)
	r.head.Store(p + 1)
	return t, true
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
