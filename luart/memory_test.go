package luart

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/glua"
)

// A table with ever new keys keeps the memory of those it holds.
func TestCompactGivesBackDeletedKeys(t *testing.T) {
	table := &lua.LTable{Metatable: lua.LNil}
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[lua.LValue]lua.LValue{}
	for i := range 50_000 {
		var key lua.LValue = lua.LString(fmt.Sprint("10.0.0.", i))
		switch rng.IntN(3) {
		case 0:
			key = lua.LNumber(float64(i) + 0.5)
		case 1:
			key = lua.LNumber(-i)
		}
		table.RawSet(key, lua.LNumber(i))
		if i%10 == 0 {
			want[key] = lua.LNumber(i)
		} else {
			table.RawSet(key, lua.LNil)
		}
	}
	table.RawSetInt(1, lua.LString("one"))
	want[lua.LNumber(1)] = lua.LString("one")
	if n := len(glua.TableOf(table).Keys); n < 40_000 {
		t.Fatalf("gopher-lua keeps %d keys: it has learnt to delete them, compact can go", n)
	}
	glua.Compact(table)
	if n := len(glua.TableOf(table).Keys); n > 6000 {
		t.Errorf("%d keys are left", n)
	}
	got := map[lua.LValue]lua.LValue{}
	for k, v := table.Next(lua.LNil); k != lua.LNil; k, v = table.Next(k) {
		got[k] = v
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the table has %d entries, want %d", len(got), len(want))
	}
	table.RawSetString("new", lua.LTrue)
	if v := table.RawGetString("new"); v != lua.LTrue {
		t.Errorf("a new key is %v", v)
	}
}

// The count is an estimate: it stays within a third of what the heap shows.
func TestCountIsNearTheHeap(t *testing.T) {
	for name, fill := range map[string]string{
		"strings by name":  `for i = 1, 100000 do s["key number " .. i] = "value number " .. i end`,
		"numbers by name":  `for i = 1, 200000 do s["k" .. i] = i + 0.5 end`,
		"array of numbers": `for i = 1, 500000 do s[i] = i + 0.5 end`,
		"array of strings": `for i = 1, 200000 do s[i] = ("x"):rep(100) .. i end`,
		"sparse numbers":   `for i = 1, 100000 do s[i * 1000003] = i end`,
		"small tables":     `for i = 1, 50000 do s[i] = { id = i, name = "n" .. i } end`,
		"closures":         `for i = 1, 50000 do local j = i s[i] = function() j = j + 1 return j end end`,
		"long strings":     `for i = 1, 20 do s[i] = ("x"):rep(1e6) .. i end`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, `
				local api = rover.server {}
				local s = rover.state("s")
				function api.fill.post() `+fill+` end
				return api`, withBurst(time.Minute), func(s *Script) { s.Timeout = 0 })
			before := heapInUse()
			counted := heapCountOf(t, s.vm)
			if got := answer(s.do("POST /fill", "")); got != "204 " {
				t.Fatal(got, s.logged("script error"))
			}
			heap := heapInUse() - before
			estimate := heapCountOf(t, s.vm) - counted
			if ratio := float64(estimate) / float64(heap); ratio < 0.66 || ratio > 1.5 {
				t.Errorf("the estimate is %d, the heap grew by %d: %.2f", estimate, heap, ratio)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heapInUse() int64 {
	for range 4 { // pools keep what they hold through two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func heapCountOf(t testing.TB, vm *VM) int64 {
	t.Helper()
	if _, ok := vm.memory.Count(); !ok {
		t.Fatal("not counted")
	}
	return vm.Memory()
}

// beyondMemory has the scripts keep more than they may, but for what slices of VM time may allocate.
func (s *server) beyondMemory() {
	s.vm.memory.SetLimit(1)
	heapCountOf(s.t, s.vm)
}

// Caches and channels count with what they say themselves.
func TestCountCountsCachesAndChannels(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.cache.post() rover.cache("c"):set("k", ("x"):rep(1e6)) end
		function api.channel.post() rover.channel("ch", 5):send(("x"):rep(1e6)) end
		return api`)
	for _, path := range []string{"/cache", "/channel"} {
		before := heapCountOf(t, s.vm)
		s.do("POST "+path, "")
		if got := heapCountOf(t, s.vm) - before; got < 1e6 || got > 1.01e6 {
			t.Errorf("%s counts %d", path, got)
		}
	}
}

// What is shared is counted once, and cycles end.
func TestCountCountsOnce(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local a, b = rover.state("a"), rover.state("b")
		function api.big.post() a.text = ("x"):rep(1e6) end
		function api.share.post()
			local t = { ("y"):rep(1e6) }
			t.self = t
			a.t, b.t, a.b = t, t, b
			a.f = function() return t, a end
		end
		return api`)
	before := heapCountOf(t, s.vm)
	s.do("POST /big", "")
	if got := heapCountOf(t, s.vm) - before; got < 1e6 || got > 1.01e6 {
		t.Errorf("a string of a million bytes counts %d", got)
	}
	before = heapCountOf(t, s.vm)
	s.do("POST /share", "")
	if got := heapCountOf(t, s.vm) - before; got < 1e6 || got > 1.01e6 {
		t.Errorf("a table known by two names counts %d", got)
	}
}

// Beyond the limit requests are refused, background work goes on, and when it has made
// room requests are served again.
func TestMemoryLimitRefuses(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local hoard = rover.state("hoard")
		function api.grow.post()
			for i = 1, 4 do hoard[#hoard + 1] = ("x"):rep(1e6) .. i end
		end
		rover.spawn(function()
			while not hoard.clear do rover.sleep(0.001) end
			for i = 1, #hoard do hoard[i] = nil end
		end)
		function api.get() return "here" end
		return api`)
	s.vm.SetMemory(32 << 20)
	heapCountOf(t, s.vm)
	s.expect("GET /", "200 here")
	for range 12 {
		s.do("POST /grow", "")
	}
	heapCountOf(t, s.vm)
	s.expect("GET /", "503 "+ErrMemory.Error()+"\n")
	s.expect("GET /unrouted", "200 GET /unrouted ")
	_ = s.vm.loop.DoAdmitted(func(*thread) error {
		s.vm.states["hoard"].RawSetString("clear", lua.LTrue)
		return nil
	})
	for s.vm.memory.Over() { // until the task has made room
		heapCountOf(t, s.vm)
	}
	s.expect("GET /", "200 here")
	s.vm.SetMemory(1)
	heapCountOf(t, s.vm)
	s.expect("GET /", "503 "+ErrMemory.Error()+"\n")
	s.vm.SetMemory(0) // the operator takes the limit away
	s.expect("GET /", "200 here")
}

// What has expired in a cache is not kept, though requests, which use the cache, are refused,
// and though nothing else happens in the VM.
func TestMemoryLimitForgetsWhatHasExpired(t *testing.T) {
	s, clock := newClockServer(t, `
		local api = rover.server {}
		local c = rover.cache("c", { max_bytes = "64MiB" })
		function api.fill.post()
			for i = 1, 200 do c:set(i, ("x"):rep(50000) .. i, 2) end
			return #c
		end
		function api.get() return "here" end
		return api`)
	s.vm.SetMemory(4 << 20)
	s.vm.budget.SetMaxGrowth(1 << 40) // a race detector's heap grows by more
	s.do("POST /fill", "")
	heapCountOf(t, s.vm)
	s.expect("GET /", "503 "+ErrMemory.Error()+"\n")
	clock.advance(1999 * time.Millisecond)
	heapCountOf(t, s.vm)
	s.expect("GET /", "503 "+ErrMemory.Error()+"\n")
	clock.advance(time.Millisecond)
	for answer(s.do("GET /", "")) != "200 here" { // until the VM has counted, by itself
		runtime.Gosched()
	}
}

// The log says what keeps the memory and which route it grew in.
func TestMemoryLimitLog(t *testing.T) {
	core, logged := observer.New(zap.ErrorLevel)
	vm := newVM(t, VMOptions{Logger: zap.New(core)})
	defer vm.Close(t.Context())
	s := &server{t: t, vm: vm}
	if err := s.load(`
		local api = rover.server {}
		local hoard = rover.state("hoard")
		rover.state("small").x = 1
		function api.grow.post()
			local now = rover.time.monotonic()
			repeat hoard[#hoard + 1] = ("x"):rep(1000) .. #hoard until #hoard > 5000 and rover.time.monotonic() > now + 0.2
		end
		return api`, withBurst(time.Minute)); err != nil {
		t.Fatal(err)
	}
	vm.SetMemory(1 << 20)
	s.do("POST /grow", "")
	heapCountOf(t, s.vm)
	logs := logged.FilterMessage("the scripts' memory is beyond the limit, requests are refused until it is not").All()
	if len(logs) != 1 {
		t.Fatalf("%d lines logged", len(logs))
	}
	fields := logs[0].ContextMap()
	if fields["biggest"] != "rover.state hoard" || fields["grew_most_in"] != "POST /grow" {
		t.Errorf("logged %v", fields)
	}
}

// A slice that would fill the machine's memory is ended, whatever it catches.
func TestMemoryLimitEndsTheSlice(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.array.get() local t = {} for i = 1, 1e9 do t[i] = i + 0.5 end end
		function api.keys.get() local t = {} for i = 1, 1e9 do t["k" .. i] = i end end
		function api.caught.get()
			local t = {}
			while true do pcall(function() for i = 1, 1e9 do t[i] = { i } end end) end
		end
		function api.strings.get() local t = {} for i = 1, 1e9 do t[i] = ("x"):rep(1e6) .. i end end
		function api.garbage.get() for i = 1, 50 do local s = ("x"):rep(1e6) .. i end return "fine" end
		return api`, withBurst(60e9), func(s *Script) { s.Timeout = 0 })
	s.vm.SetMemory(8 << 20)
	for _, path := range []string{"array", "keys", "caught", "strings"} {
		if got := answer(s.do("GET /"+path, "")); got != `500 {"error":"internal error"}` {
			t.Errorf("%s: %s", path, got)
		}
		logs := s.logged("script error")
		if msg := logs[len(logs)-1].ContextMap()["error"].(string); !strings.Contains(msg, budget.ErrMemory.Error()) || !strings.Contains(msg, "app.lua:") {
			t.Errorf("%s: logged %q", path, msg)
		}
	}
	s.expect("GET /garbage", "200 fine")
}

// A Lua thread whose stack has grown deep is not kept.
func TestDeepThreadsAreNotKept(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.deep.get()
			local function f(n) local a, b, c, d, e = 1, 2, 3, 4, 5 if n > 0 then f(n - 1) end return a end
			pcall(f, 1900)
			return "deep"
		end
		return api`)
	s.expect("GET /deep", "200 deep")
	_ = s.vm.loop.DoAdmitted(func(th *thread) error {
		if n := glua.RegistryCap(th.L); n > keptRegistrySlots {
			t.Errorf("a thread with room for %d values was kept", n)
		}
		return nil
	})
}

// The threads of a busy moment are given back with the next count.
func TestCountDropsSpareThreads(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	atOnce := func() map[*thread]bool { // the threads of three calls that wait for each other
		used := map[*thread]bool{}
		var together, done sync.WaitGroup
		together.Add(3)
		for range 3 {
			done.Go(func() {
				_ = s.vm.loop.DoAdmitted(func(th *thread) error {
					used[th] = true
					s.vm.loop.Detach(nil, func() { together.Done(); together.Wait() })
					return nil
				})
			})
		}
		done.Wait()
		return used
	}
	again := func(before map[*thread]bool) (n int) {
		for th := range atOnce() {
			if before[th] {
				n++
			}
		}
		return n
	}
	before := atOnce()
	if n := again(before); n != 3 {
		t.Errorf("%d of 3 threads were used again", n)
	}
	heapCountOf(t, s.vm)
	if n := again(before); n > 1 { // the count itself used one
		t.Errorf("%d of 3 threads outlived the count", n)
	}
}

// Where many handlers wait, each keeps what it uses: the room that its Lua thread has beyond that, 4
// KiB, serves others meanwhile.
func TestMemoryOfManyThatWait(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() rover.sleep(3600) end
		return api`, func(s *Script) { s.Timeout = 0 })
	const n = 1000
	read := func() (heap, stacks int64) {
		heap = heapInUse()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return heap, int64(m.StackInuse)
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	heap, stacks := read()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			x := s.gen.Begin(nil, r, s, s.next)
			defer x.End()
			_, _ = x.Run() // the client leaves
		})
	}
	for s.vm.Stats().Waiting < n {
		runtime.Gosched()
	}
	manyHeap, manyStacks := read()
	heap, stacks = (manyHeap-heap)/n, (manyStacks-stacks)/n
	t.Logf("of one that waits: %d bytes of heap, %d of stacks", heap, stacks)
	if heap > 8<<10 {
		t.Errorf("one that waits takes %d bytes of heap", heap)
	}
	if stacks > 28<<10 { // beyond 16 KiB a stack doubles
		t.Errorf("one that waits takes %d bytes of stacks", stacks)
	}
	leave()
	all.Wait()
}
