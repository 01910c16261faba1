package store

import "container/heap"

// rateHeap has the group with the most keys in front.
type rateHeap []*rateGroup

func (h rateHeap) Len() int           { return len(h) }
func (h rateHeap) Less(i, j int) bool { return len(h[i].rates) > len(h[j].rates) }

func (h rateHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push is for container/heap, as Pop is.
func (h *rateHeap) Push(x any) {
	g := x.(*rateGroup)
	g.at = len(*h)
	*h = append(*h, g)
}

// Pop is never called: groups go when all are looked at.
func (h *rateHeap) Pop() any { panic("store: a group of rates was taken from the heap") }

func (h *rateHeap) add(g *rateGroup) { heap.Push(h, g) }

func (h *rateHeap) fix(g *rateGroup) { heap.Fix(h, g.at) }
