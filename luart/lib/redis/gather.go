package redis

import (
	"sync"

	"github.com/redis/rueidis"

	"github.com/caddy-rover/rover/luart/lib/subscription"
)

// gathered makes one stream of messages of several channels, which begins when all of them have.
type gathered struct {
	to func(*subscription.Message)

	mu    sync.Mutex
	begun []bool
	left  int // that have not begun
}

func newGathered(n int, to func(*subscription.Message)) *gathered {
	return &gathered{to: to, begun: make([]bool, n), left: n}
}

// deliver is told of a message of channel i; nil: it begins, or some are missing.
func (g *gathered) deliver(i int, m *rueidis.PubSubMessage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case m != nil:
		g.to(&subscription.Message{Channel: m.Channel, Data: m.Message})
	case g.begun[i]:
		g.to(nil)
	default:
		g.begun[i] = true
		if g.left--; g.left == 0 {
			g.to(nil)
		}
	}
}
