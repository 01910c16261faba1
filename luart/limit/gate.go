package limit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// Gate lets in so many at once for each of many keys. Who finds no place waits in the queue of the
// key: who has waited longest is next. It keeps nothing of a key that nobody is in for, or
// waits for. Any goroutine may call it.
type Gate struct {
	clock *clock.Clock
	stop  <-chan struct{} // closed when nobody is to wait any more

	mu    sync.Mutex
	keys  map[string]*gateKey
	rules []*GateRule   // that hold, the newest last
	stay  time.Duration // how long one stays inside, smoothed
	stats GateStats
}

// gateKey is what there is of a key. Where there is a queue all places are taken, or
// were when the first of it came.
type gateKey struct {
	inside int
	queue  list.List // of *gateWaiter, the longest waiting first
}

type gateWaiter struct {
	rule  *GateRule
	at    *list.Element // in the queue
	ready chan struct{} // closed when it is inside
}

// GateStats are what a Gate has done, and does.
type GateStats struct {
	Inside, Waiting         int
	Entered, Refused, Given uint64 // Given up: the context ended
}

// Bounds are what a GateRule says.
type Bounds struct {
	Max   int           // may be inside, for the key
	Wait  time.Duration // for a place; 0: not at all
	Queue int           // may wait, for the key
}

// MaxWaiting may wait at a gate, for all keys together: each has a connection, and a goroutine.
const MaxWaiting = 10_000

// FullError says that there is no place.
type FullError struct {
	Retry time.Duration // when there may be one: a guess by how long others stay
}

func (e *FullError) Error() string {
	return fmt.Sprintf("too many at once: there may be a place in %s", e.Retry)
}

// NewGate makes a gate that goes by a clock; nil is the system's. When stop is closed nobody
// waits any more.
func NewGate(c *clock.Clock, stop <-chan struct{}) *Gate {
	return &Gate{clock: c, stop: stop, keys: map[string]*gateKey{}}
}

// Stats returns a snapshot.
func (g *Gate) Stats() GateStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stats
}

// Place is a place inside a gate.
type Place struct {
	gate  *Gate
	key   string
	since time.Time
}

// Is reports whether it is a place of that gate and key.
func (p *Place) Is(g *Gate, key string) bool { return p.gate == g && p.key == key }

// Enter takes a place, which must be left. The error is a *FullError, or that of ctx.
func (r *GateRule) Enter(ctx context.Context, key string) (*Place, error) {
	g := r.gate
	w, wait, err := g.ask(key, r)
	if err != nil {
		return nil, err
	}
	if w != nil {
		g.await(ctx, w, wait)
		if err := g.settle(ctx, key, w); err != nil {
			return nil, err
		}
	}
	return &Place{g, key, g.clock.Now()}, nil
}

// ask takes a place that is free, or one in the queue, which it returns with how long to wait there.
func (g *Gate) ask(key string, r *GateRule) (*gateWaiter, time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := r.now()
	k := g.keys[key]
	if k == nil {
		k = &gateKey{}
		g.keys[key] = k
	}
	if k.inside < b.Max && k.queue.Len() == 0 {
		k.inside++
		g.stats.Inside++
		g.stats.Entered++
		return nil, 0, nil
	}
	if b.Wait <= 0 || k.queue.Len() >= b.Queue || g.stats.Waiting >= MaxWaiting {
		return nil, 0, g.refuse(k, b)
	}
	w := &gateWaiter{rule: r, ready: make(chan struct{})}
	w.at = k.queue.PushBack(w)
	g.stats.Waiting++
	return w, b.Wait, nil
}

// refuse counts one for whom there is no place. mu is held.
func (g *Gate) refuse(k *gateKey, b Bounds) *FullError {
	g.stats.Refused++
	turns := time.Duration(k.queue.Len()/b.Max + 1)
	return &FullError{min(max(g.stay*turns, minRetry), maxRetry)}
}

// How long a client is told to wait, at least and at most.
const (
	minRetry = time.Second
	maxRetry = time.Minute
)

// await returns when w is inside, or has waited for long enough.
func (g *Gate) await(ctx context.Context, w *gateWaiter, d time.Duration) {
	if g.clock == nil {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-w.ready:
		case <-timer.C:
		case <-ctx.Done():
		case <-g.stop:
		}
		return
	}
	aside := g.clock.Wait(d, func() bool {
		select {
		case <-w.ready:
		case <-ctx.Done():
		case <-g.stop:
		default:
			return false
		}
		return true
	})
	defer aside.End()
	select {
	case <-w.ready:
	case <-aside.Over():
	case <-ctx.Done():
	case <-g.stop:
	}
}

// settle says how the wait of w has ended: nil: it is inside. It is inside, too, where the place
// came as it gave up; a client that has left gives it to the next.
func (g *Gate) settle(ctx context.Context, key string, w *gateWaiter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.keys[key]
	select {
	case <-w.ready:
		if ctx.Err() == nil {
			g.stats.Entered++
			return nil
		}
		g.stats.Given++
		g.leave(key, k)
		return ctx.Err()
	default:
	}
	k.queue.Remove(w.at)
	g.stats.Waiting--
	defer g.next(key, k) // it may have stood before one whose bounds are wider
	if ctx.Err() != nil {
		g.stats.Given++
		return ctx.Err()
	}
	return g.refuse(k, w.rule.now())
}

// next lets in who has waited longest, while there are places. mu is held.
func (g *Gate) next(key string, k *gateKey) {
	for k.queue.Len() > 0 && k.inside < k.queue.Front().Value.(*gateWaiter).rule.now().Max {
		w := k.queue.Remove(k.queue.Front()).(*gateWaiter)
		g.stats.Waiting--
		k.inside++
		g.stats.Inside++
		close(w.ready)
	}
	if k.inside == 0 && k.queue.Len() == 0 {
		delete(g.keys, key)
	}
}

// leave gives back a place. mu is held.
func (g *Gate) leave(key string, k *gateKey) {
	k.inside--
	g.stats.Inside--
	g.next(key, k)
}

// Leave gives the place to the next. It must be called once.
func (p *Place) Leave() {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stay += (g.clock.Since(p.since) - g.stay) / 8
	g.leave(p.key, g.keys[p.key])
}
