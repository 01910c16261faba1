package luart

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// maxPlaces bounds a semaphore: beyond it there is a mistake.
const maxPlaces = 1_000_000

// semaphore is a number of places that calls hold, or a lock, which has one. It is in
// the VM's map only while one is held. It is the holder's.
type semaphore struct {
	vm     *VM
	kind   string // "lock" or "semaphore"
	name   string
	places int
	serial uint64    // of the ref that said places
	held   []*place  // in the order in which they were taken; may be more than places for a while
	queue  list.List // of *placeWaiter, the longest waiting first
}

// semaphoreRef is what a script has of a semaphore: it outlives that.
type semaphoreRef struct {
	kind   string
	name   string
	places int
	serial uint64 // later refs have larger ones
}

// placeWaiter is a call that waits for a place.
type placeWaiter struct {
	c     *call
	where string
	ready chan struct{} // closed when it is to go on
	got   *place
}

// openLock is rover.lock(name): the VM's lock of that name, which one handler at a time
// can hold. Between two waits a handler is atomic anyway: a lock is for what must not be
// disturbed across a wait. It is released when the response has ended, whoever sends it, or
// the background task, whatever happens. Errors, in acquire: more than maxNames locks are held.
func (vm *VM) openLock(L *lua.LState) int { return vm.pushSemaphore(L, "lock", 1) }

// openSemaphore is rover.semaphore(name, n): n places, of which a handler may hold
// several. They are freed as a lock is, whatever happens. The n of the latest call counts; where it is less than the places held, these stay with their holders.
// Errors: n not an integer from 1 to 1,000,000.
func (vm *VM) openSemaphore(L *lua.LState) int {
	n := L.CheckNumber(2)
	if !(n >= 1 && n <= maxPlaces) || n != lua.LNumber(int(n)) {
		L.ArgError(2, fmt.Sprintf("an integer between 1 and %d expected", maxPlaces))
	}
	return vm.pushSemaphore(L, "semaphore", int(n))
}

func (vm *VM) pushSemaphore(L *lua.LState, kind string, places int) int {
	vm.shared.serial++
	ref := &semaphoreRef{kind: kind, name: L.CheckString(1), places: places, serial: vm.shared.serial}
	if s := vm.semaphores(kind)[ref.name]; s != nil {
		s.follow(ref)
	}
	L.Push(luaval.NewObject(vm.types.semaphore, ref))
	return 1
}

func (vm *VM) semaphores(kind string) map[string]*semaphore {
	if kind == "lock" {
		return vm.shared.locks
	}
	return vm.shared.semaphores
}

// find returns ref's semaphore, a new one if none is in use.
func (vm *VM) find(L *lua.LState, ref *semaphoreRef) *semaphore {
	all := vm.semaphores(ref.kind)
	s := all[ref.name]
	if s == nil {
		checkNames(L, "rover."+ref.kind, len(all))
		s = &semaphore{vm: vm, kind: ref.kind, name: ref.name}
	}
	s.follow(ref)
	all[ref.name] = s
	return s
}

// follow makes s as large as ref says, if no later one has said something else.
func (s *semaphore) follow(ref *semaphoreRef) {
	if ref.serial > s.serial {
		s.serial, s.places = ref.serial, ref.places
		s.next()
	}
}

func (s *semaphore) String() string   { return fmt.Sprintf("%s %q", s.kind, s.name) }
func (s *semaphore) verb() string     { return "held" }
func (s *semaphore) heldBy() []*place { return s.held }

// give gives c a place. Only the holder may call it.
func (s *semaphore) give(c *call, where string) *place {
	p := &place{c: c, where: where}
	s.held = append(s.held, p)
	c.atResponseEnd(p, func() { s.free(p) })
	return p
}

// release frees a place, if it is held still. Only the holder may call it.
func (s *semaphore) release(p *place) {
	p.c.forget(p)
	s.free(p)
}

// free is release at the end of the call. Only the holder may call it.
func (s *semaphore) free(p *place) {
	if i := slices.Index(s.held, p); i >= 0 {
		s.held = slices.Delete(s.held, i, i+1)
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
	if all := s.vm.semaphores(s.kind); len(s.held) == 0 && s.queue.Len() == 0 && all[s.name] == s {
		delete(all, s.name)
	}
}

// acquire waits for a place, for d at most. It returns nil when the time is over, and
// raises in L on a deadlock. Only the holder may call it.
func (s *semaphore) acquire(L *lua.LState, d time.Duration) *place {
	c := s.vm.cur
	if len(s.held) < s.places { // then nobody waits: see next
		return s.give(c, luaval.LuaLine(L))
	}
	if d == luaval.Forever || s.kind == "lock" && s.belongsTo(c) { // a mistake, whatever the time
		s.vm.checkDeadlock(L, s)
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
	on := waitsOn{what: "rover." + s.kind, which: s.name}
	if d == luaval.Forever {
		s.vm.parkFor(L, on, s, w.ready)
	} else {
		s.vm.park(L, on, w.ready, d)
	}
	returned = true
	return w.got
}

// belongsTo says whether c, or a call that ends after it, has a place.
func (s *semaphore) belongsTo(c *call) bool {
	for ; c != nil; c = c.above() {
		if s.lastOf(c) != nil {
			return true
		}
	}
	return false
}

// lastOf returns the place that c took last, nil if it has none.
func (s *semaphore) lastOf(c *call) *place {
	for _, p := range slices.Backward(s.held) {
		if p.c == c {
			return p
		}
	}
	return nil
}

// semaphoreMethods are those of what rover.lock and rover.semaphore return.
func semaphoreMethods(vm *VM) map[string]lua.LGFunction {
	check := func(L *lua.LState, example string) *semaphoreRef {
		return luaval.CheckSelf[*semaphoreRef](L, "lock or semaphore", example)
	}
	return map[string]lua.LGFunction{
		// l:acquire([seconds]): true, or false when the time is over; 0 does not wait. Who
		// waits longest is next. Without seconds it waits for as long as the request may.
		// Errors: a lock that the handler, or the caller of rover.parallel, holds already;
		// handlers that wait for each other ("deadlock: …").
		"acquire": func(L *lua.LState) int {
			ref := check(L, "l:acquire()")
			d := luaval.CheckSeconds(L, 2, luaval.Forever)
			L.Push(lua.LBool(vm.find(L, ref).acquire(L, d) != nil))
			return 1
		},

		// l:release(): it frees what the handler took last. Errors: it holds nothing.
		"release": func(L *lua.LState) int {
			ref := check(L, "l:release()")
			if s := vm.semaphores(ref.kind)[ref.name]; s != nil {
				if p := s.lastOf(vm.cur); p != nil {
					s.release(p)
					return 0
				}
			}
			L.RaiseError("%s %q is not held by this handler", ref.kind, ref.name)
			return 0
		},

		// l:with(f): it acquires, calls f(), releases whatever happens, and returns what f
		// returns. Errors: those of acquire and of f.
		"with": func(L *lua.LState) int {
			ref := check(L, "l:with(f)")
			fn := L.CheckFunction(2)
			s := vm.find(L, ref)
			p := s.acquire(L, luaval.Forever)
			defer s.release(p)
			base := L.GetTop()
			L.Push(fn)
			L.Call(0, lua.MultRet)
			return L.GetTop() - base
		},
	}
}
