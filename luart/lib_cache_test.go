package luart

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib/shared"
	"github.com/caddy-rover/rover/luart/luaval"
)

// fetchScript fetches by way of functions that wait for a word on channel "go".
const fetchScript = `
	local api = rover.server {}
	local s = rover.state("s", { calls = 0 })
	local options = { ttl = 10, stale = 20 }
	local function c() return rover.cache("c") end
	local function slow()
		s.calls = s.calls + 1
		local call = s.calls
		local word = rover.channel("go", 100):recv()
		if word == "fail" then error("origin is down") end
		if word == "spin" then while true do rover.vm.spend() end end
		if word == "none" then return nil end
		return { word = word, call = call }
	end
	local function show(v) return v and v.word .. v.call or "nil" end
	function api.fetch.get() return show(c():fetch("k", slow)) end
	function api.again.get()
		local ok, err = pcall(c().fetch, c(), "k", slow)
		if ok then return show(err) end
		s.again = select(2, pcall(c().fetch, c(), "k", slow))
		error(err, 0)
	end
	function api.state.p_of.get(ctx) return s[ctx:param("of")] end
	function api.stale.get() return show(c():fetch("k", options, slow)) end
	function api.negative.get() return show(c():fetch("k", { negative = 5 }, slow)) end
	function api.ttl.get() return show(c():fetch("k", { ttl = 0.5 }, slow)) end
	function api.cached.get() return show(c():get("k")) end
	function api.drop.get() c():delete("k") return "ok" end
	function api.go.p_word.get(ctx) rover.channel("go", 100):send(ctx:param("word")) return "ok" end
	function api.calls.get() return s.calls end
	function api.stats.p_name.get(ctx) return c():stats()[ctx:param("name")] end
	return api`

// However many ask at once, one function runs, and all get its value.
func TestFetchSingleFlight(t *testing.T) {
	s := newServer(t, fetchScript)
	all := make([]*pending, 100)
	for i := range all {
		all[i] = s.begin("GET /fetch")
	}
	s.untilWaiting(100)
	s.once("GET /calls", "200 1")
	s.once("GET /go/v", "200 ok")
	for _, p := range all {
		p.expect("200 v1")
	}
	s.expect("GET /fetch", "200 v1")
	s.expect("GET /stats/fetches", "200 1")
	s.expect("GET /stats/misses", "200 100")
	s.expect("GET /stats/hits", "200 2")
}

// A function that fails, in whatever way, is its own caller's failure: the next of those
// who wait calls its own.
func TestFetchTakeover(t *testing.T) {
	for name, fail := range map[string]struct {
		do   func(s *server, first *pending)
		want string
	}{
		"error":       {func(s *server, _ *pending) { s.once("GET /go/fail", "200 ok") }, `500 {"error":"internal error"}`},
		"burst":       {func(s *server, _ *pending) { s.once("GET /go/spin", "200 ok") }, `500 {"error":"internal error"}`},
		"client gone": {func(_ *server, first *pending) { first.leave() }, gone},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, fetchScript, withSpend)
			first := s.beginWaiting("GET /fetch")
			second := s.beginWaiting("GET /fetch")
			third := s.beginWaiting("GET /fetch")
			fail.do(s, first)
			first.expect(fail.want)
			for answer(s.do("GET /calls", "")) != "200 2" {
			}
			s.once("GET /go/v", "200 ok")
			second.expect("200 v2")
			third.expect("200 v2")
			s.expect("GET /cached", "200 v2")
		})
	}
}

// One that is handed the flight at the moment its client leaves hands it on.
func TestFetchTakeoverByOneWhoLeaves(t *testing.T) {
	s := newServer(t, fetchScript)
	first := s.beginWaiting("GET /fetch")
	second := s.beginWaiting("GET /again")
	third := s.beginWaiting("GET /fetch")
	s.held(func() {
		s.waitsIn("GET /fetch").runEndings() // second has it now, but does not run yet
		second.leave()
	})
	second.expect(gone)
	s.expect("GET /state/again", "200 app.lua:20: the client closed the request") // and no deadlock with itself
	for answer(s.do("GET /calls", "")) != "200 2" {
	}
	s.once("GET /go/a", "200 ok")
	first.expect("200 a1") // its value is not stored: it is not the flight's owner any more
	s.once("GET /go/b", "200 ok")
	third.expect("200 b2")
	s.expect("GET /cached", "200 b2")
}

// Those who ask after a delete do not get what was asked for before.
func TestFetchAfterDelete(t *testing.T) {
	s := newServer(t, fetchScript)
	before := s.beginWaiting("GET /fetch")
	with := s.beginWaiting("GET /fetch")
	s.once("GET /drop", "200 ok")
	after := s.beginWaiting("GET /fetch")
	s.once("GET /calls", "200 2")
	s.once("GET /go/old", "200 ok")
	before.expect("200 old1")
	with.expect("200 old1")
	s.expect("GET /cached", "200 nil")
	s.once("GET /go/new", "200 ok")
	after.expect("200 new2")
	s.expect("GET /cached", "200 new2")
}

func TestFetchTTL(t *testing.T) {
	s, clock := newClockServer(t, fetchScript)
	for _, w := range []string{"a", "b", "none", "none", "c"} {
		s.once("GET /go/"+w, "200 ok")
	}
	s.expect("GET /ttl", "200 a1")
	clock.advance(499 * time.Millisecond)
	s.expect("GET /ttl", "200 a1")
	s.expect("GET /cached", "200 a1")
	clock.advance(time.Millisecond)
	s.expect("GET /cached", "200 nil")
	s.expect("GET /ttl", "200 b2")
	clock.advance(time.Second)
	s.expect("GET /negative", "200 nil")
	clock.advance(4999 * time.Millisecond)
	s.expect("GET /negative", "200 nil")
	s.once("GET /calls", "200 3")
	clock.advance(time.Millisecond)
	s.expect("GET /negative", "200 nil")
	s.once("GET /calls", "200 4")
	clock.advance(5 * time.Second)
	s.expect("GET /negative", "200 c5")
	s.expect("GET /stats/expired", "200 4")
}

// While a stale value is refreshed everybody gets it at once; one background task
// refreshes it.
func TestFetchStale(t *testing.T) {
	s, clock := newClockServer(t, fetchScript)
	s.once("GET /go/v", "200 ok")
	s.expect("GET /stale", "200 v1")
	clock.advance(10 * time.Second)
	for range 10 {
		s.once("GET /stale", "200 v1")
	}
	s.untilWaiting(1)
	s.once("GET /calls", "200 2")
	s.expect("GET /cached", "200 nil") // stale is for fetch alone
	s.once("GET /go/v", "200 ok")
	s.untilWaiting(0)
	s.expect("GET /cached", "200 v2")
	s.expect("GET /stats/stale_served", "200 10")
}

// A refresh that fails is logged, and the stale value serves until its time is over.
func TestFetchStaleRefreshFails(t *testing.T) {
	s, clock := newClockServer(t, fetchScript)
	s.once("GET /go/v", "200 ok")
	s.expect("GET /stale", "200 v1")
	clock.advance(10 * time.Second)
	for i := range 3 {
		s.once("GET /go/fail", "200 ok")
		s.once("GET /stale", "200 v1")
		for len(s.logged("background task failed")) <= i {
		}
		s.untilNoTasks()
	}
	entry := s.logged("background task failed")[0].ContextMap()
	if entry["task"] != "rover.cache fetch" || !strings.HasPrefix(entry["defined_at"].(string), "app.lua:") ||
		!strings.Contains(entry["error"].(string), "origin is down") {
		t.Errorf("logged %v", entry)
	}
	clock.advance(20 * time.Second)
	s.once("GET /go/fail", "200 ok")
	s.once("GET /stale", `500 {"error":"internal error"}`)
	s.once("GET /go/w", "200 ok")
	s.expect("GET /stale", "200 w6")
}

// Those who ask when the stale time is over, while the refresh still runs, wait for it.
func TestFetchStaleIsOver(t *testing.T) {
	s, clock := newClockServer(t, fetchScript)
	s.once("GET /go/v", "200 ok")
	s.expect("GET /stale", "200 v1")
	clock.advance(10 * time.Second)
	s.expect("GET /stale", "200 v1")
	s.untilWaiting(1)
	clock.advance(20 * time.Second)
	late := s.beginWaiting("GET /stale")
	s.once("GET /go/v", "200 ok")
	late.expect("200 v2")
}

// Where no background task can be started the stale value serves as it is.
func TestFetchStaleWithoutTasks(t *testing.T) {
	s, clock := newClockServer(t, fetchScript)
	s.once("GET /go/v", "200 ok")
	s.expect("GET /stale", "200 v1")
	clock.advance(10 * time.Second)
	s.held(func() { s.vm.tasks += maxTasks })
	s.expect("GET /stale", "200 v1")
	s.held(func() { s.vm.tasks -= maxTasks })
	s.gen.Retire()
	s.expect("GET /stale", "200 v1")
	s.once("GET /calls", "200 1")
	s.held(func() {
		if n := shared.Flights(s.vm, "c"); n != 0 {
			t.Errorf("%d flights", n)
		}
	})
}

// untilNoTasks returns when no background task runs.
func (s *server) untilNoTasks() {
	for n := 1; n > 0; {
		s.held(func() { n = s.vm.tasks })
	}
}

// With half of the clients leaving at any time all others get a value, and no flight
// stays.
func TestFetchManyLeave(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.p_key.get(ctx)
			return rover.cache("c"):fetch(ctx:param("key"), { ttl = 0 }, function() rover.sleep(0.0001) return "v" end)
		end
		return api`)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		all := make([]*pending, 50)
		for i := range all {
			all[i] = s.begin(fmt.Sprintf("GET /%d", i%3))
		}
		stay := make([]bool, len(all))
		for _, i := range r.Perm(len(all)) {
			if stay[i] = i%2 == 0; !stay[i] {
				all[i].leave()
			}
		}
		for i, p := range all {
			if got := <-p.result; got != "200 v" && (stay[i] || !strings.HasPrefix(got, "499") && !strings.HasPrefix(got, "503 context canceled")) {
				t.Errorf("%v: %s", stay[i], got)
			}
		}
	}
	s.held(func() {
		if n := shared.Flights(s.vm, "c"); n != 0 {
			t.Errorf("%d flights", n)
		}
	})
}

// What is cached outlives a generation, and so do counts and options.
func TestCacheOutlivesGenerations(t *testing.T) {
	source := `
		local api = rover.server {}
		local c = rover.cache("c", { max_items = %d })
		function api.set.get() for i = 1, 3 do c:set(i, { i }) end return "ok" end
		function api.cached.get() local v = c:get(3) return v and v[1] end
		function api.items.get() return c:stats().items end
		return api`
	s := newServer(t, fmt.Sprintf(source, 3))
	s.once("GET /set", "200 ok")
	if err := s.load(fmt.Sprintf(source, 2)); err != nil {
		t.Fatal(err)
	}
	s.expect("GET /cached", "200 3")
	s.expect("GET /items", "200 2")
}

// There is a limit to the names of caches, and it says so.
func TestCacheNames(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() for i = 1, 10001 do rover.cache("c" .. i) end end
		return api`, withBurst(10*time.Minute))
	s.once("GET /", `500 {"error":"internal error"}`)
	if msg := s.logged("script error")[0].ContextMap()["error"].(string); !strings.Contains(msg, "rover.cache: 10000 names are in use, the limit") {
		t.Error(msg)
	}
}

// FuzzPlain copies what JSON can say, which is most of what plain data is, and says it
// again.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,2,{"b":null}],"c":"\u0000\ud83d\ude00","":{}}`, `[]`, `[[],[{}],{"1":1}]`, `"x"`, `-1.5e300`, `[null,1]`, `true`,
	} {
		f.Add(seed)
	}
	vm := newVM(f, VMOptions{})
	f.Cleanup(func() { vm.Close(f.Context()) })
	f.Fuzz(func(t *testing.T, text string) {
		_ = vm.loop.DoAdmitted(func(th *thread) error {
			v, err := jsonlua.Decode(th.L, []byte(text))
			if err != nil {
				return nil
			}
			want, err := jsonlua.Append(nil, nil, v)
			if err != nil {
				return nil
			}
			p, bytes, err := luaval.CopyData(v, luaval.MaxDataBytes)
			if err != nil {
				t.Fatalf("%s: %v", want, err)
			}
			if min := len(want) / 8; bytes < min {
				t.Errorf("%s counts for %d bytes", want, bytes)
			}
			copied := luaval.NewValue(th.L, p)
			got, err := jsonlua.Append(nil, nil, copied)
			if err != nil || string(got) != string(want) {
				t.Errorf("copied %s: %s, %v", want, got, err)
			}
			if table, ok := v.(*lua.LTable); ok && copied == lua.LValue(table) {
				t.Error("it is the same table")
			}
			_, again, err := luaval.CopyData(copied, bytes)
			if err != nil || again != bytes {
				t.Errorf("counts for %d, then for %d: %v", bytes, again, err)
			}
			if bytes > 0 {
				if _, _, err := luaval.CopyData(v, bytes-1); err == nil {
					t.Error("the limit does not count")
				}
			}
			return nil
		})
	})
}
