package done

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/caddy-rover/rover/eventloop"
)

// ErrTooMany says that so many done hooks have not ended that a request was refused which has
// some, too. Nothing of the request has run.
var ErrTooMany = errors.New("too many done hooks of earlier requests have not ended")

// Count counts requests of a VM that have done hooks. Any goroutine may use it.
type Count struct {
	Refused atomic.Uint64

	mu     sync.Mutex    // guards the rest
	open   int           // requests that have begun, and whose hooks have not ended
	ended  int           // of those, whose response has ended: their hooks are to run, or do
	none   chan struct{} // closed when open is zero; nil: nobody asks
	closed bool          // the VM closes: no request begins any more
}

// Enter counts a request that begins. The error refuses it: the VM closes, or the hooks of most
// requests have not ended.
func (c *Count) Enter(most int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return eventloop.ErrClosed
	case c.ended >= most:
		c.Refused.Add(1)
		return ErrTooMany
	}
	c.open++
	return nil
}

// End says that the response of a request has ended, and that hooks are to run.
func (c *Count) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
}

// Leave says that there is nothing to run for a request or, after end, that it has run.
func (c *Count) Leave(ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended {
		c.ended--
	}
	c.open--
	if c.open == 0 && c.none != nil {
		close(c.none)
		c.none = nil
	}
}

// Left returns how many requests have begun whose hooks have not ended.
func (c *Count) Left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Close refuses further requests. What it returns is closed when there is none any more whose
// hooks have not ended.
func (c *Count) Close() <-chan struct{} {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Idle()
}

// Idle returns what is closed when there is no request whose hooks have not ended.
func (c *Count) Idle() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	none := c.none
	if none == nil {
		none = make(chan struct{})
	}
	if c.open == 0 {
		close(none)
	} else {
		c.none = none
	}
	return none
}
