package luart

import (
	"sync"
	"sync/atomic"

	"github.com/caddy-rover/rover/eventloop"
)

// doneCount counts requests of a VM that have done hooks. Any goroutine may use it.
type doneCount struct {
	refused atomic.Uint64

	mu     sync.Mutex    // guards the rest
	open   int           // requests that have begun, and whose hooks have not ended
	ended  int           // of those, whose response has ended: their hooks are to run, or do
	none   chan struct{} // closed when open is zero; nil: nobody asks
	closed bool          // the VM closes: no request begins any more
}

// enter counts a request that begins. The error refuses it: the VM closes, or the hooks of max
// requests have not ended.
func (c *doneCount) enter(max int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return eventloop.ErrClosed
	case c.ended >= max:
		c.refused.Add(1)
		return ErrTooManyDone
	}
	c.open++
	return nil
}

// end says that the response of a request has ended, and that hooks are to run.
func (c *doneCount) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
}

// leave says that there is nothing to run for a request or, after end, that it has run.
func (c *doneCount) leave(ended bool) {
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

// left returns how many requests have begun whose hooks have not ended.
func (c *doneCount) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// close refuses further requests. What it returns is closed when there is none any more whose
// hooks have not ended.
func (c *doneCount) close() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	none := make(chan struct{})
	if c.open == 0 {
		close(none)
	} else {
		c.none = none
	}
	return none
}
