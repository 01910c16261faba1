package shared

import "container/heap"

// expiryQueue has the items of a cache whose time ends, the one that ends first in front: what
// is over can be dropped without a look at the rest. Not safe for concurrent use.
type expiryQueue[V any] []*cacheItem[V]

func (q expiryQueue[V]) Len() int           { return len(q) }
func (q expiryQueue[V]) Less(i, j int) bool { return q[i].over().Before(q[j].over()) }

func (q expiryQueue[V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

func (q *expiryQueue[V]) Push(x any) {
	it := x.(*cacheItem[V])
	*q = append(*q, it)
	it.place = len(*q)
}

func (q *expiryQueue[V]) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	it.place = 0
	return it
}

// note puts it where its time says, or takes it out if that never ends.
func (q *expiryQueue[V]) note(it *cacheItem[V]) {
	switch timed := !it.expires.IsZero(); {
	case timed && it.place > 0:
		heap.Fix(q, it.place-1)
	case timed:
		heap.Push(q, it)
	default:
		q.forget(it)
	}
}

// forget takes it out, if it is there.
func (q *expiryQueue[V]) forget(it *cacheItem[V]) {
	if it.place > 0 {
		heap.Remove(q, it.place-1)
	}
}

// expire removes at most n items whose time is over, and returns how many it removed.
func (c *cache[V]) expire(n int) (removed int) {
	for ; removed < n && len(c.timed) > 0; removed++ {
		it := c.timed[0]
		if c.usable(it, it.stale) {
			break
		}
		c.lru.Remove(it.key)
		c.expired++
	}
	return removed
}
