package shared_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/lib/shared"
	"github.com/caddy-rover/rover/luart/libtest"
	engine "github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// vmsOn are VMs that share a server.
func vmsOn(t *testing.T, n int, timeout time.Duration) ([]*libtest.VM, *storetest.Server) {
	server := storetest.StartRedis(t)
	var all []*libtest.VM
	for range n {
		s, err := engine.NewRedis(engine.RedisOptions{URL: server.URL, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		s.AwaitFirst(t.Context())
		vm := libtest.New(t, shared.Cache, shared.Lock, shared.Semaphore, shared.Channel)
		vm.Change = func(script *luart.Script) { script.Store = s }
		all = append(all, vm)
	}
	return all, server
}

// evaluation is code that runs.
type evaluation struct {
	t      *testing.T
	result chan string
}

func begin(t *testing.T, vm *libtest.VM, chunk string) *evaluation {
	e := &evaluation{t, make(chan string, 1)}
	go func() {
		got, err := vm.Eval(context.WithoutCancel(t.Context()), chunk)
		if err != nil {
			got = "not run: " + err.Error()
		}
		e.result <- got
	}()
	return e
}

func (e *evaluation) expect(want string) {
	e.t.Helper()
	if got := <-e.result; got != want {
		e.t.Errorf("got %q, want %q", got, want)
	}
}

// await evaluates a chunk until it returns want.
func await(t *testing.T, vm *libtest.VM, chunk, want string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		got, err := vm.Eval(t.Context(), chunk)
		if err == nil && got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %q %v, want %q", chunk, got, err, want)
		}
	}
}

// A script sees the same, wherever its store is.
func TestSharedLock(t *testing.T) {
	vms, _ := vmsOn(t, 1, time.Minute)
	for name, vm := range map[string]*libtest.VM{
		"memory": libtest.New(t, shared.Lock, shared.Semaphore), "redis": vms[0],
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ chunk, want string }{
				{`local l = rover.lock("a", { shared = true }) local ok, fence = l:acquire() local held, same = l:held() return ok, fence > 0, held, fence == same, l:release(), l:held()`, "true | true | true | true | true | false"},
				{`local l = rover.lock("a", { shared = true }) local _, a = l:acquire(0) l:release() local _, b = l:acquire(5) l:release() return b > a`, "true"},
				{`return rover.lock("a", { shared = true }):acquire(0) and "kept by nobody"`, "kept by nobody"}, // until its task ends
				{`return rover.lock("a", { shared = true }):acquire(0) and "kept by nobody"`, "kept by nobody"},
				{`local l = rover.lock("w", { shared = true }) return l:with(function(fence) local held, same = l:held() return held, fence == same, nil, "x" end)`, "true | true | nil | x"},
				{`local l = rover.lock("w", { shared = true }) local ok, err = pcall(l.with, l, function() error("boom") end) return ok, err, l:held(), l:acquire(0) and true`, "false | chunk:1: boom | false | true"},
				{`local l = rover.lock("w", { shared = true }) return l:with(function() l:release() return "early" end)`, "early"},
				{`local l = rover.lock("d", { shared = true }) l:acquire() l:acquire(0)`, `error: chunk:1: deadlock: shared lock "d" is held by this handler already (chunk:1)`},
				{`rover.lock("n", { shared = true }):release()`, `error: chunk:1: shared lock "n" is not held by this handler`},
				{`local mine, all = rover.lock("x"), rover.lock("x", { shared = true }) return mine:acquire(0), (all:acquire(0)), mine:held(), (all:held()), mine:release(), all:release(), mine:held()`, "true | true | true | true | nil | true | false"},
				{`return rover.lock("x", { shared = false, ttl = nil }):held()`, "false"},

				{`local s = rover.semaphore("s", 2, { shared = true }) local _, a = s:acquire() local _, b = s:acquire() local c, why = s:acquire(0.001) local _, last = s:held() return b > a, c, why, last == b, s:release(), s:release(), s:held()`, "true | false | timeout | true | true | true | false"},
				{`local a, b = rover.semaphore("s", 1, { shared = true }), rover.semaphore("t", 1, { shared = true }) return a:with(function() return b:with(function() return (a:acquire(0)) end) end)`, "false"},

				{`rover.lock("x", { ttl = 5 })`, "error: chunk:1: bad argument #2 to lock (option 'ttl': it is for shared = true)"},
				{`rover.lock("x", { shared = 1 })`, "error: chunk:1: bad argument #2 to lock (option 'shared': a boolean expected, got 1)"},
				{`rover.lock("x", { shared = true, ttl = 0.01 })`, "error: chunk:1: bad argument #2 to lock (option 'ttl': seconds, 0.1 to 86400, expected, got 0.01)"},
				{`rover.semaphore("x", 3, { shared = true, ttl = "5" })`, "error: chunk:1: bad argument #3 to semaphore (option 'ttl': seconds, 0.1 to 86400, expected, got the text \"5\")"},
				{`rover.semaphore("x", 3, { share = true })`, `error: chunk:1: bad argument #3 to semaphore (unknown option "share": did you mean shared?)`},
				{`rover.lock(("x"):rep(257), { shared = true })`, "error: chunk:1: bad argument #1 to lock (a name of at most 256 bytes expected: it is shared)"},
			} {
				vm.Expect(t, c.chunk, c.want)
			}
		})
	}
}

const holds = `local ok, fence = rover.lock("l", { shared = true, ttl = 60 }):acquire(60)
	rover.channel("got", 1):send(fence)
	rover.channel("go", 1):recv()
	return ok`

// While one machine has a lock others wait for it, whoever asks on them.
func TestSharedLockOfTwoMachines(t *testing.T) {
	vms, _ := vmsOn(t, 2, time.Minute)
	one, two := vms[0], vms[1]
	first := begin(t, one, holds)
	await(t, one, `return rover.channel("got", 1):recv(60) ~= nil`, "true")
	two.Expect(t, `return rover.lock("l", { shared = true }):acquire(0)`, "false | timeout")
	two.Expect(t, `return rover.lock("l", { shared = true }):acquire(0.02)`, "false | timeout")
	two.Expect(t, `return (rover.semaphore("l", 1, { shared = true }):acquire(0))`, "true") // another thing
	waits := begin(t, two, holds)
	after := begin(t, two, holds)
	one.Expect(t, `return rover.channel("go", 1):send(true)`, "true")
	first.expect("true")
	two.Expect(t, `local f = rover.channel("got", 1):recv(60) rover.channel("go", 1):send(true) local g = rover.channel("got", 1):recv(60) rover.channel("go", 1):send(true) return g > f`, "true")
	waits.expect("true")
	after.expect("true")
}

// A VM that ends gives back what is held in it, at once, and one whose process was killed after ttl.
func TestSharedLockOfTheDead(t *testing.T) {
	vms, _ := vmsOn(t, 3, time.Minute)
	first := begin(t, vms[0], holds)
	await(t, vms[0], `return rover.channel("got", 1):recv(60) ~= nil`, "true")
	next := begin(t, vms[1], `return rover.lock("l", { shared = true }):acquire(60) and "free again"`)
	vms[0].Close(ended())
	next.expect("free again")
	if got := <-first.result; !strings.Contains(got, "the server is stopping") {
		t.Error(got)
	}
}

// Who holds a lock knows when a store that was away has lost it, and who wants one is told.
func TestSharedLockWhileTheStoreIsAway(t *testing.T) {
	vms, server := vmsOn(t, 2, 2*time.Second)
	for name, away := range map[string][2]func(){"killed": {server.Kill, server.Start}, "paused": {server.Pause, server.Continue}} {
		t.Run(name, func(t *testing.T) {
			for _, vm := range vms {
				await(t, vm, `return (rover.lock("up", { shared = true }):acquire(1))`, "true")
			}
			holder := begin(t, vms[0], `
				local l = rover.lock("l", { shared = true, ttl = 0.3 })
				local ok, why = l:acquire(60)
				rover.channel("got", 1):send(true)
				while l:held() do rover.sleep(0.01) end
				return ok, l:release()`)
			within := begin(t, vms[0], `
				local ok, why = pcall(function()
					rover.lock("w", { shared = true, ttl = 0.3 }):with(function()
						rover.channel("got", 1):send(true)
						while rover.lock("w", { shared = true }):held() do rover.sleep(0.01) end
					end)
				end)
				return ok, why`)
			await(t, vms[0], `local c = rover.channel("got", 1) return c:recv(60) and c:recv(60)`, "true")
			away[0]()
			holder.expect("true | false")
			within.expect(`false | chunk:3: shared lock "w" was lost while its function ran: the store gave it to others, or was away for longer than its ttl`)
			got, err := vms[1].Eval(t.Context(), `return rover.lock("l", { shared = true, ttl = 0.3 }):acquire(60)`)
			if err != nil || !strings.HasPrefix(got, "false | store: the store is down: ") {
				t.Error(got, err)
			}
			for _, call := range []string{`:acquire()`, `:with(function() end)`} {
				got, err := vms[1].Eval(t.Context(), `local ok, err = pcall(function() rover.lock("l", { shared = true, ttl = 0.3 })`+call+` end) return err.status, err, err.cause`)
				if err != nil || !strings.HasPrefix(got, `503 | shared lock "l" is not available | the store is down: `) {
					t.Error(got, err)
				}
			}
			away[1]() // what was asked for meanwhile, and nobody has, is free after its ttl
			for _, vm := range vms {
				await(t, vm, `return (rover.lock("l", { shared = true }):acquire(1))`, "true")
			}
		})
	}
}

// ended is a context that is over.
func ended() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}
