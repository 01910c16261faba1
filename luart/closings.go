package luart

import "sync"

// closings are goroutines outside of Lua, for which a VM waits when it ends. Any goroutine may use
// them: a sync.WaitGroup must not grow from nothing while somebody waits for it.
type closings struct {
	mu    sync.Mutex
	n     int
	ended bool          // nobody waits any more
	none  chan struct{} // closed when there are none; nil: nobody waits for that
}

// Go calls do on a goroutine of its own. A VM does not wait for requests that have not entered it.
// What such a one begins once the VM has ended nobody waits for: the context of the VM is over,
// and so is what do could wait for.
func (c *closings) Go(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		go do()
		return
	}
	c.n++
	go func() {
		defer c.done()
		do()
	}()
}

func (c *closings) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 && c.none != nil {
		c.ended = true
		close(c.none)
		c.none = nil
	}
}

// Wait returns when there are none. It is to be called once.
func (c *closings) Wait() {
	c.mu.Lock()
	if c.n == 0 {
		c.ended = true
		c.mu.Unlock()
		return
	}
	none := make(chan struct{})
	c.none = none
	c.mu.Unlock()
	<-none
}
