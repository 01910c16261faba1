package luart

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Who waits longest is next.
func TestLockOrder(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local order = rover.state("order", {})
		local l = rover.lock("l")
		function api.hold.get() l:acquire() rover.channel("go"):recv() return "held" end
		function api.next.p_n.get(ctx) l:with(function() rover.sleep(0) order[#order + 1] = ctx:param("n") end) return "ok" end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		function api.order.get() return table.concat(order, " ") end
		return api`)
	all := []*pending{s.beginWaiting("GET /hold")}
	for i := range 9 {
		all = append(all, s.beginWaiting(fmt.Sprintf("GET /next/%d", i)))
	}
	all[4].leave()
	all[4].expect(gone)
	s.once("GET /go", "200 ok")
	for i, p := range all {
		switch i {
		case 0:
			p.expect("200 held")
		case 4:
		default:
			p.expect("200 ok")
		}
	}
	s.expect("GET /order", "200 0 1 2 4 5 6 7 8")
	s.expectNoneInUse()
}

// expectNoneInUse checks that no lock or semaphore is in the maps.
func (s *server) expectNoneInUse() {
	s.t.Helper()
	s.held(func() {
		if n := s.vm.countedByLibraries()["locks"]; n != 0 {
			s.t.Errorf("%d locks and semaphores are in use", n)
		}
	})
}

// However a handler ends, what it holds is free afterwards, and what waits gets it.
func TestLockEndsWithItsHandler(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l, sem = rover.lock("l"), rover.semaphore("s", 3)
		local function take() l:acquire() sem:acquire() sem:acquire() sem:acquire() end
		function api.plain.get() take() return "ok" end
		function api.raise.get() take() error("boom") end
		function api.burst.get() take() while true do end end
		function api.timeout.get() take() rover.sleep(60) end
		function api.gone.get() take() rover.sleep(60) end
		function api.coroutine.get() coroutine.wrap(function() take() coroutine.yield() end)() return "ok" end
		function api.parallel.get() rover.parallel { take, function() l:with(function() end) end } return "ok" end
		function api.background.get() rover.spawn(function() take() error("boom") end) return "ok" end
		function api.on.get() take() return api.pass() end
		function api.with.get() l:with(function() sem:with(function() error("boom") end) end) end
		function api.free.get() return l:acquire(0) and sem:acquire(0) and sem:acquire(0) and sem:acquire(0) end
		function api.waits.get() l:with(function() end) return "ok" end
		return api`, func(s *Script) { s.Burst, s.Timeout = 50*time.Millisecond, 5*time.Second })
	internal := `500 {"error":"internal error"}`
	for path, want := range map[string]string{
		"plain": "200 ok", "raise": internal, "burst": internal, "coroutine": "200 ok", "parallel": "200 ok",
		"on": "200 GET /on ", "with": internal, "background": "200 ok",
	} {
		s.once("GET /"+path, want)
		s.untilNoTasks()
		s.once("GET /free", "200 true")
	}
	g := s.beginWaiting("GET /gone")
	w := s.beginWaiting("GET /waits")
	g.leave()
	g.expect(gone)
	w.expect("200 ok")
	s.once("GET /free", "200 true")
	s.expectNoneInUse()
}

func TestLockEndsWithTheTimeout(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l = rover.lock("l")
		function api.hold.get() l:acquire() rover.sleep(60) end
		function api.wait.get() l:acquire() return "got it" end
		function api.free.get() return l:acquire(0) end
		function api.keep.get()
			rover.spawn(function()
				l:acquire()
				rover.log.info("somebody has it who does not end")
				rover.channel("end"):recv()
			end)
		end
		return api`, func(s *Script) { s.Timeout = 100 * time.Millisecond })
	s.once("GET /hold", `504 {"error":"timeout"}`)
	s.once("GET /free", "200 true")
	s.once("GET /keep", "204 ")
	s.awaitLine("somebody has it who does not end")
	s.once("GET /wait", `504 {"error":"timeout"}`)
	s.once("GET /free", "200 false")
	s.atomically(`rover.channel("end"):send(true)`, nil)
	s.untilNoTasks()
	s.once("GET /wait", "200 got it")
	s.expectNoneInUse()
}

// A wait in a background task ends when its generation retires.
func TestLockWaitEndsWithTheGeneration(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l = rover.lock("l")
		function api.hold.get() l:acquire() rover.channel("go"):recv() return "held" end
		function api.spawn.get() rover.spawn(function() l:acquire() end) return "ok" end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		return api`)
	h := s.beginWaiting("GET /hold")
	s.once("GET /spawn", "200 ok")
	s.untilWaiting(2)
	s.gen.Retire()
	s.untilWaiting(1)
	s.once("GET /go", "200 ok")
	h.expect("200 held")
	s.untilNoTasks()
	s.expectNoneInUse()
}

// One that gets the lock at the moment its client leaves passes it on, before it goes on
// itself.
func TestLockHandedToOneWhoLeaves(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local l = rover.lock("l")
		local after = rover.state("after", {})
		function api.hold.get() l:acquire() rover.channel("go"):recv() return "held" end
		function api.wait.get()
			local ok, err = pcall(l.acquire, l)
			if not ok then
				after.released = pcall(l.release, l)
				error(err, 0)
			end
			return "got it"
		end
		function api.released.get() return after.released end
		return api`)
	h := s.beginWaiting("GET /hold")
	second := s.beginWaiting("GET /wait")
	third := s.beginWaiting("GET /wait")
	s.held(func() {
		s.waitsIn("GET /hold").runEndings() // second has it now, but does not run yet
		second.leave()
	})
	second.expect(gone)
	third.expect("200 got it")
	s.expect("GET /released", "200 false")
	h.leave()
	h.expect(gone)
	s.expectNoneInUse()
}

// With clients leaving at any time no two handlers ever hold a lock, no more than three
// a semaphore of three, and nothing is left.
func TestLockManyLeave(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local n = rover.state("n", { lock = 0, sem = 0, worst = 0 })
		local l, sem = rover.lock("l"), rover.semaphore("s", 3)
		local function inside(name, most)
			n[name] = n[name] + 1
			if n[name] > most then n.worst = n.worst + 1 end
			local ok, err = pcall(rover.sleep, 0.0001)
			n[name] = n[name] - 1
			if not ok then error(err, 0) end
		end
		function api.lock.get() l:with(function() inside("lock", 1) end) return "ok" end
		function api.sem.get() sem:with(function() inside("sem", 3) end) return "ok" end
		function api.worst.get() return n.worst + n.lock + n.sem end
		return api`)
	r := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		var all []*pending
		for range 25 {
			all = append(all, s.begin("GET /lock"), s.begin("GET /sem"))
		}
		for _, i := range r.Perm(len(all)) {
			if i%3 == 0 {
				all[i].leave()
			}
		}
		for i, p := range all {
			if got := <-p.result; got != "200 ok" && i%3 != 0 {
				t.Errorf("%d: %s", i, got)
			}
		}
	}
	s.expect("GET /worst", "200 0")
	s.expectNoneInUse()
}

// Handlers that would wait for each other for ever: the one that closes the circle is
// told, and the others go on.
func TestDeadlockCircle(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local x, y, z = rover.lock("x"), rover.lock("y"), rover.semaphore("z", 1)
		local c = rover.cache("c")
		local function take(first, second, timeout)
			first:acquire()
			assert(rover.channel("go"):recv())
			local ok, err = pcall(second.acquire, second, timeout)
			return ok and tostring(err) or err
		end
		function api.xy.get() return take(x, y) end
		function api.yx.get() return take(y, x) end
		function api.yz.get() return take(y, z) end
		function api.zx.get() return take(z, x) end
		function api.yxt.get() return take(y, x, 0.001) end
		function api.fetchx.get()
			return c:fetch("k", { ttl = 0 }, function() rover.channel("go"):recv() return x:with(function() return "v" end) end)
		end
		function api.xfetch.get()
			x:acquire()
			rover.channel("go"):recv()
			local ok, err = pcall(c.fetch, c, "k", { ttl = 0 }, print)
			return err
		end
		function api.px.get()
			y:acquire()
			rover.parallel { function() rover.channel("go"):recv() x:acquire() end }
			return "both"
		end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		return api`)
	for _, tt := range []struct {
		name  string
		paths []string // each goes on to its second wait in this order
		last  string   // what the last one gets
	}{
		{"two", []string{"xy", "yx"}, `deadlock: lock "x" is held by a handler that waits for lock "y", which is held by this one (app.lua:6)`},
		{"three", []string{"xy", "yz", "zx"}, `deadlock: lock "x" is held by a handler that waits for lock "y", which is held by ` +
			`a handler that waits for semaphore "z", which is held by this one (app.lua:6)`},
		{"a timeout", []string{"xy", "yxt"}, "false"},
		{"a fetch", []string{"fetchx", "xfetch"}, `deadlock: key "k" of cache "c" is being fetched by a handler that waits for lock "x", ` +
			`which is held by this one (app.lua:20)`},
		{"rover.parallel", []string{"px", "xy"}, `deadlock: lock "y" is held by a handler that waits for lock "x", which is held by this one (app.lua:6)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var all []*pending
			for _, p := range tt.paths {
				n := 1
				if p == "px" { // and the function that it waits for
					n = 2
				}
				waiting := s.vm.Stats().Waiting
				all = append(all, s.begin("GET /"+p))
				s.untilWaiting(waiting + n)
			}
			for i := range len(all) - 1 {
				s.once("GET /go", "200 ok")
				s.untilQueued(i + 1)
			}
			s.once("GET /go", "200 ok")
			if got := <-all[len(all)-1].result; !strings.HasPrefix(got, "200 ") || !strings.HasSuffix(got, tt.last) {
				t.Errorf("got %q, want %q", got, tt.last)
			}
			for _, p := range all[:len(all)-1] {
				if got := <-p.result; !strings.HasPrefix(got, "200 ") || strings.Contains(got, "deadlock") {
					t.Errorf("got %q", got)
				}
			}
			s.expectNoneInUse()
		})
	}
}

// untilQueued returns when n calls wait for locks and semaphores.
func (s *server) untilQueued(n int) {
	s.t.Helper()
	for got := -1; got != n; {
		got = 0
		s.held(func() {
			for f := s.vm.inflight.first; f != nil; f = f.next {
				if f.on.what == "rover.lock" || f.on.what == "rover.semaphore" {
					got++
				}
			}
		})
	}
}

// A semaphore of two that two others hold is no deadlock while one of them can go on.
func TestDeadlockNeedsAllPlaces(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local x, sem = rover.lock("x"), rover.semaphore("s", 2)
		function api.free.get() sem:acquire() rover.channel("free"):recv() return "ok" end
		function api.stuck.get() sem:acquire() rover.channel("stuck"):recv() x:acquire() return "ok" end
		function api.x.get() x:acquire() rover.channel("x"):recv() sem:acquire() return "ok" end
		function api.go.p_name.get(ctx) rover.channel(ctx:param("name")):send(true) return "ok" end
		return api`)
	free, stuck, x := s.beginWaiting("GET /free"), s.beginWaiting("GET /stuck"), s.beginWaiting("GET /x")
	s.once("GET /go/stuck", "200 ok")
	s.untilQueued(1)
	s.once("GET /go/x", "200 ok")
	s.untilQueued(2)
	s.once("GET /go/free", "200 ok")
	for _, p := range []*pending{free, x, stuck} {
		p.expect("200 ok")
	}
	s.expectNoneInUse()
}

// A lock outlives the generation that took it, and the n of the newer one counts.
func TestLockOutlivesGenerations(t *testing.T) {
	source := `
		local api = rover.server {}
		local l, sem = rover.lock("l"), rover.semaphore("s", %d)
		function api.hold.get() l:acquire() sem:acquire() rover.channel("go"):recv() return "ok" end
		function api.go.get() rover.channel("go"):send(true) return "ok" end
		function api.free.get()
			local n = 0
			while sem:acquire(0) do n = n + 1 end
			return tostring(l:acquire(0)) .. n
		end
		return api`
	s := newServer(t, fmt.Sprintf(source, 2))
	old := s.gen
	h := s.beginWaiting("GET /hold")
	s.once("GET /free", "200 false1")
	if err := s.load(fmt.Sprintf(source, 5)); err != nil {
		t.Fatal(err)
	}
	s.once("GET /free", "200 false4")
	s.gen, old = old, s.gen
	s.once("GET /free", "200 false4")
	s.once("GET /go", "200 ok")
	h.expect("200 ok")
	s.gen = old
	s.once("GET /free", "200 true5")
	s.expectNoneInUse()
}

// A lock for each user costs nothing once it is free; there is a limit to those in use.
func TestLockNames(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.free.get() for i = 1, 20000 do rover.lock("l" .. i):with(function() end) end return "ok" end
		function api.held.get() for i = 1, 10001 do rover.lock("l" .. i):acquire() end end
		return api`, withBurst(10*time.Minute))
	s.once("GET /free", "200 ok")
	s.expectNoneInUse()
	s.once("GET /held", `500 {"error":"internal error"}`)
	if msg := s.logged("script error")[0].ContextMap()["error"].(string); !strings.Contains(msg, "rover.lock: 10000 names are in use, the limit") {
		t.Error(msg)
	}
	s.expectNoneInUse()
}
