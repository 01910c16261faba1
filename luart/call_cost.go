package luart

import (
	"cmp"
	"time"

	"github.com/caddy-rover/rover/luart/costs"
)

// nanotime is the VM's clock: nanoseconds since it was made.
func (vm *VM) nanotime() int64 {
	if vm.clock != nil { // in tests of scripts all that scripts are told takes its time
		return int64(vm.clock.Since(vm.made))
	}
	return vm.budget.Since()
}

// endSlice ends what start or the end of a wait began, and adds what it took to the
// call's cost and to the time that the VM was in use. It returns when that was. Only the
// holder may call it.
func (c *call) endSlice() (now int64) {
	vm := c.gen.vm
	now = vm.nanotime()
	took := time.Duration(now - c.sliceStart)
	c.cost.Lua += took
	vm.loop.Spent(took)
	return now
}

// noteLuaTime counts what the call that runs has taken so far: it may go on for long.
func (vm *VM) noteLuaTime() {
	if vm.cur == nil {
		return
	}
	now := vm.nanotime()
	took := time.Duration(now - vm.cur.sliceStart)
	vm.cur.cost.Lua += took
	vm.cur.sliceStart = now
	vm.loop.SpentSoFar(took)
}

// done ends a call that is not a request's own, and adds its cost to that of the request, or
// of the background work, that it was for. Only the holder may call it.
func (c *call) done() {
	c.runEndings()
	c.endSlice()
	switch {
	case c.x != nil:
		c.x.record.others.Add(int64(c.cost.Lua))
	case c.parent != nil:
		c.parent.cost.Lua += c.cost.Lua
	default:
		outcome := costs.Answered
		r := c.gen.vm.costs.Background(cmp.Or(c.kind, "load"))
		if c.failed && c.waitErr == nil {
			outcome = costs.Failed
			r.AddError()
		}
		r.Add(outcome, c.cost)
	}
	c.cost = costs.Cost{}
}

// openRouteStats gives the routes of a generation what they cost so far. Only the holder may
// call it.
func (g *Generation) openRouteStats() {
	c := &g.vm.costs
	g.unrouted = c.Route(costs.Unrouted)
	eachRoute(g.tree, func(h *handler) { h.stats = c.Route(h.route) })
}

// forgetOldCosts forgets routes that no generation has, if they are many. Only the holder may call
// it.
func (vm *VM) forgetOldCosts() {
	used := map[string]bool{costs.Unrouted: true}
	for g := range vm.live {
		eachRoute(g.tree, func(h *handler) { used[h.route] = true })
	}
	vm.costs.ForgetOld(used)
}

// Costs returns what the routes of the VM have cost since it began, in the order of their
// names, and what background work has: those without a request yet, too. Any goroutine may
// call it.
func (vm *VM) Costs() (routes, background []costs.RouteCost) { return vm.costs.Read() }
