package luart

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/lib"
)

func withBurst(d time.Duration) func(*Script) { return func(s *Script) { s.Burst = d } }

// withSpend gives the script rover.vm.spend(), which uses the slice up. So no test waits for a burst, and no busy machine ends another slice.
func withSpend(s *Script) {
	spend := func(L *lua.LState) int {
		L.Context().(*budget.Budget).Spend()
		return 0
	}
	s.Libraries = append(slices.Clone(s.Libraries), &lib.Library{
		Name: "vm",
		Open: func(s *lib.Scope) lua.LValue {
			t := s.L().NewTable()
			t.RawSetString("spend", s.L().NewFunction(spend))
			return t
		},
	})
}

// A handler that never waits is ended after burst, whatever it catches; the VM serves
// on, also what was queued behind it.
func TestBurstEndsRunaways(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.loop.get() while true do end end
		function api.pcall.get() while true do pcall(function() while true do end end) end end
		function api.pcalls.get() while true do pcall(error, "x") end end
		function api.sort.get()
			local t = {} for i = 1, 1000 do t[i] = i % 7 end
			while true do pcall(table.sort, t, function(a, b) return a < b end) end
		end
		function api.coroutine.get() coroutine.wrap(function() while true do end end)() end
		function api.coroutines.get() while true do coroutine.resume(coroutine.create(function() while true do end end)) end end
		function api.xpcall.get() while true do xpcall(function() while true do end end, function() while true do end end) end end
		function api.gsub.get() while true do pcall(string.gsub, ("x"):rep(1000), ".", function() while true do end end) end end
		function api.caught.get() pcall(function() while true do end end) rover.sleep(0) return "escaped" end
		function api.meta.get() local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return t.x end) end end
		function api.fine.get() return "fine" end
		return api`, withBurst(60*time.Millisecond))
	for _, path := range []string{"loop", "pcall", "pcalls", "sort", "coroutine", "coroutines", "xpcall", "gsub", "caught", "meta"} {
		if got := answer(s.do("GET /"+path, "")); got != `500 {"error":"internal error"}` {
			t.Errorf("%s: %s", path, got)
		}
		if got := answer(s.do("GET /fine", "")); got != "200 fine" {
			t.Errorf("after %s: %s", path, got)
		}
	}
	logs := s.logged("script error")
	if len(logs) != 10 {
		t.Fatalf("%d errors logged, want 10", len(logs))
	}
	for _, l := range logs {
		if msg := l.ContextMap()["error"].(string); !strings.Contains(msg, "app.lua:") || !strings.Contains(msg, "longer than burst") {
			t.Errorf("logged %q", msg)
		}
	}
}

func TestRunawayTopLevel(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	err := s.load("while true do rover.vm.spend() end", withSpend)
	e := errorOf[*ScriptError](t, err)
	if !strings.Contains(e.Message, "longer than burst") || !strings.Contains(e.Message, "app.lua:1:") {
		t.Errorf("%q", e.Message)
	}
	s.expect("GET /", "200 GET / ") // the old one serves
}

// A request that waits past its timeout gets a 504; it may clean up, but not wait
// again.
func TestTimeout(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local seen = rover.state("seen", {})
		function api.sleep.get() rover.sleep(3600) return "slept" end
		function api.clean.get()
			local ok, err = pcall(rover.sleep, 3600)
			seen.first = tostring(err)
			local ok, err = pcall(rover.sleep, 3600)
			seen.second = tostring(err)
			error(err, 0)
		end
		function api.spin.get() while true do pcall(rover.sleep, 3600) end end
		function api.seen.get() return seen.first .. "|" .. seen.second end
		return api`, func(s *Script) { s.Timeout = 50 * time.Millisecond; s.Burst = 50 * time.Millisecond })
	for _, path := range []string{"sleep", "clean"} {
		if got := answer(s.do("GET /"+path, "")); got != `504 {"error":"timeout"}` {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := s.do("GET /spin", "").Code; got != 500 {
		t.Errorf("spin: %d", got)
	}
	want := "longer than its timeout"
	if got := answer(s.do("GET /seen", "")); strings.Count(got, want) != 2 {
		t.Error(got)
	}
}

// While one handler sleeps, others run; its locals survive, in every place from which
// a script can call.
func TestSleepAnywhere(t *testing.T) {
	s := newServer(t, `
		rover.sleep(0.001)
		local api = rover.server {}
		local n = rover.state("n", { n = 0 })
		local function nap() local before = n.n; rover.sleep(0.001); n.n = n.n + 1; return before end
		local places = {
			plain = function() nap() return 1 end,
			pcall = function() assert(pcall(nap)) return 1 end,
			xpcall = function() assert(xpcall(nap, print)) return 1 end,
			index = function() local t = setmetatable({}, {__index = function() nap() return 5 end}) assert(t.x == 5) return 1 end,
			call = function() setmetatable({}, {__call = nap})() return 1 end,
			concat = function() local t = setmetatable({}, {__concat = function() nap() return "c" end}) assert(t .. "x" == "c") return 1 end,
			iterator = function() local i = 0 for v in function() nap() i = i + 1 if i <= 3 then return i end end do assert(v == i) end return 4 end,
			sort = function() local c = 0; local t = {3, 1, 2} table.sort(t, function(a, b) c = c + 1 nap() return a < b end) assert(t[1] == 1 and t[3] == 3) return c end,
			gsub = function() local c = 0; local r = ("abc"):gsub(".", function(x) c = c + 1 nap() return x:upper() end) assert(r == "ABC") return c end,
			coroutine = function() local co = coroutine.wrap(function() nap() coroutine.yield(1) nap() return 2 end) assert(co() == 1 and co() == 2) return 2 end,
			nested = function() local co = coroutine.wrap(function() local t = {2, 1} table.sort(t, function(a, b) assert(pcall(nap)) coroutine.running() return a < b end) return t end) assert(co()[1] == 1) return 1 end,
		}
		for name, f in pairs(places) do api[name].get = function() local _ = f() return name end end
		function api.before.nap() nap() end
		function api.after.nap() nap() end
		return api`)
	var wg sync.WaitGroup
	for range 20 {
		for _, p := range []string{"plain", "pcall", "xpcall", "index", "call", "concat", "iterator", "sort", "gsub", "coroutine", "nested"} {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if got := answer(s.do("GET /"+p, "")); got != "200 "+p {
					t.Errorf("%s: %s", p, got)
				}
			}()
		}
	}
	wg.Wait()
}

// A client that leaves ends its handler's wait, and nothing else.
func TestClientGone(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local log = rover.state("log", {})
		function api.sleep.get()
			log.asleep = true
			local ok, err = pcall(rover.sleep, 3600)
			log.err = tostring(err)
			error(err, 0)
		end
		function api.asleep.get() return log.asleep or false end
		function api.err.get() return log.err or "none" end
		return api`)
	ctx, leave := context.WithCancel(context.Background())
	done := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/sleep", nil).WithContext(ctx))
		done <- w
	}()
	for answer(s.do("GET /asleep", "")) != "200 true" {
	}
	leave()
	if w := <-done; w.Code != StatusClientClosed {
		t.Errorf("status %d", w.Code)
	}
	if got := answer(s.do("GET /err", "")); !strings.Contains(got, "client closed") {
		t.Error(got)
	}
	if n := len(s.logged("script error")); n != 1 || s.logged("script error")[0].Level.String() != "debug" {
		t.Errorf("%d errors logged; one at debug level expected", n)
	}
}

// Close cuts handlers that still wait when the grace ends.
func TestCloseCutsWaiting(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.sleep.get() rover.sleep(3600) end
		return api`)
	done := make(chan int)
	go func() { done <- s.do("GET /sleep", "").Code }()
	for s.vm.Stats().Waiting == 0 {
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if cut := s.vm.Close(ctx); cut != 1 {
		t.Errorf("cut %d", cut)
	}
	if code := <-done; code != http.StatusServiceUnavailable {
		t.Errorf("status %d", code)
	}
}

func TestDeepRecursion(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function f(n) return 1 + f(n + 1) end
		function api.lua.get() return f(1) end
		function api.pcall.get() local function g() return pcall(g) and 1 end return tostring(g()) end
		function api.meta.get() local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end return t.x end
		function api.tostring.get() local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) end return tostring(t) end
		function api.fine.get() return "fine" end
		return api`)
	for _, p := range []string{"lua", "meta", "tostring"} {
		if got := answer(s.do("GET /"+p, "")); got != `500 {"error":"internal error"}` {
			t.Errorf("%s: %s", p, got)
		}
	}
	s.do("GET /pcall", "") // ends, whatever it says
	s.expect("GET /fine", "200 fine")
	for _, l := range s.logged("script error") {
		if msg := l.ContextMap()["error"].(string); !strings.Contains(msg, "stack overflow") {
			t.Errorf("logged %q", msg)
		}
	}
}

// A bug of ours that panics in the VM is that request's 500, logged; the VM serves on.
func TestGoPanicIsContained(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.lua.get() boom() end
		function api.caught.get() local ok, err = pcall(boom) return tostring(ok) end
		function api.fine.get() return "fine" end
		return api`)
	s.gen.env.RawSetString("boom", s.vm.main.NewFunction(func(*lua.LState) int { panic("a bug") }))
	s.expect("GET /lua", `500 {"error":"internal error"}`)
	s.expect("GET /caught", "200 false")
	x := s.gen.Begin(httptest.NewRecorder(), httptest.NewRequest("GET", "/fine", nil), s, s.next)
	x.enter = func(th *thread) error {
		s.vm.start(&x.call, th)
		panic("outside of Lua")
	}
	if decision, err := x.Run(); decision != Answer || err != nil || x.Err() == nil {
		t.Errorf("%v, %v, %v", decision, err, x.Err())
	}
	s.expect("GET /fine", "200 fine")
	if len(s.logged("panic in the VM")) != 1 {
		t.Error("the panic was not logged")
	}
}
