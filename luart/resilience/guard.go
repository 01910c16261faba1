package resilience

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
)

// Guard is what is known of the services that requests of one way go to. Any goroutine may use it.
type Guard struct {
	Clock    *clock.Clock
	Budgets  Budgets
	Breakers Breakers

	retried, spared atomic.Uint64
}

// NewGuard returns a Guard that goes by a clock. way says in the log whose it is: "rover.http".
func NewGuard(c *clock.Clock, way string, logger *zap.Logger) *Guard {
	return &Guard{
		Clock:    c,
		Budgets:  Budgets{clock: c},
		Breakers: Breakers{clock: c, logger: logger.With(zap.String("of", way))},
	}
}

// Spend is that of Budgets, and counts.
func (g *Guard) Spend(target string) bool {
	if g.Budgets.Spend(target) {
		g.retried.Add(1)
		return true
	}
	g.spared.Add(1)
	return false
}

// Stats is a reading of what a Guard has done.
type Stats struct {
	Retried  uint64            // requests that were made again
	Spared   uint64            // those that would have been, but for the budget
	Refused  uint64            // requests that open breakers have ended
	Changes  map[string]uint64 // of breakers, by the state that they came to; all are in it
	Breakers []BreakerStatus   // by name
}

// BreakerStatus is how one breaker stands.
type BreakerStatus struct {
	Name  string
	State State
	Retry time.Duration // until it may be tried, where it is open
}

// Stats reads what has been counted. nil is a Guard that has done nothing.
func (g *Guard) Stats() Stats {
	s := Stats{Changes: make(map[string]uint64, len(states))}
	if g == nil {
		for _, name := range states {
			s.Changes[name] = 0
		}
		return s
	}
	s.Retried, s.Spared, s.Refused = g.retried.Load(), g.spared.Load(), g.Breakers.refused.Load()
	for i, name := range states {
		s.Changes[name] = g.Breakers.changes[i].Load()
	}
	s.Breakers = g.Breakers.list()
	return s
}

// Breakers are the breakers of services, by name. Any goroutine may use it.
type Breakers struct {
	clock   *clock.Clock
	logger  *zap.Logger
	refused atomic.Uint64
	changes [len(states)]atomic.Uint64

	mu      sync.Mutex
	targets lru[Breaker]
}

// Get returns the breaker of a service, or that which the settings name.
func (s *Breakers) Get(target string, settings *Settings) *Breaker {
	if settings.Name != "" {
		target = settings.Name
	}
	target = strings.ToValidUTF8(target, "?") // it becomes a label of metrics
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.targets.get(target, func() *Breaker { return &Breaker{breakers: s, name: target} }, (*Breaker).isTripped)
}

// CountRefused counts a request that was not even offered to a breaker, because none was closed.
func (s *Breakers) CountRefused() { s.refused.Add(1) }

func (b *Breaker) isTripped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state != Closed
}

// changed logs and counts that a breaker has come to a state.
func (s *Breakers) changed(name string, state State, why string) {
	s.changes[state].Add(1)
	fields := []zap.Field{zap.String("breaker", name), zap.Stringer("state", state)}
	if state == Open {
		s.logger.Warn("a breaker has opened: the service is not asked for a while", append(fields, zap.String("why", why))...)
		return
	}
	s.logger.Info("a breaker has changed", fields...)
}

func (s *Breakers) list() []BreakerStatus {
	s.mu.Lock()
	all := make([]*Breaker, 0, len(s.targets.entries))
	for _, e := range s.targets.entries {
		all = append(all, e.value)
	}
	s.mu.Unlock()
	list := make([]BreakerStatus, len(all))
	for i, b := range all {
		b.mu.Lock()
		list[i] = BreakerStatus{Name: b.name, State: b.state}
		if b.state == Open {
			list[i].Retry = max(b.until.Sub(s.clock.Now()), 0)
		}
		b.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b BreakerStatus) int { return strings.Compare(a.Name, b.Name) })
	return list
}
