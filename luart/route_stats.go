package luart

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Cost is what Lua work has taken.
type Cost struct {
	Lua   time.Duration // of VM time, in which nobody else was served
	Wait  time.Duration // in calls that wait, until the work had the VM again
	Queue time.Duration // before the VM was free for it
}

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
		s := Summary{Outcome: Answered, Cost: c.cost}
		r := c.gen.vm.costs.background(cmp.Or(c.kind, "load"))
		if c.failed && c.waitErr == nil {
			s.Outcome = Failed
			r.errors.Add(1)
		}
		r.add(s)
	}
	c.cost = Cost{}
}

// luaBounds are the bounds of the histogram of a route's Lua time.
var luaBounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	time.Second,
}

// routeStats is what the requests of a route have cost together. Any goroutine may use it.
type routeStats struct {
	lua      [len(luaBounds) + 1]atomic.Uint64 // requests by Lua time; those that were not run are not among them
	luaTotal atomic.Int64                      // nanoseconds, as are the next two
	wait     atomic.Int64
	queue    atomic.Int64
	outcomes [7]atomic.Uint64 // in the order of Outcomes
	errors   atomic.Uint64
}

func (r *routeStats) add(s Summary) {
	r.outcomes[slices.Index(Outcomes, s.Outcome)].Add(1)
	if s.Outcome == Refused {
		return
	}
	i := 0
	for i < len(luaBounds) && s.Lua > luaBounds[i] {
		i++
	}
	r.lua[i].Add(1)
	r.luaTotal.Add(int64(s.Lua))
	if s.Wait > 0 {
		r.wait.Add(int64(s.Wait))
	}
	if s.Queue > 0 {
		r.queue.Add(int64(s.Queue))
	}
}

// Unrouted stands for the route where there is none: of requests that only hooks saw, and of
// background work.
const Unrouted = "(none)"

// costs is what a VM's routes cost, by route. It outlives generations.
type costs struct {
	mu     sync.Mutex
	routes map[string]*routeStats
	work   map[string]*routeStats // background work, by its kind
}

// maxOldRoutes are kept that no generation has any more: their counters go on when a script
// that has them comes back.
const maxOldRoutes = 1000

// route returns what a route costs. Any goroutine may call it.
func (c *costs) route(name string) *routeStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return entry(&c.routes, name)
}

// background returns what a kind of background work costs. Any goroutine may call it.
func (c *costs) background(kind string) *routeStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return entry(&c.work, kind)
}

func entry(m *map[string]*routeStats, name string) *routeStats {
	r := (*m)[name]
	if r == nil {
		r = &routeStats{}
		if *m == nil {
			*m = map[string]*routeStats{}
		}
		(*m)[name] = r
	}
	return r
}

// openRouteStats gives the routes of a generation what they cost so far. Only the holder may
// call it.
func (g *Generation) openRouteStats() {
	c := &g.vm.costs
	g.unrouted = c.route(Unrouted)
	eachRoute(g.tree, func(h *handler) { h.stats = c.route(h.route) })
}

// forgetOldCosts forgets routes that no generation has, if they are many. Only the holder may call
// it.
func (vm *VM) forgetOldCosts() {
	used := map[string]bool{Unrouted: true}
	for g := range vm.live {
		eachRoute(g.tree, func(h *handler) { used[h.route] = true })
	}
	vm.costs.forgetOld(used)
}

// forgetOld forgets what is not among the routes in use, if it is too much.
func (c *costs) forgetOld(used map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.routes) > len(used)+maxOldRoutes {
		maps.DeleteFunc(c.routes, func(name string, _ *routeStats) bool { return !used[name] })
	}
}

// RouteCost is what the requests of one route have cost since the VM began.
type RouteCost struct {
	Route    string // or the kind of background work
	Requests map[string]uint64
	Errors   uint64 // script errors, those that on_error answered and those in background work included
	Total    Cost
	Lua      Histogram // requests by Lua time, without those that were refused
}

// Histogram counts durations by bounds.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64 // those up to the bound; one more than Bounds, for the rest
}

func (r *routeStats) read(name string) RouteCost {
	cost := RouteCost{
		Route: name, Requests: make(map[string]uint64, len(Outcomes)), Errors: r.errors.Load(),
		Total: Cost{
			Lua:   time.Duration(r.luaTotal.Load()),
			Wait:  time.Duration(r.wait.Load()),
			Queue: time.Duration(r.queue.Load()),
		},
		Lua: Histogram{Bounds: luaBounds[:], Counts: make([]uint64, len(r.lua))},
	}
	for i, outcome := range Outcomes {
		if n := r.outcomes[i].Load(); n > 0 {
			cost.Requests[outcome] = n
		}
	}
	for i := range r.lua {
		cost.Lua.Counts[i] = r.lua[i].Load()
	}
	return cost
}

// Costs returns what the routes of the VM have cost since it began, in the order of their
// names, and what background work has: those without a request yet, too. Any goroutine may
// call it.
func (vm *VM) Costs() (routes, background []RouteCost) {
	c := &vm.costs
	c.mu.Lock()
	defer c.mu.Unlock()
	return readCosts(c.routes), readCosts(c.work)
}

func readCosts(m map[string]*routeStats) []RouteCost {
	list := make([]RouteCost, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name].read(name))
	}
	return list
}
