package glua

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// newRooms returns a VM with a function wait, in which a thread gives its rooms away and gets other
// ones.
func newRooms(t testing.TB) (*lua.LState, *Rooms) {
	L := lua.NewState(lua.Options{
		CallStackSize: 2048, RegistrySize: 128, RegistryGrowStep: 256, RegistryMaxSize: 128 * 1024,
		MinimizeStackMemory: true,
	})
	t.Cleanup(L.Close)
	rooms := NewRooms(L, context.Background())
	L.SetGlobal("wait", L.NewFunction(func(L *lua.LState) int {
		rooms.Take(L)
		if slots, top := slotsOf(L); cap(*slots) != top {
			t.Errorf("a thread that waits has room for %d values, of which it uses %d", cap(*slots), top)
		}
		if n := len(*segmentsOf(L)); n > CallDepth(L)/lua.FramesPerSegment+1 {
			t.Errorf("a thread that waits in call %d has room for %d segments of calls", CallDepth(L), n)
		}
		others := []*lua.LState{rooms.NewThread(), rooms.NewThread()} // which take what it has given
		for i, o := range others {
			o.Push(lua.LString(fmt.Sprint("other ", i)))
		}
		rooms.Give(L)
		for _, o := range others {
			rooms.Take(o)
		}
		return L.GetTop()
	}))
	return L, rooms
}

// What a thread has, it still has when it has waited: variables, also those that functions share,
// arguments, calls at any depth, coroutines, and what is caught.
func TestRoomsAreGivenBack(t *testing.T) {
	_, rooms := newRooms(t)
	th := rooms.NewThread()
	if err := th.GPCall(func(L *lua.LState) int {
		f, err := L.LoadString(`
			local shared = 0
			local function add(n) shared = shared + n return wait(shared) end
			local function deep(n, ...)
				local a, b, c = n, n + 1, { n }
				if n > 0 then
					local got = deep(n - 1, a, ...)
					assert(got == n - 1 and a == n and b == n + 1 and c[1] == n and select("#", ...) <= 300)
				else
					assert(wait(1, nil, 3) == 1)
				end
				wait()
				return n
			end
			for _, n in ipairs { 0, 1, 5, 7, 8, 9, 15, 16, 17, 100, 180 } do assert(deep(n) == n) end
			assert(add(1) == 1 and add(2) == 3 and shared == 3)
			local co = coroutine.wrap(function(...)
				local x = ...
				for i = 1, 20 do x = x + select("#", wait(i, x, ...)) coroutine.yield(wait(x)) end
			end)
			local sum = 0
			for i = 1, 20 do sum = sum + co(i) end
			assert(sum == 650, sum)
			local ok, message = pcall(function() wait() error({ "thrown" }) end)
			assert(not ok and message[1] == "thrown")
			local many = {}
			for i = 1, 200 do many[i] = i end
			assert(select("#", wait(unpack(many))) == 200)
			local t = setmetatable({}, { __index = function(_, k) wait() return k .. "!" end })
			assert(t.a .. t.b == "a!b!")
			for k in (function() local n = 0 return function() n = n + 1 wait(n) return n < 50 and n or nil end end)() do
				assert(wait(k) == k)
			end
			local ok, message = pcall(function() local function f() wait() return 1 + f() end return f() end)
			assert(not ok and tostring(message):find("overflow"), message)
			return "all"`)
		if err != nil {
			L.RaiseError("%s", err)
		}
		L.Push(f)
		L.Call(0, 1)
		if got := L.Get(-1).String(); got != "all" {
			L.RaiseError("returned %s", got)
		}
		return 0
	}, lua.LNil); err != nil {
		t.Fatal(err)
	}
}

// A new thread finds nothing of those whose rooms it has.
func TestRoomsAreEmpty(t *testing.T) {
	L, rooms := newRooms(t)
	freed := make(chan struct{})
	func() {
		th := rooms.NewThread()
		secret := &lua.LUserData{Value: new([64]byte)}
		runtime.AddCleanup(secret, func(struct{}) { close(freed) }, struct{}{})
		for range 100 {
			th.Push(secret)
		}
		th.SetTop(50) // what lies beyond is not in use, and nobody has cleared it
		rooms.Take(th)
	}()
	if len(rooms.values) != 1 || len(rooms.calls) != 1 {
		t.Fatalf("%d and %d rooms are kept", len(rooms.values), len(rooms.calls))
	}
	for {
		runtime.GC()
		select {
		case <-freed:
		default:
			continue
		}
		break
	}
	th := rooms.NewThread()
	if len(rooms.values) != 0 || len(rooms.calls) != 0 {
		t.Error("the thread has not got the rooms that were there")
	}
	if slots, _ := slotsOf(th); cap(*slots) != L.Options.RegistrySize {
		t.Errorf("it has room for %d values", cap(*slots))
	}
}

// Only so many rooms are kept, and none after Drop.
func TestRoomsAreBounded(t *testing.T) {
	_, rooms := newRooms(t)
	threads := make([]*lua.LState, 2*maxRooms)
	for i := range threads {
		threads[i] = rooms.NewThread()
	}
	for _, th := range threads {
		rooms.Take(th)
		rooms.Take(th) // once more does nothing
	}
	if len(rooms.values) != maxRooms || len(rooms.calls) != maxRooms {
		t.Errorf("%d and %d rooms are kept", len(rooms.values), len(rooms.calls))
	}
	rooms.Drop()
	if len(rooms.values) != 0 || len(rooms.calls) != 0 {
		t.Error("some are left")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, i := range rng.Perm(len(threads)) {
		rooms.Give(threads[i])
		rooms.Give(threads[i])
	}
	for _, th := range threads {
		th.SetGlobal("f", lua.LNil)
		if err := th.DoString(`local function f(n) if n > 0 then return 1 + f(n - 1) end return 0 end assert(f(150) == 150)`); err != nil {
			t.Fatal(err)
		}
	}
}

// A thread that gopher-lua refuses to let grow says so by its own name, not by that of the pattern.
func TestThreadOverflows(t *testing.T) {
	_, rooms := newRooms(t)
	th := rooms.NewThread()
	err := th.DoString(`local t = {} for i = 1, 200000 do t[i] = i end return select("#", unpack(t))`)
	if err == nil || !strings.Contains(err.Error(), "registry overflow") {
		t.Errorf("got %v", err)
	}
}

// A new thread takes little beside its rooms, and leaves no garbage.
func BenchmarkNewThread(b *testing.B) {
	L, rooms := newRooms(b)
	b.Run("kind=gopher-lua", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			th, _ := L.NewThread()
			th.SetContext(context.Background())
		}
	})
	b.Run("kind=rooms", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rooms.Take(rooms.NewThread())
		}
	})
}

func BenchmarkTakeGive(b *testing.B) {
	_, rooms := newRooms(b)
	th := rooms.NewThread()
	for range 20 {
		th.Push(lua.LTrue)
	}
	b.ReportAllocs()
	for b.Loop() {
		rooms.Take(th)
		rooms.Give(th)
	}
}
