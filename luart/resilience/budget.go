package resilience

import (
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
)

// What a service has of retries beside what its requests earn: so many in a moment, and one more
// in each second.
const (
	budgetFloor = 10
	floorRefill = time.Second

	// maxEarned is how many retries requests can earn in advance: when a service fails after
	// a good hour, not all of it is repeated.
	maxEarned = 100

	// MaxTargets bounds the services whose budgets and breakers are known, each.
	MaxTargets = 1024
)

// Budgets bound how much load retries add to services: when all fail, retries by all who ask them
// are what keeps them down. Each request to a service earns a part of a retry, 0.2 of it as a rule,
// and each retry spends a whole one. A few beyond that are free. Any goroutine may use it.
type Budgets struct {
	clock   *clock.Clock
	mu      sync.Mutex
	targets lru[budget]
}

// budget is what one service may get of retries.
type budget struct {
	earned float64
	spare  float64 // of the floor
	at     time.Time
}

// Earn says that a request is made to a service, not for the second time.
func (b *Budgets) Earn(target string, ratio float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.of(target)
	t.earned = min(t.earned+ratio, maxEarned)
}

// Spend takes a retry of a service; false if there is none left.
func (b *Budgets) Spend(target string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.of(target)
	now := b.clock.Now()
	t.spare = min(t.spare+float64(now.Sub(t.at))/float64(floorRefill), budgetFloor)
	t.at = now
	switch {
	case t.earned >= 1-1e-9: // a fifth, five times, is a little less than 1
		t.earned = max(t.earned-1, 0)
	case t.spare >= 1:
		t.spare--
	default:
		return false
	}
	return true
}

// of returns the budget of a service. b.mu is held.
func (b *Budgets) of(target string) *budget {
	return b.targets.get(target, func() *budget { return &budget{spare: budgetFloor, at: b.clock.Now()} }, nil)
}
