package limit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/limit"
)

var patient = limit.Bounds{Max: 1, Wait: time.Hour, Queue: 100}

// awaitWaiting waits until n wait at a gate.
func awaitWaiting(g *limit.Gate, n int) {
	for g.Stats().Waiting != n {
		runtime.Gosched()
	}
}

func enter(t *testing.T, g *limit.Gate, key string, b limit.Bounds) *limit.Place {
	t.Helper()
	p, err := g.Enter(t.Context(), key, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantStats(t *testing.T, g *limit.Gate, want string) {
	t.Helper()
	if got := fmt.Sprint(g.Stats()); got != "{"+want+"}" {
		t.Errorf("inside, waiting, entered, refused, given up: %s, want {%s}", got, want)
	}
}

// Who waits longest is next, and a queue that is full takes nobody.
func TestGateIsFair(t *testing.T) {
	g := limit.NewGate(nil, nil)
	first := enter(t, g, "a", patient)
	b := patient
	b.Queue = 5
	order := make(chan int, b.Queue)
	var wg sync.WaitGroup
	for i := range b.Queue {
		wg.Go(func() {
			p, err := g.Enter(context.Background(), "a", b)
			if err != nil {
				t.Error(err)
				return
			}
			order <- i
			p.Leave()
		})
		awaitWaiting(g, i+1)
	}
	var full *limit.FullError
	if _, err := g.Enter(t.Context(), "a", b); !errors.As(err, &full) || full.Retry < time.Second || full.Retry > time.Minute {
		t.Errorf("the queue is full: %v", err)
	}
	enter(t, g, "b", b).Leave() // another key
	first.Leave()
	wg.Wait()
	close(order)
	var got []int
	for i := range order {
		got = append(got, i)
	}
	if !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
		t.Errorf("came in as %v", got)
	}
	wantStats(t, g, "0 0 7 1 0")
}

// Without wait nobody waits; with it for no longer, by the clock.
func TestGateWaits(t *testing.T) {
	c := clock.New(time.Unix(1e9, 0), nil)
	g := limit.NewGate(c, nil)
	c.Begin(1)
	defer c.End()
	p := enter(t, g, "", patient)
	if _, err := g.Enter(t.Context(), "", limit.Bounds{Max: 1, Queue: 1}); err == nil {
		t.Error("there were two inside")
	}
	began := c.Now()
	if _, err := g.Enter(t.Context(), "", limit.Bounds{Max: 1, Queue: 1, Wait: 3 * time.Second}); err == nil {
		t.Error("there were two inside")
	}
	if d := c.Since(began); d != 3*time.Second {
		t.Errorf("waited for %s", d)
	}
	wantStats(t, g, "1 0 1 2 0")
	p.Leave()
	enter(t, g, "", patient).Leave()
}

// Who leaves the queue, or is let in as it leaves, takes no place with it.
func TestGateGivenUp(t *testing.T) {
	g := limit.NewGate(nil, nil)
	p := enter(t, g, "", patient)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := g.Enter(ctx, "", patient); gone <- err }()
	awaitWaiting(g, 1)
	stays := make(chan *limit.Place)
	go func() { p, _ := g.Enter(context.Background(), "", patient); stays <- p }()
	awaitWaiting(g, 2)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantStats(t, g, "1 1 1 0 1")
	p.Leave()
	(<-stays).Leave()
	wantStats(t, g, "0 0 2 0 1")
}

// With a reload the bounds change: each one's own hold, and one that waited by narrower ones does not
// hold up others behind it for longer than it waits.
func TestGateOtherBounds(t *testing.T) {
	g := limit.NewGate(nil, nil)
	p := enter(t, g, "", patient)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := g.Enter(ctx, "", patient); gone <- err }()
	awaitWaiting(g, 1)
	wider := patient
	wider.Max = 2
	second := make(chan *limit.Place)
	go func() { p, _ := g.Enter(context.Background(), "", wider); second <- p }()
	awaitWaiting(g, 2)
	cancel()
	<-gone
	(<-second).Leave()
	p.Leave()
	wantStats(t, g, "0 0 2 0 1")
}

// When the gate stops nobody waits any more.
func TestGateStops(t *testing.T) {
	stop := make(chan struct{})
	g := limit.NewGate(nil, stop)
	p := enter(t, g, "", patient)
	ended := make(chan error)
	go func() { _, err := g.Enter(context.Background(), "", patient); ended <- err }()
	awaitWaiting(g, 1)
	close(stop)
	var full *limit.FullError
	if err := <-ended; !errors.As(err, &full) {
		t.Error(err)
	}
	p.Leave()
	wantStats(t, g, "0 0 1 1 0")
}

// Whatever happens, no more are inside than there may be, and in the end nobody is.
func TestGateStorm(t *testing.T) {
	g := limit.NewGate(nil, nil)
	var inside [3]atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for range 200 {
				key := rand.IntN(len(inside))
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(3) == 0 {
					go cancel()
				}
				p, err := g.Enter(ctx, fmt.Sprint(key), limit.Bounds{Max: 1 + key, Wait: time.Duration(rand.IntN(2)) * time.Minute, Queue: 8})
				if err == nil {
					if n := inside[key].Add(1); n > int64(1+key) {
						t.Errorf("%d inside", n)
					}
					runtime.Gosched()
					inside[key].Add(-1)
					p.Leave()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	s := g.Stats()
	if s.Inside != 0 || s.Waiting != 0 || s.Entered+s.Refused+s.Given != 32*200 || limit.KeysOf(g) != 0 {
		t.Errorf("%+v, %d keys", s, limit.KeysOf(g))
	}
}

func BenchmarkGate(b *testing.B) {
	g := limit.NewGate(nil, nil)
	for b.Loop() {
		p, _ := g.Enter(b.Context(), "", patient)
		p.Leave()
	}
}
