package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib/shared"
	"github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/libtest"
	engine "github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// vms are VMs whose stores are in them, and on a server.
func vms(t *testing.T) map[string]*libtest.VM {
	redis, _ := onServer(t, time.Minute)
	return map[string]*libtest.VM{"memory": libtest.New(t, store.Library, store.Publish, store.Subscribe), "redis": redis}
}

func onServer(t *testing.T, timeout time.Duration) (*libtest.VM, *storetest.Server) {
	server := storetest.StartRedis(t)
	return another(t, server, timeout), server
}

// another is one more VM that uses a server.
func another(t *testing.T, server *storetest.Server, timeout time.Duration) *libtest.VM {
	s, err := engine.NewRedis(engine.RedisOptions{URL: server.URL, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AwaitFirst(t.Context())
	vm := libtest.New(t, store.Library, store.Publish, store.Subscribe, shared.Channel)
	vm.Change = func(script *luart.Script) { script.Store = s }
	return vm
}

// A script sees the same, wherever its store is.
func TestStore(t *testing.T) {
	for name, vm := range vms(t) {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ chunk, want string }{
				// Values come back as they were.
				{`local s = rover.store("v") s:set("k", "a\0\255") local v = s:get("k") return #v, v:byte(2), v:byte(3)`, "3 | 0 | 255"},
				{`local s = rover.store("v") s:set("k", "") return s:get("k") == "", type(s:get("k"))`, "true | string"},
				{`local s = rover.store("v") s:set("k", "#12") return type(s:get("k")), (s:incr("k"))`, "string | nil"},
				{`local s = rover.store("v") for _, n in ipairs { 0, -1, 1.5, 2^53, 1e300, -0.1, 1/0 } do s:set("k", n) assert(s:get("k") == n, n) end s:set("k", 0/0) local n = s:get("k") return n ~= n`, "true"},
				{`local s = rover.store("v") s:set("k", true) local a = s:get("k") s:set("k", false) local b, version = s:get("k") return a, b, version > 0`, "true | false | true"},
				{`local s = rover.store("v") s:set("k", { 1, { x = "y" }, [-1] = false, n = 2.5 }) local t = s:get("k") return #t, t[2].x, t[-1], t.n`, "2 | y | false | 2.5"},
				{`local s = rover.store("v") local t = { 1 } s:set("k", t) t[1] = 2 s:get("k")[1] = 3 return s:get("k")[1]`, "1"},

				// What is no plain data, and what is too large.
				{`rover.store("v"):set("k", nil)`, "error: chunk:1: bad argument #2 to set (value other than nil expected, got nil)"},
				{`rover.store("v"):set("k", { a = { print } })`, "error: chunk:1: bad argument #2 to set (a function is no plain data (at .a[1]))"},
				{`rover.store("v"):set("k", ("x"):rep(2^20))`, "error: chunk:1: bad argument #2 to set (the value is larger than 1048575 bytes, the limit)"},
				{`local t = {} for i = 1, 2000 do t[i] = ("x"):rep(1000) end rover.store("v"):set("k", t)`, "error: chunk:1: bad argument #2 to set (the value is larger than 1048575 bytes, the limit)"},
				{`return (rover.store("v"):set("k", ("x"):rep(2^20 - 1)))`, "true"},

				// Keys.
				{`rover.store("v"):get("")`, "error: chunk:1: bad argument #1 to get (a key of 1 to 512 bytes expected)"},
				{`rover.store("v"):get(("k"):rep(513))`, "error: chunk:1: bad argument #1 to get (a key of 1 to 512 bytes expected)"},
				{`local s = rover.store("v") s:set(("k"):rep(512), 1) s:set(7, "seven") return (s:get(("k"):rep(512))), (s:get("7"))`, "1 | seven"},
				{`rover.store("")`, "error: chunk:1: bad argument #1 to store (a name of 1 to 128 bytes expected)"},
				// "1:a:b:c" and "1:a" with "b:c" are apart.
				{`rover.store("a"):set("b:c", 1) rover.store("a:b"):set("c", 2) return (rover.store("a"):get("b:c")), (rover.store("a:b"):get("c"))`, "1 | 2"},
				{`rover.store("x"):set("k", 1) return rover.store("y"):get("k")`, "nil"},

				// Conditions.
				{`local s = rover.store("c") local a, b, c = (s:set("k", 1, { only = "old" })), (s:set("k", 2, { only = "new" })), (s:set("k", 3, { only = "new" })) return a, b, c, (s:get("k"))`, "false | true | false | 2"},
				{`rover.store("c"):set("k", 1, { only = "newer" })`, `error: chunk:1: bad argument #3 to set (option 'only': "new" or "old" expected, got newer)`},
				{`rover.store("c"):set("k", 1, { tll = 1 })`, `error: chunk:1: bad argument #3 to set (unknown option "tll": did you mean ttl?)`},
				{`local s = rover.store("c") s:set("q", 1) local _, v = s:get("q") s:incr("q") return s:cas("q", v, 9), (s:get("q"))`, "false | 2"},
				{`local s = rover.store("c") local ok, v = s:cas("new", 0, "x") return ok, (s:cas("new", v, "y")), (s:cas("new", 0, "z")), (s:get("new"))`, "true | true | false | y"},
				{`rover.store("c"):cas("k", 1.5, 1)`, "error: chunk:1: bad argument #2 to cas (an integer below 2^53 expected)"},

				// Numbers.
				{`local s = rover.store("n") s:set("k", 41) return s:incr("k"), (s:get("k"))`, "42 | 42"},
				{`local s = rover.store("n") s:set("k", 1.5) return s:incr("k")`, "nil | store: the value is not a number"},
				{`local s = rover.store("n") s:set("k", 2^53 - 1) return s:incr("k")`, "nil | store: the number would be beyond 2^53 - 1"},
				{`rover.store("n"):incr("k", 0.5)`, "error: chunk:1: bad argument #2 to incr (an integer below 2^53 expected)"},
				{`rover.store("n"):incr("k", 0/0)`, "error: chunk:1: bad argument #2 to incr (an integer below 2^53 expected)"},

				// Time to live.
				{`local s = rover.store("t", { ttl = 100 }) s:set("k", 1) s:set("l", 1, { forever = true }) return s:ttl("k") > 90, s:ttl("l"), s:ttl("m")`, "true | inf | nil"},
				{`local s = rover.store("t2") s:set("k", 1) local d = s:ttl("k") return d > 86000 and d <= 86400`, "true"},
				{`local s = rover.store("t3", { forever = true }) s:incr("k") return s:ttl("k"), s:expire("k", 50), s:ttl("k") <= 50, s:expire("none", 50)`, "inf | true | true | false"},
				{`rover.store("t", { ttl = 0 })`, "error: chunk:1: bad argument #2 to store (option 'ttl': seconds, more than 0, expected, got 0)"},
				{`rover.store("t"):expire("k", 0)`, "error: chunk:1: bad argument #2 to expire (seconds, more than 0, expected)"},
				{`rover.store("t"):expire("k", -1)`, "error: chunk:1: bad argument #2 to expire (seconds, 0 or more, expected)"},

				// List.
				{`local s = rover.store("l") for i = 1, 5 do s:set("k" .. i, i) end s:lock("k9") rover.store("l2"):set("k0", 1) return table.concat(s:list("k", { limit = 2, after = "k2" }), ","), #s:list(), #s:list("x")`, "k3,k4 | 5 | 0"},
				{`rover.store("l"):list("", { limit = 0 })`, "error: chunk:1: bad argument #2 to list (option 'limit': an integer from 1 to 1000 expected, got 0)"},

				// Rates.
				{`local s, r = rover.store("r"), { rate = 3, per = 3600 } local n = 0 for i = 1, 9 do if s:take("k", r) then n = n + 1 end end local ok, left = s:take("k", r) return n, ok, left.remaining, left.retry_after <= 1200, left.reset <= 3600`, "3 | false | 0 | true | true"},
				{`local ok, left = rover.store("r"):take("c", { rate = 5, per = 60, burst = 10, cost = 11 }) return ok, left.retry_after`, "false | nil"},
				{`rover.store("r"):take("k", { rate = 0 })`, "error: chunk:1: bad argument #2 to take (a rate of 0: more than 0 and at most 1e9 expected)"},
				{`rover.store("r"):take("k", { per = 60 })`, "error: chunk:1: bad argument #2 to take (a rate of 0: more than 0 and at most 1e9 expected)"},
				{`rover.store("r"):take("k", { rate = 1, burst = 1.5 })`, "error: chunk:1: bad argument #2 to take (a burst of -1: 1 to 1e9 expected)"},
				{`rover.store("r"):take("k", { rate = 1, cost = -1 })`, "error: chunk:1: bad argument #2 to take (option 'cost': an integer from 0 to 1e9 expected, got -1)"},

				// Locks.
				{`local s = rover.store("m") local l = s:lock("k") local again, why = s:lock("k", { wait = 0.01 }) local other = s:lock("j") return again, why, l:unlock(), l:unlock(), s:lock("k").fence > l.fence, other.fence > 0`, "nil | timeout | true | false | true | true"},
				{`local s = rover.store("m2") local a = s:lock("k", { ttl = 0.001 }) local b = s:lock("k", { wait = 60 }) return b.fence > a.fence, a:unlock(), a:extend(10), b:extend(10), b:unlock()`, "true | false | false | true | true"},
				{`return rover.store("m3"):lock("k") ~= nil`, "true"},
				{`return rover.store("m3"):lock("k", { wait = 60 }) ~= nil`, "true"}, // given back when the task before ended
				{`rover.store("m"):lock("k", { ttl = 0 })`, "error: chunk:1: bad argument #2 to lock (option 'ttl': seconds expected, got 0)"},

				// Messages.
				{`local s = rover.store("p") local sub = s:subscribe("t") s:publish("u", 1) while not sub:recv(0.001) do s:publish("t", { n = 1 }) end sub:close() sub:close() return sub:recv()`, "nil | closed"},
				{`local sub, other = rover.subscribe("t"), rover.store("t"):subscribe("t") local a, b repeat rover.store("t"):publish("t", 1) rover.publish("t", 2) a, b = a or sub:recv(0.001), b or other:recv(0.001) until a and b return a, b`, "2 | 1"},
				{`rover.publish("t", "event", { n = 1 })`, "error: chunk:1: bad argument #3 to publish (a topic and one value expected: several go into a table)"},
				{`rover.publish("t")`, "error: chunk:1: bad argument #2 to publish (value other than nil expected, got no value)"},
				{`rover.subscribe("")`, "error: chunk:1: bad argument #1 to subscribe (a key of 1 to 512 bytes expected)"},
				{`rover.store("p"):publish("t")`, "error: chunk:1: bad argument #2 to publish (value other than nil expected, got no value)"},
			} {
				vm.Expect(t, c.chunk, c.want)
			}
		})
	}
}

// A subscription keeps what it can, and says that something is missing.
func TestSubscriptionLoses(t *testing.T) {
	vm := libtest.New(t, store.Library)
	vm.Expect(t, `
		local s = rover.store("p")
		local sub = s:subscribe("t")
		for i = 1, 1500 do s:publish("t", i) end
		local first, why = sub:recv()
		local n, sum = 0, sub:recv()
		while true do
			local v, why = sub:recv(0)
			if not v then break end
			n = n + 1
		end
		return first, why, sum, n`, "nil | lost | 501 | 999")
	vm.Expect(t, `
		local s = rover.store("p")
		local sub = s:subscribe("t")
		for i = 1, 10 do s:publish("t", ("x"):rep(2^20 - 1)) end
		local n, _, why = 0, sub:recv()
		while sub:recv(0) do n = n + 1 end
		return why, n`, "lost | 4")
}

// Two machines share what is in the store.
func TestTwoMachines(t *testing.T) {
	one, server := onServer(t, time.Minute)
	two := another(t, server, time.Minute)
	one.Expect(t, `local s = rover.store("v") return (s:set("k", { user = "ann" })), s:incr("n")`, "true | 1")
	two.Expect(t, `local s = rover.store("v") return s:get("k").user, s:incr("n")`, "ann | 2")
	var wg sync.WaitGroup
	wg.Go(func() {
		one.Expect(t, `
			local s = rover.store("p")
			local sub = s:subscribe("t")
			local heard = sub:recv(60).hello
			s:set("heard", true)
			return heard`, "from two")
	})
	two.Expect(t, `
		local s = rover.store("p")
		repeat s:publish("t", { hello = "from two" }) until s:get("heard")
		return "sent"`, "sent")
	wg.Wait()
}

// A server that is away is an error that the script gets, within the store's timeout.
func TestServerIsAway(t *testing.T) {
	vm, server := onServer(t, 2*time.Second)
	vm.Expect(t, `return (rover.store("v"):set("k", 1))`, "true")
	for name, away := range map[string][2]func(){"killed": {server.Kill, server.Start}, "paused": {server.Pause, server.Continue}} {
		away[0]()
		for _, call := range []string{`get("k")`, `set("k", 1)`, `incr("k")`, `delete("k")`, `ttl("k")`, `list()`, `take("k", { rate = 1 })`, `lock("k", { wait = 5 })`, `publish("k", 1)`} {
			got, err := vm.Eval(t.Context(), `return rover.store("v"):`+call)
			if err != nil || !strings.HasPrefix(got, "nil | store: the store is down: ") {
				t.Errorf("%s, %s: %s %v", name, call, got, err)
			}
		}
		away[1]()
		for deadline := time.Now().Add(20 * time.Second); ; {
			got, err := vm.Eval(t.Context(), `return (rover.store("v"):set("k", 1))`)
			if err = errors.Join(err, t.Context().Err()); err != nil || time.Now().After(deadline) {
				t.Fatal(got, err)
			}
			if got == "true" {
				break
			}
		}
	}
}

// What somebody else has written to the server is an error, and nothing worse.
func TestForeignValues(t *testing.T) {
	server := storetest.StartRedis(t)
	s, err := engine.NewRedis(engine.RedisOptions{URL: server.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.AwaitFirst(t.Context())
	vm := another(t, server, time.Minute)
	for _, value := range []string{"", "x", "#", "#1.5", "s", "s\x01\x00", "s\xff\xff\xff\xff\xff", "\x00"} {
		if _, _, err := s.Set(t.Context(), "1:v:k", []byte(value), engine.Forever, engine.Always); err != nil {
			t.Fatal(err)
		}
		vm.Expect(t, `return rover.store("v"):get("k")`, "nil | store: the value is not one of rover.store")
	}
}

// Messages go on after the server was away, and what may be missing is told.
func TestPublishAfterRestart(t *testing.T) {
	one, server := onServer(t, time.Minute)
	two := another(t, server, time.Minute)
	heard := make(chan string, 1)
	go func() {
		got, err := one.Eval(t.Context(), `
			local sub = rover.subscribe("t")
			local value, why
			repeat
				value, why = sub:recv()
				if value == "before" then rover.publish("heard", true) end -- each time: nobody may listen yet
			until why == "lost"
			repeat value = sub:recv() until value == "after"
			return "both"`)
		if err != nil {
			got = err.Error()
		}
		heard <- got
	}()
	two.Expect(t, `
		local sub = rover.subscribe("heard")
		repeat rover.publish("t", "before") until sub:recv(0.01)
		return "heard"`, "heard")
	server.Kill()
	server.Start()
	for {
		if _, err := two.Eval(t.Context(), `return rover.publish("t", "after")`); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-heard:
			if got != "both" {
				t.Errorf("got %s", got)
			}
			return
		default:
		}
	}
}
