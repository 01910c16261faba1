// Package costs counts what requests and background work take of a VM, and what becomes of them. Any
// goroutine may use it.
package costs

import (
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

// What has become of a request.
const (
	Answered  = "answered"  // by Lua
	Passed    = "passed"    // to the next handler, or by ctx:next
	Proxied   = "proxied"   // to upstreams that Lua chose, by api.proxy or ctx:proxy
	Failed    = "failed"    // a script error, or a handler in quarantine
	TimedOut  = "timeout"   // its time in Lua was over
	Cancelled = "cancelled" // the client left, or the server stopped
	Refused   = "refused"   // before any Lua ran
)

// Outcomes are all of them.
var Outcomes = []string{Answered, Passed, Proxied, Failed, TimedOut, Cancelled, Refused}

// luaBounds are the bounds of the histogram of a route's Lua time.
var luaBounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	time.Second,
}

// Route is what the requests of a route have cost together.
type Route struct {
	lua      [len(luaBounds) + 1]atomic.Uint64 // requests by Lua time; those that were not run are not among them
	luaTotal atomic.Int64                      // nanoseconds, as are the next two
	wait     atomic.Int64
	queue    atomic.Int64
	outcomes [7]atomic.Uint64 // in the order of Outcomes
	errors   atomic.Uint64
}

// Add counts a request, or a piece of background work: what has become of it, and what it took.
func (r *Route) Add(outcome string, cost Cost) {
	r.outcomes[slices.Index(Outcomes, outcome)].Add(1)
	if outcome == Refused {
		return
	}
	i := 0
	for i < len(luaBounds) && cost.Lua > luaBounds[i] {
		i++
	}
	r.lua[i].Add(1)
	r.luaTotal.Add(int64(cost.Lua))
	if cost.Wait > 0 {
		r.wait.Add(int64(cost.Wait))
	}
	if cost.Queue > 0 {
		r.queue.Add(int64(cost.Queue))
	}
}

// AddError counts a script error.
func (r *Route) AddError() { r.errors.Add(1) }

// Unrouted stands for the route where there is none: of requests that only hooks saw, and of
// background work.
const Unrouted = "(none)"

// Costs is what a VM's routes cost, by route. It outlives generations.
type Costs struct {
	mu     sync.Mutex
	routes map[string]*Route
	work   map[string]*Route // background work, by its kind
}

// maxOldRoutes are kept that no generation has any more: their counters go on when a script
// that has them comes back.
const maxOldRoutes = 1000

// Route returns what a route costs.
func (c *Costs) Route(name string) *Route {
	c.mu.Lock()
	defer c.mu.Unlock()
	return entry(&c.routes, name)
}

// Background returns what a kind of background work costs.
func (c *Costs) Background(kind string) *Route {
	c.mu.Lock()
	defer c.mu.Unlock()
	return entry(&c.work, kind)
}

func entry(m *map[string]*Route, name string) *Route {
	r := (*m)[name]
	if r == nil {
		r = &Route{}
		if *m == nil {
			*m = map[string]*Route{}
		}
		(*m)[name] = r
	}
	return r
}

// ForgetOld forgets what is not among the routes in use, if it is too much.
func (c *Costs) ForgetOld(used map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.routes) > len(used)+maxOldRoutes {
		maps.DeleteFunc(c.routes, func(name string, _ *Route) bool { return !used[name] })
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

func (r *Route) read(name string) RouteCost {
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

// Read returns what each route, and each kind of background work, has cost since the VM began, in the
// order of their names: those without a request yet, too.
func (c *Costs) Read() (routes, background []RouteCost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return read(c.routes), read(c.work)
}

func read(m map[string]*Route) []RouteCost {
	list := make([]RouteCost, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name].read(name))
	}
	return list
}
