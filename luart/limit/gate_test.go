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
	p, err := g.Rule("", b).Enter(t.Context(), key)
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
			p, err := g.Rule("", b).Enter(context.Background(), "a")
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
	if _, err := g.Rule("", b).Enter(t.Context(), "a"); !errors.As(err, &full) || full.Retry < time.Second || full.Retry > time.Minute {
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
	if _, err := g.Rule("", limit.Bounds{Max: 1, Queue: 1}).Enter(t.Context(), ""); err == nil {
		t.Error("there were two inside")
	}
	began := c.Now()
	if _, err := g.Rule("", limit.Bounds{Max: 1, Queue: 1, Wait: 3 * time.Second}).Enter(t.Context(), ""); err == nil {
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
	go func() { _, err := g.Rule("", patient).Enter(ctx, ""); gone <- err }()
	awaitWaiting(g, 1)
	stays := make(chan *limit.Place)
	go func() { p, _ := g.Rule("", patient).Enter(context.Background(), ""); stays <- p }()
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

// Of two rules that hold each one's own counts, and one that waits by the narrower does not hold up
// others behind it for longer than it waits.
func TestGateOtherBounds(t *testing.T) {
	g := limit.NewGate(nil, nil)
	p := enter(t, g, "", patient)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { _, err := g.Rule("", patient).Enter(ctx, ""); gone <- err }()
	awaitWaiting(g, 1)
	wider := patient
	wider.Max = 2
	second := make(chan *limit.Place)
	go func() { p, _ := g.Rule("", wider).Enter(context.Background(), ""); second <- p }()
	awaitWaiting(g, 2)
	cancel()
	<-gone
	(<-second).Leave()
	p.Leave()
	wantStats(t, g, "0 0 2 0 1")
}

// When a rule ends, its successor's bounds count at once for those who wait by it, and for those who
// come by it still. Nobody is put out.
func TestGateRuleEnds(t *testing.T) {
	bounds := func(most int) limit.Bounds { return limit.Bounds{Max: most, Wait: time.Hour, Queue: 100} }
	for _, c := range []struct {
		name           string
		next           []limit.Bounds // of the successor, and of a rule beside it
		lifted         bool
		inside, queued int // when the rule has ended
	}{
		{"wider", []limit.Bounds{bounds(4)}, false, 4, 2},
		{"much wider", []limit.Bounds{bounds(10)}, true, 6, 0},
		{"beside others", []limit.Bounds{bounds(4), bounds(10)}, false, 4, 2},
		{"narrower", []limit.Bounds{bounds(1)}, false, 2, 4},
		{"no wait any more", []limit.Bounds{{Max: 3}}, false, 3, 3},
		{"the rule is gone", nil, true, 6, 0},
		{"the script is gone", nil, false, 2, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := limit.NewGate(nil, nil)
			old := g.Rule("a", bounds(2))
			places := make(chan *limit.Place, 7)
			come := func(r *limit.GateRule) {
				p, err := r.Enter(context.Background(), "")
				if err != nil {
					t.Error(err)
				}
				places <- p
			}
			come(old)
			come(old)
			for range 4 {
				go come(old)
			}
			awaitWaiting(g, 4)
			last := old
			for i, b := range c.next {
				r := g.Rule([]string{"a", "b"}[i], b)
				if i == 0 {
					last = r
				}
			}
			if s := g.Stats(); s.Inside != 2 || s.Waiting != 4 {
				t.Errorf("before the end of the rule: %+v", s)
			}
			old.End(c.lifted)
			if s := g.Stats(); s.Inside != c.inside || s.Waiting != c.queued {
				t.Errorf("%d inside and %d wait, not %d and %d", s.Inside, s.Waiting, c.inside, c.queued)
			}
			// By the old rule and the new one the same holds.
			if c.queued > 0 && len(c.next) > 0 && c.next[0].Wait == 0 {
				for _, r := range []*limit.GateRule{old, last} {
					var full *limit.FullError
					if _, err := r.Enter(t.Context(), ""); !errors.As(err, &full) {
						t.Error(err)
					}
				}
			}
			for range 6 {
				(<-places).Leave()
			}
			if s := g.Stats(); s.Inside != 0 || s.Waiting != 0 {
				t.Errorf("in the end: %+v", s)
			}
		})
	}
}

// When the gate stops nobody waits any more.
func TestGateStops(t *testing.T) {
	stop := make(chan struct{})
	g := limit.NewGate(nil, stop)
	p := enter(t, g, "", patient)
	ended := make(chan error)
	go func() { _, err := g.Rule("", patient).Enter(context.Background(), ""); ended <- err }()
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
				p, err := g.Rule("", limit.Bounds{Max: 1 + key, Wait: time.Duration(rand.IntN(2)) * time.Minute, Queue: 8}).Enter(ctx, fmt.Sprint(key))
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
	r := g.Rule("", patient)
	for b.Loop() {
		p, _ := r.Enter(b.Context(), "")
		p.Leave()
	}
}
