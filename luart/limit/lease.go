package limit

import (
	"context"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

const (
	// ahead is for how long a lease is to last, by the rate at which its key is asked for.
	ahead = 50 * time.Millisecond
	// share is which part of what is left for all a lease may take: near the limit leases become
	// small, so that nobody keeps what another could use.
	share = 50
	// The store is not asked again for a key that has nothing left for at least minPause: a flood
	// that is denied anyway does not reach it; and for at most maxPause: others may give back.
	minPause, maxPause = 10 * time.Millisecond, 250 * time.Millisecond
	// idle is after which time without a question the unused rest of a lease is given back.
	idle = 200 * time.Millisecond
	// maxLeases bounds the keys of one rule that have leases; more share one.
	maxLeases = 100_000
)

// leases are those of one rule.
type leases struct {
	store    store.Store
	rate     store.Rate
	interval time.Duration
	overflow string // the key that keys without a lease of their own share
	epoch    time.Time
	held     *Held

	mu       sync.Mutex
	of       map[string]*lease
	max      int
	closed   bool
	sweeping bool // somebody looks for idle ones
	waiting  int  // for the store
	work     sync.WaitGroup
	stop     chan struct{}
}

// lease is what this process has of one key's rate.
type lease struct {
	tokens    int64         // taken and not spent
	spent     int64         // since the last take
	size      int64         // how many to take beyond what is asked for
	want      int64         // what those who wait for the flight ask for
	used      time.Duration // the last question
	taken     time.Duration // the last take
	next      time.Duration // nothing is there before, unless others give back
	ask       time.Duration // the store is not asked before
	remaining int64         // for all, after the last take
	full      time.Duration // when all is there again
	flight    *flight       // a take under way
}

type flight struct {
	over chan struct{}
	err  error // once it is over
}

func newLeases(s store.Store, r store.Rate, overflow string) *leases {
	return &leases{
		store: s, rate: r, interval: r.Interval(), overflow: overflow, epoch: time.Now(),
		of: map[string]*lease{}, max: maxLeases, stop: make(chan struct{}),
	}
}

func (ls *leases) now() time.Duration { return time.Since(ls.epoch) }

func (ls *leases) allow(ctx context.Context, key string, cost int64) Decision {
	if cost > ls.rate.Burst {
		return Decision{}
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	key, l := ls.find(key)
	for {
		now := ls.now()
		l.used = now
		if l.tokens >= cost {
			l.tokens -= cost
			l.spent += cost
			if l.flight == nil && l.tokens < l.size/2 && now >= l.ask && !ls.closed {
				ls.take(key, l)
			}
			return Decision{Allowed: true, Remaining: l.remaining + l.tokens, Reset: max(l.full-now, 0)}
		}
		if l.flight == nil && now < l.ask {
			retry := max(l.next, l.ask) - now + time.Duration(cost-l.tokens-1)*ls.interval
			return Decision{Remaining: l.tokens, Retry: retry, Reset: max(l.full-now, 0)}
		}
		if ls.closed { // what still asks gets no lease
			ls.waiting++
			ls.mu.Unlock()
			d := take(ctx, ls.store, key, ls.rate, cost)
			ls.mu.Lock()
			ls.waiting--
			return d
		}
		l.want += cost
		if l.flight == nil {
			ls.take(key, l)
		}
		f := l.flight
		ls.waiting++
		ls.mu.Unlock()
		select {
		case <-f.over:
		case <-ctx.Done():
		}
		ls.mu.Lock()
		ls.waiting--
		if l.flight == f { // ctx has ended
			l.want -= cost
		}
		switch {
		case ctx.Err() != nil:
			return Decision{Err: ctx.Err()}
		case f.err != nil:
			return Decision{Err: f.err}
		}
	}
}

// find returns the lease of a key. Where there are too many, new keys have one together.
func (ls *leases) find(key string) (string, *lease) {
	if ls.of[key] == nil && len(ls.of) >= ls.max {
		key = ls.overflow
	}
	l := ls.of[key]
	if l == nil {
		l = &lease{taken: ls.now()}
		ls.of[key] = l
		if !ls.sweeping && !ls.closed {
			ls.sweeping = true
			ls.work.Go(ls.sweep)
		}
	}
	return key, l
}

// take has the store asked for what is wanted, and for what will be.
func (ls *leases) take(key string, l *lease) {
	f := &flight{over: make(chan struct{})}
	l.flight = f
	n := min(l.want+l.size, ls.rate.Burst)
	ls.work.Go(func() {
		t, err := ls.store.Take(context.Background(), key, ls.rate, n, true)
		ls.mu.Lock()
		defer ls.mu.Unlock()
		defer close(f.over)
		l.flight, l.want = nil, 0
		if f.err = err; err == nil {
			ls.got(l, t, n)
		}
	})
}

// got is told what a take has given of n.
func (ls *leases) got(l *lease, t store.Taken, n int64) {
	now := ls.now()
	expected := int64(0)
	if since := now - l.taken; since > 0 {
		// Who has waited for this take asks at once, and then as often as before.
		expected = int64(float64(l.spent+n) * float64(ahead) / float64(since+ahead))
	}
	l.tokens += t.Granted
	l.taken, l.spent, l.remaining, l.full = now, 0, t.Remaining, now+t.Reset
	l.size = min(expected, t.Remaining/share)
	if t.Granted < n {
		whole := ls.interval * time.Duration(ls.rate.Burst)
		next := t.Reset - whole + ls.interval
		l.next, l.ask = now+next, now+max(min(next, maxPause), min(minPause, whole/4))
	}
}

// sweep gives back what is not used, until there are no leases.
func (ls *leases) sweep() {
	t := time.NewTicker(idle / 2)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ls.stop:
			return
		}
		if !ls.giveBack(idle) {
			return
		}
	}
}

// giveBack gives back what has not been asked for that long, and reports whether leases are left.
func (ls *leases) giveBack(unused time.Duration) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := ls.now()
	for key, l := range ls.of {
		if l.flight != nil || now-l.used < unused {
			continue
		}
		if n := l.tokens; n > 0 {
			l.tokens, l.size = 0, 0
			ls.work.Go(func() { // an error: they are lost, and come back with time
				_ = ls.store.Give(context.Background(), key, ls.rate, n)
			})
		}
		if now >= l.ask {
			delete(ls.of, key)
		}
	}
	ls.sweeping = len(ls.of) > 0
	return ls.sweeping
}

func (ls *leases) close() {
	ls.mu.Lock()
	if ls.closed {
		ls.mu.Unlock()
		return
	}
	ls.closed = true
	close(ls.stop)
	ls.mu.Unlock()
	defer ls.held.remove(ls)
	for ls.giveBack(0) {
		ls.work.Wait() // a flight
		ls.mu.Lock()
		for _, l := range ls.of {
			l.ask = 0
		}
		ls.mu.Unlock()
	}
	ls.work.Wait()
}
