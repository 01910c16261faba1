package store

// expiring is a heap of entries by when they expire.
type expiring []*entry

func (h expiring) Len() int           { return len(h) }
func (h expiring) Less(i, j int) bool { return h[i].expires < h[j].expires }

func (h expiring) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *expiring) Push(x any) {
	e := x.(*entry)
	*h = append(*h, e)
	e.place = len(*h)
}

func (h *expiring) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.place = 0
	return e
}
