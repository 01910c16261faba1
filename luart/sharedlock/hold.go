package sharedlock

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// Hold is a place of a lock that somebody has.
type Hold struct {
	Fence int64

	l    *lock
	ttl  time.Duration
	stop context.Context // ends when it is to be given back; nil: nothing keeps it
	end  context.CancelFunc
	done chan struct{} // closed when it has been given back

	mu       sync.Mutex
	until    time.Time // it is held for sure; zero: forever
	lost     bool
	released bool
	kept     bool // it was held until it was given back
}

// newHold is a place that the store was asked for at some time: it ends there at that time and ttl at
// the earliest.
func newHold(l *lock, fence int64, ttl time.Duration, asked time.Time) *Hold {
	h := &Hold{Fence: fence, l: l, ttl: ttl, done: make(chan struct{})}
	if ttl != store.Forever {
		h.until = asked.Add(ttl)
		h.stop, h.end = context.WithCancel(l.set.Context)
	}
	return h
}

// Held reports whether nobody else can have the place. What was lost once stays so.
func (h *Hold) Held() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held()
}

func (h *Hold) held() bool {
	if !h.until.IsZero() && !time.Now().Before(h.until) {
		h.lost = true
	}
	return !h.lost && !h.released
}

// Release begins to give the place back. What it returns is closed when the store has answered; then
// Kept says whether it was held until now.
func (h *Hold) Release() (done <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return h.done
	}
	h.kept = h.held()
	h.released = true
	h.l.set.mu.Lock()
	if h.l.leaving++; h.l.leaving == 1 {
		h.l.left = make(chan struct{})
	}
	h.l.set.mu.Unlock()
	if h.stop == nil {
		h.giveBack()
	} else {
		h.end()
	}
	return h.done
}

// Kept reports, once the place was given back, whether nobody else can have had it before.
func (h *Hold) Kept() bool {
	<-h.done
	return h.kept
}

// keep extends the place until it is to be given back, and gives it back.
func (h *Hold) keep() {
	var err error
	for next := h.ttl / 3; next >= 0 && !h.over(next); {
		var ok bool
		asked := time.Now()
		ok, err = h.l.store.Extend(h.stop, h.l.key, h.Fence, h.ttl)
		next = h.extended(ok, err, asked)
	}
	h.mu.Lock()
	lost := h.lost && !h.released
	h.mu.Unlock()
	if lost {
		h.l.set.Lost(h.l.key, h.Fence, err)
	}
	<-h.stop.Done()
	h.Release() // where the context has ended
	h.giveBack()
}

// over waits until the place is to be extended, and reports whether it is not to be any more.
func (h *Hold) over(next time.Duration) bool {
	h.mu.Lock()
	next = min(next, time.Until(h.until))
	h.mu.Unlock()
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-h.stop.Done():
		return true
	case <-timer.C:
		return !h.Held()
	}
}

// extended notes what the store has said, and returns when to ask it again; below 0: not at all.
func (h *Hold) extended(ok bool, err error, asked time.Time) (next time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil && h.held():
		return max(h.ttl/20, time.Millisecond)
	case err != nil:
		return -1
	case !ok:
		h.lost = true
		return -1
	}
	if h.held() {
		h.until = asked.Add(h.ttl)
	}
	return h.ttl / 3
}

// giveBack asks the store to take the place back.
func (h *Hold) giveBack() {
	ok, wanted, err := h.l.store.Unlock(context.Background(), h.l.key, h.Fence)
	if err == nil && !ok {
		h.kept = false
	}
	set := h.l.set
	set.mu.Lock()
	h.l.wanted = wanted
	if h.l.leaving--; h.l.leaving == 0 {
		close(h.l.left)
		h.l.left = nil
	}
	set.mu.Unlock()
	select {
	case h.l.free <- struct{}{}:
	default:
	}
	h.l.leave()
	close(h.done)
}
