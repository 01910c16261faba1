package luart

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// parkFor is park for a resource that nobody gives up at a set time: checkDeadlock must
// have been asked.
func (vm *VM) parkFor(L *lua.LState, on waitsOn, r lib.Resource, ready <-chan struct{}) {
	c := vm.cur
	c.waitsFor = r
	for p := c.above(); p != nil; p = p.above() {
		p.children = append(p.children, c)
	}
	defer func() {
		c.waitsFor = nil
		for p := c.above(); p != nil; p = p.above() {
			p.children = slices.DeleteFunc(p.children, func(b *call) bool { return b == c })
		}
	}()
	vm.park(L, on, ready, luaval.Forever)
}

// checkDeadlock raises in L when r will not be free before the running call has gone on: when that
// holds it, when one above it does, or when those who hold it wait for such a one. Waits that a
// timeout ends do not count.
func (vm *VM) checkDeadlock(L *lua.LState, r lib.Resource) {
	d := deadlock{c: vm.cur, known: map[*call]bool{}}
	if !d.stuck(r) {
		return
	}
	var msg strings.Builder
	for i, r := range d.found {
		if i > 0 {
			msg.WriteString("a handler that waits for ")
		}
		msg.WriteString(r.String())
		if i > 0 {
			msg.WriteString(", which")
		}
		msg.WriteString(" is " + r.Verb() + " by ")
	}
	switch {
	case callOf(d.last) != d.c:
		msg.WriteString(d.c.relation(callOf(d.last)))
	case len(d.found) == 1:
		msg.WriteString("this handler already")
	default:
		msg.WriteString("this one")
	}
	L.RaiseError("deadlock: %s (%s)", msg.String(), d.last.Where)
}

// above returns the call that keeps what it holds until c has ended, nil if there is none: the
// one that waits for c in rover.parallel; for a pick or a filter the request that it is for; for
// a request the one that has passed it on, whose response is the same.
func (c *call) above() *call {
	switch {
	case c.parent != nil:
		return c.parent
	case c.x == nil:
		return nil
	case c != &c.x.call:
		return &c.x.call
	}
	return c.x.heldAbove()
}

// relation says what above, which is above c, is to it.
func (c *call) relation(above *call) string {
	for ; c != above; c = c.parent {
		switch {
		case c.x != nil && c == &c.x.call:
			return "the request that this one goes on with"
		case c.isPick || c.parent == nil:
			return "the request that this function is for"
		}
	}
	return "the caller of rover.parallel"
}

// deadlock looks for what waits for c.
type deadlock struct {
	c     *call
	known map[*call]bool // whether a call waits for c; false while that is not known
	path  []lib.Resource // from the one asked for to the one looked at
	found []lib.Resource // a path that ends at c
	last  *lib.Hold
}

// stuck says whether all that hold r wait for c.
func (d *deadlock) stuck(r lib.Resource) bool {
	d.path = append(d.path, r)
	defer func() { d.path = d.path[:len(d.path)-1] }()
	places := r.HeldBy()
	for _, p := range places {
		if !d.waits(p) {
			return false
		}
	}
	return len(places) > 0
}

func (d *deadlock) waits(p *lib.Hold) bool {
	for c := d.c; c != nil; c = c.above() {
		if c == callOf(p) {
			if d.last == nil {
				d.last, d.found = p, slices.Clone(d.path)
			}
			return true
		}
	}
	if waits, ok := d.known[callOf(p)]; ok {
		return waits
	}
	d.known[callOf(p)] = false
	waits := callOf(p).waitsFor != nil && d.stuck(callOf(p).waitsFor)
	for _, b := range callOf(p).children {
		waits = waits || d.stuck(b.waitsFor)
	}
	d.known[callOf(p)] = waits
	return waits
}

// callOf returns whose hold it is.
func callOf(h *lib.Hold) *call { return h.By.(caller).c }
