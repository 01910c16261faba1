package luart

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
)

// waitsOn says what a call waits for, to people.
type waitsOn struct {
	what   string             // "rover.lock"
	which  string             // which of them; "": there is one only
	cancel context.CancelFunc // ends the wait; nil: inflight.wake does

	receives bool // the request's body: that is counted apart
}

func (w waitsOn) String() string { return lib.WaitsOn{What: w.what, Which: w.which}.String() }

// onClient is what a stream waits for between two calls of its producer.
var onClient = waitsOn{what: "the client, to take what was sent"}

// inflight is what an operator can learn of a call, and how it is ended. It is the
// holder's, but for wake, on which the call waits.
type inflight struct {
	id     uint64 // unique in the VM
	killed bool
	wake   chan struct{} // closed when a wait is to end: it has been killed

	// While the call waits, or its stream is on its way:
	c          *call
	on         waitsOn
	L          *lua.LState // the Lua thread that waits; nil: none, it is the stream
	since      int64       // by budget.Now
	listed     bool
	prev, next *inflight
}

// reuse returns f for another call, nil if it cannot be reused. Any goroutine may call it
// that has ended the call.
func (f *inflight) reuse() *inflight {
	if f == nil || f.killed || f.listed {
		return nil
	}
	*f = inflight{wake: f.wake}
	return f
}

// inflightList is the calls of a VM that wait and the streams on their way. What runs is
// not among them, so that only what waits pays for it. It is the holder's.
type inflightList struct {
	first, last *inflight
	count       int
	ids         uint64
}

// of returns c's inflight, with an id.
func (l *inflightList) of(c *call) *inflight {
	if c.inflight == nil {
		c.inflight = &inflight{wake: make(chan struct{})}
	}
	f := c.inflight
	if f.id == 0 {
		l.ids++
		f.id = l.ids
	}
	return f
}

// add puts c into the list: it has a stream.
func (l *inflightList) add(c *call) {
	f := l.of(c)
	f.c, f.on, f.L, f.since = c, onClient, nil, c.gen.vm.budget.Now()
	if f.listed {
		return
	}
	f.listed = true
	l.count++
	f.prev, f.next = l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.next = f
	}
	l.last = f
}

// remove takes c out of the list.
func (l *inflightList) remove(c *call) {
	f := c.inflight
	if f == nil || !f.listed {
		return
	}
	if f.prev == nil {
		l.first = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		l.last = f.prev
	} else {
		f.next.prev = f.prev
	}
	l.count--
	f.listed, f.prev, f.next, f.c, f.L, f.on = false, nil, nil, nil, nil, waitsOn{}
}

func (f *inflight) state() string {
	if f.L == nil {
		return CallStreams
	}
	return CallWaits
}

// startWait notes that c waits in L.
func (l *inflightList) startWait(c *call, L *lua.LState, on waitsOn) {
	l.add(c)
	c.inflight.L, c.inflight.on = L, on
}

// endWait notes that c waits no more.
func (l *inflightList) endWait(c *call) {
	if c.x != nil && c.x.stream != nil && c == &c.x.call {
		l.add(c)
		return
	}
	l.remove(c)
}

// kill ends the wait of f, and every later one.
func (f *inflight) kill() {
	if !f.killed {
		close(f.wake)
	}
	f.killed = true
	if f.on.cancel != nil {
		f.on.cancel()
	}
	if c := f.c; c != nil && c.x != nil && c.x.stream != nil && c == &c.x.call {
		c.x.stream.kill()
	}
}
