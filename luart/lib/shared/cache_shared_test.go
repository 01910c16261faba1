package shared_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/lib/shared"
	"github.com/caddy-rover/rover/luart/libtest"
	engine "github.com/caddy-rover/rover/luart/store"
)

const cacheOf = `local c = rover.cache("c", { shared = true, local_ttl = 3600 }) `

// A script sees the same, wherever its store is.
func TestSharedCache(t *testing.T) {
	vms, _ := vmsOn(t, 1, time.Minute)
	for name, vm := range map[string]*libtest.VM{"memory": libtest.New(t, shared.Cache, shared.Channel), "redis": vms[0]} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ chunk, want string }{
				// Values and keys are those of a cache of the VM.
				{`return c:get("k"), c:set("k", { user = "ann" }), c:get("k").user`, "nil | true | ann"},
				{`local t = { 1 } c:set("k", t) t[1] = 2 c:get("k")[1] = 3 return c:get("k")[1]`, "1"},
				{`c:set(1, "number") c:set("1", "string") c:set("n1", "other") return c:get(1), c:get("1"), c:get("n1")`, "number | string | other"},
				{`c:set(0.1, "a") c:set(1e300, "b") return c:get(0.1), c:get(1e300)`, "a | b"},
				{`c:set("k", "a\0\255") local v = c:get("k") return #v, v:byte(2), v:byte(3)`, "3 | 0 | 255"},
				{`c:set("f", false) return c:get("f"), c:set("f", nil), c:get("f")`, "false | true | nil"},
				{`c:set("k", 1, 0) return c:get("k")`, "nil"},
				{`c:set("k", 1) return c:delete("k"), c:get("k"), c:delete("k")`, "true | nil | true"},
				{`c:set("a", 1) c:set("b", 2) return c:clear(), c:get("a"), c:get("b"), c:set("a", 3), c:get("a")`, "true | nil | nil | true | 3"},
				{`rover.cache("c"):set("k", "mine") c:set("k", "all") return rover.cache("c"):get("k"), c:get("k")`, "mine | all"},
				{`rover.cache("c:1", { shared = true }):set("k", 1) return rover.cache("c", { shared = true }):get("1:k")`, "nil"},

				// Numbers.
				{`c:delete("n") return c:incr("n"), c:incr("n", 5), c:get("n"), c:incr("n", -7)`, "1 | 6 | 6 | -1"},
				{`c:set("n", 41) return c:incr("n"), c:get("n")`, "42 | 42"},
				{`c:fetch("m", { ttl = 60, stale = 60 }, function() return 10 end) return c:incr("m"), c:get("m"), c:incr("m")`, "11 | 11 | 12"},
				{`c:set("n", "x") c:incr("n")`, `error: chunk:1: cache "c": the value of "n" is not an integer`},
				{`c:incr("n", 0.5)`, "error: chunk:1: bad argument #2 to incr (an integer below 2^53 expected: the cache is shared)"},
				{`c:incr("z", 1, 0)`, "error: chunk:1: bad argument #3 to incr (seconds, more than 0, expected: the cache is shared)"},

				// fetch.
				{`local n = 0 local function f() n = n + 1 return { n = n } end c:delete("f1") return c:fetch("f1", f).n, c:fetch("f1", f).n, c:get("f1").n, n`, "1 | 1 | 1 | 1"},
				{`local n = 0 local function f() n = n + 1 return nil end return c:fetch("f2", f), c:fetch("f2", f), n, c:fetch("f2", { negative = 60 }, f), c:fetch("f2", f), n`, "nil | nil | 2 | nil | nil | 3"},
				{`local n = 0 local function f() n = n + 1 return n, 0 end return c:fetch("f3", f), c:fetch("f3", f), c:get("f3")`, "1 | 2 | nil"},
				{`return pcall(c.fetch, c, "f4", function() error("boom") end)`, "false | chunk:1: boom"},
				{`return c:fetch("f4", function() return "after" end)`, "after"},
				{`c:fetch("f5", function() return c:fetch("f5", function() end) end)`, `error: chunk:1: deadlock: key "f5" of cache "c" is being fetched by this handler already (chunk:1)`},
				{`return c:fetch("f6", function() c:set("f6", "set") return "fetched" end), c:get("f6")`, "fetched | set"},
				{`return c:fetch("f7", function() c:delete("f7") return "fetched" end), c:get("f7")`, "fetched | nil"},
				{`return c:fetch("f8", function() c:clear() return "fetched" end), c:get("f8")`, "fetched | nil"},
				{`local function f() return print end return pcall(c.fetch, c, "f9", f)`, `false | chunk:1: key "f9" of cache "c": what the function returned cannot be stored: a function is no plain data`},
				{`local s = c:stats() return s.fetches > 0, s.store_hits >= 0, s.store_errors, s.invalidated >= 0`, "true | true | 0 | true"},

				// Mistakes.
				{`rover.cache("x", { local_ttl = 1 })`, "error: chunk:1: bad argument #2 to cache (option 'local_ttl': it is for shared = true)"},
				{`rover.cache("x", { shared = "yes" })`, "error: chunk:1: bad argument #2 to cache (option 'shared': a boolean expected, got yes)"},
				{`rover.cache("x", { shared = true, local_ttl = -1 })`, "error: chunk:1: bad argument #2 to cache (option 'local_ttl': seconds, 0 or more, expected, got -1)"},
				{`rover.cache(("x"):rep(257), { shared = true })`, "error: chunk:1: bad argument #1 to cache (a name of at most 256 bytes expected: it is shared)"},
				{`c:get(("k"):rep(513))`, "error: chunk:1: bad argument #1 to get (a key of at most 512 bytes expected: the cache is shared)"},
				{`c:set("k", print)`, "error: chunk:1: bad argument #2 to set (a function is no plain data)"},
				{`c:set("k", ("x"):rep(2^20))`, "error: chunk:1: bad argument #2 to set (the value is larger than 1048575 bytes, the limit)"},
			} {
				vm.Expect(t, cacheOf+c.chunk, c.want)
			}
			if n := shared.Awaited(vm.VM, "c"); n != 0 {
				t.Errorf("%d keys are awaited still", n)
			}
		})
	}
}

// However many ask on however many machines, one function runs.
func TestSharedFlight(t *testing.T) {
	vms, _ := vmsOn(t, 3, time.Minute)
	var all []*evaluation
	for range 2 {
		for _, vm := range vms {
			all = append(all, begin(t, vm, `
				local c = rover.cache("c", { shared = true })
				local calls = rover.cache("calls", { shared = true })
				local all = {}
				for i = 1, 167 do
					all[i] = function()
						return c:fetch("k", function()
							rover.sleep(0.05)
							return calls:incr("n")
						end)
					end
				end
				local sum = 0
				for _, v in ipairs { rover.parallel(all) } do sum = sum + v end
				return sum`))
		}
	}
	for _, e := range all {
		e.expect("167")
	}
	vms[0].Expect(t, `return rover.cache("calls", { shared = true }):incr("n", 0)`, "1")
}

// Who asks in place of others and fails, or dies, is followed by the next one, on another machine too.
func TestSharedFlightGoesOn(t *testing.T) {
	vms, _ := vmsOn(t, 2, time.Minute)
	asks := `local c = rover.cache("c", { shared = true })
		return c:fetch("k", { ttl = 60 }, function()
			rover.channel("asks", 1):send(true)
			local word = rover.channel("go", 1):recv()
			if word == "fail" then error("origin is down", 0) end
			return word
		end)`
	for _, how := range []string{"fail", "die"} {
		first := begin(t, vms[0], asks)
		await(t, vms[0], `return rover.channel("asks", 1):recv(60)`, "true")
		second := begin(t, vms[1], asks)
		if how == "fail" {
			vms[0].Expect(t, `rover.channel("go", 1):send("fail")`, "")
			first.expect("error: origin is down")
		} else {
			vms[0].Close(ended())
			<-first.result
		}
		await(t, vms[1], `return rover.channel("asks", 1):recv(60)`, "true")
		vms[1].Expect(t, `rover.channel("go", 1):send("value")`, "")
		second.expect("value")
		vms[1].Expect(t, `return rover.cache("c", { shared = true }):delete("k")`, "true")
	}
}

// Where messages may have been missed while a function runs, its value is stored all the same, and nobody
// calls another one meanwhile.
func TestSharedFlightWhileMessagesAreMissed(t *testing.T) {
	vms, server := vmsOn(t, 2, time.Minute)
	s, err := engine.NewRedis(engine.RedisOptions{URL: server.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AwaitFirst(t.Context())
	for _, vm := range vms {
		await(t, vm, cacheOf+`c:get("m") return c:set("m", 1) and c:stats().items`, "1")
	}
	asks := cacheOf + `return c:fetch("k", function()
		rover.channel("asks", 1):send(true)
		return rover.channel("go", 1):recv()
	end)`
	all := []*evaluation{begin(t, vms[0], asks)}
	await(t, vms[0], `return rover.channel("asks", 1):recv(60)`, "true")
	if err := s.Publish(t.Context(), "cache:c", []byte("nobody knows what")); err != nil {
		t.Fatal(err)
	}
	for _, vm := range vms {
		await(t, vm, cacheOf+`return c:stats().items`, "0") // nothing is at hand any more
		all = append(all, begin(t, vm, asks), begin(t, vm, asks))
	}
	vms[0].Expect(t, `rover.channel("go", 1):send("once")`, "")
	for _, e := range all {
		e.expect("once")
	}
}

// What one machine sets, deletes, adds to or clears the others see, although they have what was there
// before; and what one of them was asking for then is not stored.
func TestSharedCacheChanges(t *testing.T) {
	vms, _ := vmsOn(t, 3, time.Minute)
	see := func(key, want string) {
		t.Helper()
		for _, vm := range vms {
			await(t, vm, cacheOf+fmt.Sprintf(`return c:get(%q)`, key), want)
		}
	}
	for i, step := range []struct{ do, want string }{
		{`c:set("k", "first")`, "first"},
		{`c:set("k", "second")`, "second"},
		{`c:delete("k")`, "nil"},
		{`c:set("k", 5)`, "5"},
		{`c:incr("k")`, "6"},
		{`c:clear()`, "nil"},
		{`c:fetch("k", function() return "third" end)`, "third"},
	} {
		vms[i%3].Expect(t, cacheOf+step.do, "")
		see("k", step.want)
	}
	// They answer from what they have.
	for _, vm := range vms {
		vm.Expect(t, cacheOf+`local before = c:stats().store_hits for i = 1, 100 do c:get("k") end return c:stats().store_hits - before`, "0")
	}
	for i, change := range []string{`c:set("a", "changed")`, `c:delete("a")`, `c:clear()`} {
		asks := begin(t, vms[0], cacheOf+`
			return c:fetch("a", function()
				rover.channel("asks", 1):send(true)
				return rover.channel("go", 1):recv()
			end)`)
		await(t, vms[0], `return rover.channel("asks", 1):recv(60)`, "true")
		vms[1].Expect(t, cacheOf+change, "")
		vms[0].Expect(t, `rover.channel("go", 1):send("old")`, "")
		asks.expect("old")
		for _, vm := range vms {
			await(t, vm, cacheOf+`return c:get("a")`, map[bool]string{true: "changed", false: "nil"}[i == 0])
		}
		vms[1].Expect(t, cacheOf+`c:clear()`, "")
		see("a", "nil")
	}
}

// An old value is served at once to who takes one.
func TestSharedStale(t *testing.T) {
	vms, _ := vmsOn(t, 2, time.Minute)
	fetch := `local c = rover.cache("c", { shared = true, local_ttl = 0.001 })
		return c:fetch("k", { ttl = 0.05, stale = 3600 }, function() return (rover.cache("calls", { shared = true }):incr("n")) end)`
	vms[0].Expect(t, fetch, "1")
	await(t, vms[1], `return rover.cache("c", { shared = true }):get("k")`, "nil") // its time is over
	vms[1].Expect(t, fetch, "1")                                                   // and it is good for fetch
	// Where no task can be started, as here, it serves on; who takes no old value gets a new one.
	fresh := `local c = rover.cache("c", { shared = true }) return c:fetch("k", { ttl = 3600 }, function() return "new" end)`
	vms[0].Expect(t, fresh, "new")
	await(t, vms[1], fetch, "new")
}

// While the store is away each machine asks for itself, and keeps it for a while; when it is back they agree
// again.
func TestSharedCacheWhileTheStoreIsAway(t *testing.T) {
	vms, server := vmsOn(t, 2, 100*time.Millisecond)
	for name, away := range map[string][2]func(){"killed": {server.Kill, server.Start}, "paused": {server.Pause, server.Continue}} {
		t.Run(name, func(t *testing.T) {
			fetch := func(word string) string {
				return cacheOf + fmt.Sprintf(`return c:fetch(%q, function() return %q end)`, name, word)
			}
			for _, vm := range vms {
				await(t, vm, cacheOf+`return c:set("up", 1)`, "true")
			}
			away[0]()
			for i, vm := range vms {
				word := fmt.Sprint("of ", i)
				vm.Expect(t, fetch(word), word)
				vm.Expect(t, fetch("other"), word)
				for _, call := range []string{`get("z")`, `set("k", 1)`, `incr("z")`, `delete("z")`, `clear()`} {
					got, err := vm.Eval(t.Context(), cacheOf+`return c:`+call)
					if err != nil || !strings.HasPrefix(got, "nil | store: the store is down: ") {
						t.Errorf("%s: %s %v", call, got, err)
					}
				}
			}
			away[1]()
			for _, vm := range vms {
				await(t, vm, cacheOf+fmt.Sprintf(`return c:set(%q, "again")`, name), "true")
			}
			for _, vm := range vms {
				await(t, vm, fetch("not asked"), "again")
			}
		})
	}
}
