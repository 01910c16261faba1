package limit

import "sync"

// Held knows the leases of many limiters: what they have taken from the store and not spent. The
// zero value has none. Any goroutine may use it; a nil one counts nothing.
type Held struct {
	mu  sync.Mutex
	all map[*leases]struct{}
}

func (h *Held) add(ls *leases) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[*leases]struct{}{}
	}
	h.all[ls] = struct{}{}
}

func (h *Held) remove(ls *leases) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, ls)
}

// Count returns for how many keys there are leases, what those have that is not spent, and how many
// questions wait for the store.
func (h *Held) Count() (keys int, tokens int64, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ls := range h.all {
		ls.mu.Lock()
		keys += len(ls.of)
		waiting += ls.waiting
		for _, l := range ls.of {
			tokens += l.tokens
		}
		ls.mu.Unlock()
	}
	return keys, tokens, waiting
}
