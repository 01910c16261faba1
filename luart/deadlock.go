package luart

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/deadlock"
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

// checkDeadlock raises in L when r will not be free before the running call has gone on.
func (vm *VM) checkDeadlock(L *lua.LState, r lib.Resource) {
	if d := deadlock.Find(caller{vm.cur}, r); d != nil {
		L.RaiseError("deadlock: %s", d)
	}
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

// Above, WaitsFor and Relation are what package deadlock asks.

func (c caller) Above() (deadlock.Call, bool) {
	above := c.c.above()
	return caller{above}, above != nil
}

func (c caller) WaitsFor() (list []lib.Resource) {
	if c.c.waitsFor != nil {
		list = append(list, c.c.waitsFor)
	}
	for _, child := range c.c.children {
		list = append(list, child.waitsFor)
	}
	return list
}

func (c caller) Relation(above deadlock.Call) string { return c.c.relation(above.(caller).c) }

// callOf returns whose hold it is.
func callOf(h *lib.Hold) *call { return h.By.(caller).c }
