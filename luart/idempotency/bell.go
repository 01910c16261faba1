package idempotency

import (
	"sync"

	"github.com/caddy-rover/rover/luart/store"
)

// Bell tells who waits that a request with a key may have ended. It must be closed.
type Bell struct {
	cancel func()

	mu   sync.Mutex
	rung chan struct{}
}

// Listen returns the bell of a key.
func Listen(s store.Store, key string) *Bell {
	b := &Bell{rung: make(chan struct{})}
	b.cancel = s.Subscribe(key, func([]byte) {
		b.mu.Lock()
		defer b.mu.Unlock()
		select {
		case <-b.rung:
		default:
			close(b.rung)
		}
	})
	return b
}

// Next returns what is closed when the bell rings from now on. Whoever looks then misses nothing.
func (b *Bell) Next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.rung:
		b.rung = make(chan struct{})
	default:
	}
	return b.rung
}

// Close ends it.
func (b *Bell) Close() { b.cancel() }
