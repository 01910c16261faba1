package shared

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/sharedlock"
	"github.com/caddy-rover/rover/luart/store"
)

// MaxPlaces bounds a semaphore: beyond it there is a mistake.
const MaxPlaces = 1_000_000

// Lock and Semaphore are rover.lock and rover.semaphore.
var (
	Lock = &lib.Library{
		Name: "lock", Stubs: lockStubs, Makes: map[string]string{"": "lock"},
		Options:  map[string]luaval.OptionsAt{"": semaphoreOptions.At(2)},
		NewState: func(vm lib.VM) any { return newSemaphores(vm, "lock") },
		Open: func(scope *lib.Scope) lua.LValue {
			all, in := scope.State.(*semaphores), scope.Store
			return scope.L().NewFunction(func(L *lua.LState) int { return all.openLock(L, in) })
		},
	}
	Semaphore = &lib.Library{
		Name: "semaphore", Stubs: semaphoreStubs, Makes: map[string]string{"": "lock"},
		Options:  map[string]luaval.OptionsAt{"": semaphoreOptions.At(3)},
		NewState: func(vm lib.VM) any { return newSemaphores(vm, "semaphore") },
		Open: func(scope *lib.Scope) lua.LValue {
			all, in := scope.State.(*semaphores), scope.Store
			return scope.L().NewFunction(func(L *lua.LState) int { return all.openSemaphore(L, in) })
		},
	}
)

// semaphores are the locks of a VM, or its semaphores.
type semaphores struct {
	vm     lib.VM
	kind   string                // "lock" or "semaphore"
	inUse  map[nameID]*semaphore // held or waited for
	serial uint64                // of the next semaphoreRef
	remote sharedlock.Set        // the places that shared ones have in a store
	meta   *lua.LTable
}

func newSemaphores(vm lib.VM, kind string) *semaphores {
	s := &semaphores{vm: vm, kind: kind, inUse: map[nameID]*semaphore{}}
	s.remote.Go, s.remote.Context, s.remote.Lost = vm.Go, vm.Context(), s.noteLost
	s.meta = luaval.NewType(vm.L(), "lock", semaphoreMethods(), nil)
	return s
}

// Counts implements lib.Counter.
func (s *semaphores) Counts() (what string, n int) { return "locks", len(s.inUse) }

// semaphore is a number of places that calls hold, or a lock, which has one. It is in
// the VM's map only while one is held. It is the holder's.
type semaphore struct {
	nameID
	all    *semaphores
	places int
	serial uint64      // of the ref that said places
	held   []*lib.Hold // in the order in which they were taken; may be more than places for a while
	queue  list.List   // of *placeWaiter, the longest waiting first

	remote map[*lib.Hold]*sharedlock.Hold // of those held, where it is shared and the store has given one
}

// semaphoreRef is what a script has of a semaphore: it outlives that.
type semaphoreRef struct {
	nameID
	all    *semaphores
	places int
	serial uint64 // later refs have larger ones

	in  store.Store // of one that is shared
	ttl time.Duration
}

// placeWaiter is a call that waits for a place.
type placeWaiter struct {
	c     lib.Caller
	where string
	ready chan struct{} // closed when it is to go on
	got   *lib.Hold
}

// openLock is rover.lock(name): the VM's lock of that name, which one handler at a time
// can hold. Between two waits a handler is atomic anyway: a lock is for what must not be
// disturbed across a wait. It is released when the response has ended, whoever sends it, or
// the background task, whatever happens. Errors, in acquire: more than MaxNames locks are held.
func (s *semaphores) openLock(L *lua.LState, in store.Store) int { return s.push(L, 1, in, 2) }

// openSemaphore is rover.semaphore(name, n): n places, of which a handler may hold
// several. They are freed as a lock is, whatever happens. The n of the latest call counts; where it is less than the places held, these stay with their holders.
// Errors: n not an integer from 1 to 1,000,000.
func (s *semaphores) openSemaphore(L *lua.LState, in store.Store) int {
	n := lua.LNumber(luaval.CheckNumber(L, 2))
	if !(n >= 1 && n <= MaxPlaces) || n != lua.LNumber(int(n)) {
		luaval.ArgError(L, 2, fmt.Sprintf("an integer between 1 and %d expected", MaxPlaces))
	}
	return s.push(L, int(n), in, 3)
}

// push pushes a semaphore; argument n are options.
func (s *semaphores) push(L *lua.LState, places int, in store.Store, n int) int {
	ref := &semaphoreRef{all: s, places: places, in: in, ttl: DefaultSharedTTL}
	ref.name = luaval.CheckString(L, 1)
	if t := luaval.OptTable(L, n); t != nil {
		ref.read(L, t, n)
	}
	s.serial++
	ref.serial = s.serial
	if used := s.inUse[ref.nameID]; used != nil {
		used.follow(ref)
	}
	L.Push(luaval.NewObject(s.meta, ref))
	return 1
}

// find returns ref's semaphore, a new one if none is in use.
func (s *semaphores) find(L *lua.LState, ref *semaphoreRef) *semaphore {
	found := s.inUse[ref.nameID]
	if found == nil {
		checkNames(L, "rover."+s.kind, len(s.inUse))
		found = &semaphore{all: s, nameID: ref.nameID}
	}
	found.follow(ref)
	s.inUse[ref.nameID] = found
	return found
}

// follow makes s as large as ref says, if no later one has said something else.
func (s *semaphore) follow(ref *semaphoreRef) {
	if ref.serial > s.serial {
		s.serial, s.places = ref.serial, ref.places
		s.next()
	}
}

func (s *semaphore) String() string      { return fmt.Sprintf("%s %q", s.what(), s.name) }
func (s *semaphore) Verb() string        { return "held" }
func (s *semaphore) HeldBy() []*lib.Hold { return s.held }

// give gives c a place. Only the holder may call it.
func (s *semaphore) give(c lib.Caller, where string) *lib.Hold {
	p := &lib.Hold{By: c, Where: where}
	s.held = append(s.held, p)
	c.AtResponseEnd(p, func() { s.free(p) })
	return p
}

// release frees a place, if it is held still. Only the holder may call it.
func (s *semaphore) release(p *lib.Hold) {
	p.By.Forget(p)
	s.free(p)
}

// free is release at the end of the call. Only the holder may call it.
func (s *semaphore) free(p *lib.Hold) {
	if i := slices.Index(s.held, p); i >= 0 {
		s.held = slices.Delete(s.held, i, i+1)
		s.releaseRemote(p)
		s.next()
	}
}

// next gives free places to those who wait. Only the holder may call it.
func (s *semaphore) next() {
	for len(s.held) < s.places && s.queue.Len() > 0 {
		w := s.queue.Remove(s.queue.Front()).(*placeWaiter)
		w.got = s.give(w.c, w.where)
		close(w.ready)
	}
	s.dropIdle()
}

func (s *semaphore) dropIdle() {
	if len(s.held) == 0 && s.queue.Len() == 0 && s.all.inUse[s.nameID] == s {
		delete(s.all.inUse, s.nameID)
	}
}

// acquire waits for a place in the VM, for d at most. It returns nil when the time is over, and
// raises in L on a deadlock.
func (s *semaphore) acquire(L *lua.LState, d time.Duration) *lib.Hold {
	c := s.all.vm.Caller()
	if len(s.held) < s.places { // then nobody waits: see next
		return s.give(c, luaval.LuaLine(L))
	}
	if d == luaval.Forever || s.all.kind == "lock" && c.Holds(s) { // a mistake, whatever the time
		c.CheckDeadlock(L, s)
	}
	if d == 0 {
		return nil
	}
	w := &placeWaiter{c: c, where: luaval.LuaLine(L), ready: make(chan struct{})}
	el := s.queue.PushBack(w)
	returned := false
	defer func() {
		s.queue.Remove(el)
		if !returned && w.got != nil {
			s.release(w.got)
		}
		s.dropIdle()
	}()
	on := s.waitsOn()
	if d == luaval.Forever {
		c.ParkFor(L, on, s, w.ready)
	} else {
		c.Park(L, on, w.ready, d)
	}
	returned = true
	return w.got
}

// lastOf returns the place that c took last, nil if it has none.
func (s *semaphore) lastOf(c lib.Caller) *lib.Hold {
	for _, p := range slices.Backward(s.held) {
		if p.By == c {
			return p
		}
	}
	return nil
}

// semaphoreMethods are those of what rover.lock and rover.semaphore return.
func semaphoreMethods() map[string]lua.LGFunction {
	check := func(L *lua.LState, example string) *semaphoreRef {
		return luaval.CheckSelf[*semaphoreRef](L, "lock or semaphore", example)
	}
	return map[string]lua.LGFunction{
		// l:acquire([seconds]): true, or false when the time is over; 0 does not wait. Who
		// waits longest is next. Without seconds it waits for as long as the request may.
		// Errors: a lock that the handler, or the caller of rover.parallel, holds already;
		// handlers that wait for each other ("deadlock: …"). For one that is shared see acquireShared.
		"acquire": func(L *lua.LState) int {
			ref := check(L, "l:acquire()")
			d := luaval.CheckSeconds(L, 2, luaval.Forever)
			if ref.shared {
				return ref.acquireShared(L, d)
			}
			L.Push(lua.LBool(ref.all.find(L, ref).acquire(L, d) != nil))
			return 1
		},

		// l:release(): it frees what the handler took last. Errors: it holds nothing. For one that is
		// shared see releaseShared.
		"release": func(L *lua.LState) int {
			ref := check(L, "l:release()")
			used, p := ref.lastHeld()
			if p == nil {
				L.RaiseError("%s %q is not held by this handler", ref.what(), ref.name)
			}
			if ref.shared {
				return used.releaseShared(L, p)
			}
			used.release(p)
			return 0
		},

		// l:with(f): it acquires, calls f(), releases whatever happens, and returns what f
		// returns. Errors: those of acquire and of f. For one that is shared see withShared.
		"with": func(L *lua.LState) int {
			ref := check(L, "l:with(f)")
			fn := luaval.CheckFunction(L, 2)
			if ref.shared {
				return ref.withShared(L, fn)
			}
			used := ref.all.find(L, ref)
			p := used.acquire(L, luaval.Forever)
			defer used.release(p)
			base := L.GetTop()
			L.Push(fn)
			L.Call(0, lua.MultRet)
			return L.GetTop() - base
		},

		// l:held(): whether the handler holds it, and, of one that is shared, has not lost it; and then
		// its fence.
		"held": func(L *lua.LState) int {
			ref := check(L, "l:held()")
			used, p := ref.lastHeld()
			if !ref.shared {
				L.Push(lua.LBool(p != nil))
				return 1
			}
			if p == nil || !used.heldRemotely(p) {
				L.Push(lua.LFalse)
				return 1
			}
			L.Push(lua.LTrue)
			L.Push(lua.LNumber(used.remote[p].Fence))
			return 2
		},
	}
}

// lastHeld returns the place that the running call took last, nil if it has none.
func (ref *semaphoreRef) lastHeld() (*semaphore, *lib.Hold) {
	used := ref.all.inUse[ref.nameID]
	if used == nil {
		return nil, nil
	}
	return used, used.lastOf(ref.all.vm.Caller())
}
