package luart

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/costs"
)

// costOf returns the stats of one route.
func costOf(t *testing.T, list []costs.RouteCost, route string) costs.RouteCost {
	t.Helper()
	for _, c := range list {
		if c.Route == route {
			return c
		}
	}
	t.Fatalf("no stats of %q among %v", route, list)
	return costs.RouteCost{}
}

// Each request is counted once, for its route, by what has become of it.
func TestCostsByOutcome(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.answer.get() return "x" end
		function api.caught.get() error { status = 409, message = "taken" } end
		function api.handled.get() error("on_error answers") end
		function api.fails.get() error("nobody answers") end
		function api.slow.get() rover.sleep(60) end
		function api.on.get(ctx) return ctx:next() end
		function api.on2.get(ctx) return api.pass() end
		function api.after_fails.get() return "x" end
		function api.after_fails.after.f() error("in after") end
		function api.hooked.before.h(ctx) return ctx.path == "/hooked/no" and api:error(403, "no") or nil end
		api.on_error = function(err, ctx)
			if ctx.path == "/handled" then return api.text("it broke") end
		end
		return api`, func(s *Script) { s.Timeout = 2 * time.Second }) // so that only /slow takes longer
	for _, request := range []string{
		"GET /answer", "GET /answer", "HEAD /answer", "GET /caught", "GET /handled", "GET /fails", "GET /slow", "GET /on", "GET /on2",
		"GET /after_fails", "GET /hooked/no", "GET /hooked/yes",
	} {
		s.do(request, "")
	}
	routes, _ := s.vm.Costs()
	for _, want := range []struct {
		route, outcome string
		n, errors      uint64
	}{
		{"GET /answer", costs.Answered, 3, 0},
		{"GET /caught", costs.Answered, 1, 0},
		{"GET /handled", costs.Failed, 1, 1},
		{"GET /fails", costs.Failed, 1, 1},
		{"GET /slow", costs.TimedOut, 1, 1},
		{"GET /on", costs.Passed, 1, 0},
		{"GET /on2", costs.Passed, 1, 0},
		{"GET /after_fails", costs.Failed, 1, 1},
		{costs.Unrouted, costs.Answered, 1, 0},
		{costs.Unrouted, costs.Passed, 1, 0},
	} {
		c := costOf(t, routes, want.route)
		if c.Requests[want.outcome] != want.n || c.Errors != want.errors {
			t.Errorf("%s: %v and %d errors; want %d %s and %d errors", want.route, c.Requests, c.Errors, want.n, want.outcome, want.errors)
		}
	}
}

// VM time is what others had to wait for; a wait is not.
func TestCostsTellLuaFromWaiting(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function work() local n = 0 for i = 1, 200000 do n = n + i end return n end
		function api.work.get() return work() end
		function api.wait.get() rover.sleep(0.03) return "x" end
		function api.both.get()
			rover.parallel { work, function() rover.sleep(0.03) end, work }
			return "x"
		end
		return api`)
	for _, path := range []string{"/work", "/wait", "/both"} {
		s.do("GET "+path, "")
	}
	routes, _ := s.vm.Costs()
	work, wait, both := costOf(t, routes, "GET /work"), costOf(t, routes, "GET /wait"), costOf(t, routes, "GET /both")
	if work.Total.Wait != 0 || work.Total.Lua < 100*time.Microsecond {
		t.Errorf("a loop: %+v", work.Total)
	}
	if wait.Total.Wait < 30*time.Millisecond {
		t.Errorf("a sleep: %+v", wait.Total)
	}
	if both.Total.Wait < 30*time.Millisecond || both.Total.Lua < 200*time.Microsecond {
		t.Errorf("parallel: %+v", both.Total)
	}
	var n uint64
	for _, c := range work.Lua.Counts {
		n += c
	}
	if n != 1 || work.Lua.Counts[0] != 0 {
		t.Errorf("histogram %v", work.Lua.Counts)
	}
}

// A request that is refused before any Lua runs is counted, and has cost nothing.
func TestCostsOfRefusedRequests(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() return "x" end
		return api`)
	s.beyondMemory()
	x := s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), s, s.next)
	if _, err := x.Run(); !errors.Is(err, ErrMemory) {
		t.Fatal(err)
	}
	x.End()
	s.vm.memory.SetLimit(0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	release := s.holdVM()
	x = s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx), s, s.next)
	if _, err := x.Run(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	release()
	x.End()
	routes, _ := s.vm.Costs()
	c := costOf(t, routes, "GET /")
	if c.Requests[costs.Refused] != 1 || c.Requests[costs.Cancelled] != 1 || c.Total.Lua != 0 {
		t.Errorf("%+v", c)
	}
}

// Background work has stats of its own, by what began it.
func TestCostsOfBackgroundWork(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.on_start(function() rover.spawn(function() error("planted") end) end)
		rover.after(0.001, function() end)
		rover.matcher("m", function(ctx) return true end)
		return api`)
	if ok, err := s.gen.Function(MatcherFunction, "m").Match(httptest.NewRequest("GET", "/", nil), s, 0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	var work []costs.RouteCost
	until(func() bool { _, work = s.vm.Costs(); return len(work) == 5 })
	for kind, want := range map[string][2]uint64{
		"load": {1, 0}, "on_start": {1, 0}, "rover.spawn": {0, 1}, "rover.after": {1, 0}, "matcher m": {1, 0},
	} {
		until(func() bool {
			_, work = s.vm.Costs()
			c := costOf(t, work, kind)
			return c.Requests[costs.Answered]+c.Requests[costs.Failed] > 0
		})
		c := costOf(t, work, kind)
		if got := [2]uint64{c.Requests[costs.Answered], c.Requests[costs.Failed]}; got != want || c.Errors != want[1] {
			t.Errorf("%s: %v, errors %d; want %v", kind, c.Requests, c.Errors, want)
		}
	}
}

// Accounts go on when a script is loaded again. Those of routes that are gone are kept,
// but not without end.
func TestCostsOutliveGenerations(t *testing.T) {
	const route = `function api.a.get() return "x" end`
	source := func(route string) string { return "local api = rover.server {}\n" + route + "\nreturn api" }
	s := newServer(t, source(route))
	reload := func(route string) {
		t.Helper()
		s.gen.Retire()
		if err := s.load(source(route)); err != nil {
			t.Fatal(err)
		}
	}
	s.do("GET /a", "")
	reload("")
	reload(route)
	s.do("GET /a", "")
	routes, _ := s.vm.Costs()
	if n := costOf(t, routes, "GET /a").Requests[costs.Answered]; n != 2 {
		t.Errorf("%d requests are counted, there were 2", n)
	}
	reload(`for i = 1, 1002 do api["r" .. i].get = function() end end`)
	reload("")
	if routes, _ := s.vm.Costs(); len(routes) != 1 {
		t.Errorf("%d routes are remembered, and none is there", len(routes))
	}
}

// A script that runs on and on keeps the VM in use, and not only when it has ended.
func TestBusyWhileLuaRuns(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() while true do end end
		function api.waits.get() rover.sleep(0) while true do end end
		return api`, func(s *Script) { s.Burst, s.Timeout = time.Hour, time.Hour })
	for _, path := range []string{"/", "/waits"} {
		ended := make(chan int)
		go func() { ended <- s.do("GET "+path, "").Code }()
		var running []Call
		until(func() bool {
			running, _, _ = s.vm.InFlight(t.Context(), 1)
			return len(running) > 0 && running[0].State == CallRuns
		})
		before := s.vm.Stats().Busy
		until(func() bool { return s.vm.Stats().Busy > before })
		if _, err := s.vm.Kill(t.Context(), running[0].ID); err != nil {
			t.Error(err)
		}
		if code := <-ended; code != 503 {
			t.Errorf("answer %d", code)
		}
	}
}

// The VM was in use for as long as its routes and background work have cost, however few
// requests there are.
func TestBusyIsWhatLuaTook(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function work() for i = 1, 20000 do math.floor(i) end end
		function api.slow.get() work() return "done" end
		function api.waits.get() work() rover.sleep(0) work() return "done" end
		function api.parallel.get() rover.parallel { work, function() rover.sleep(0) work() end } return "done" end
		function api.spawns.get() rover.spawn(work) return "done" end
		return api`)
	for _, path := range []string{"/slow", "/waits", "/parallel", "/spawns"} {
		before := s.vm.Stats().Busy
		s.expect("GET "+path, "200 done")
		until(func() bool { return s.vm.Stats().InFlight == 0 })
		if got := s.vm.Stats().Busy; got <= before {
			t.Errorf("GET %s: busy for %v before, %v now", path, before, got)
		}
	}
	var lua time.Duration
	routes, background := s.vm.Costs()
	for _, r := range append(routes, background...) {
		lua += r.Total.Lua
	}
	if busy := s.vm.Stats().Busy; busy < lua || lua == 0 {
		t.Errorf("busy for %v, Lua took %v", busy, lua)
	}
}
