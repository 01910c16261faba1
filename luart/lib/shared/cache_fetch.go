package shared

import (
	"container/list"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// fetchOptions are how long a fetch keeps what its function returns.
type fetchOptions struct {
	ttl      time.Duration
	stale    time.Duration
	negative time.Duration
}

// fetch is c:fetch(key[, {ttl =, stale =, negative =}], fn): the value of key; where
// there is none, what fn() returns, value[, ttl], which is stored. fn may wait. It runs
// once however many ask: the others wait for it, and get copies. A ttl of 0 is not
// stored. nil is not stored either, and removes what was there, but for negative seconds
// if that is given; fetch returns nil then.
//
// When fn raises, that is the error of its own caller alone: the next of those who wait
// calls its own fn, and so on, so that a broken service is asked by one at a time. The
// same happens when the caller's request ends.
//
// With stale, an old value is returned at once for that many seconds after its time, while
// one background task calls fn. An error of that is logged, and the old value stays;
// it is also returned when no task can be started.
//
// When the key is set or deleted meanwhile, what fn returns goes to those who wait but is
// not stored. Errors: fn's; a value that is no plain data or larger than the cache; fn
// wants the key that it is called for ("deadlock: …").
func (s *caches) fetch(L *lua.LState) int {
	sc, key := checkCache(L, "c:fetch(key, fn)"), checkKey(L)
	o, fn := sc.checkFetch(L)
	if sc.remote != nil {
		checkSharedKey(L, key)
		sc.hear()
	}
	if it, fresh := sc.find(key, o.stale); it != nil {
		if fresh {
			sc.hits++
		} else {
			sc.stale++
			s.refresh(L, sc, key, o, fn)
		}
		L.Push(luaval.NewValue(L, it.value))
		return 1
	}
	sc.misses++
	f := sc.flights[key]
	var own *lib.Hold
	if f == nil {
		f = sc.newFlight(key)
		own = f.give(s.vm.Caller(), luaval.LuaLine(L))
	} else {
		var v luaval.DataCopy
		if v, own = s.join(L, f, o.stale); own == nil {
			L.Push(luaval.NewValue(L, v))
			return 1
		}
	}
	L.Push(f.fly(L, own, o, fn, false))
	return 1
}

// fetchOptionNames are the options of fetch.
var fetchOptionNames = luaval.NewOptions("ttl", "stale", "negative")

// checkFetch returns the arguments of fetch behind the key.
func (sc *sharedCache) checkFetch(L *lua.LState) (fetchOptions, *lua.LFunction) {
	o := fetchOptions{ttl: sc.ttl}
	if L.GetTop() < 4 {
		if fn, ok := L.Get(3).(*lua.LFunction); ok {
			return o, fn
		}
	}
	t := luaval.OptTable(L, 3)
	fn := luaval.CheckFunction(L, 4)
	if t == nil {
		return o, fn
	}
	fetchOptionNames.Each(L, t, 3, func(name string, v lua.LValue) {
		n, ok := v.(lua.LNumber)
		d, positive := luaval.Seconds(float64(n))
		switch name {
		case "ttl":
			o.ttl = d
		case "stale":
			o.stale = d
		case "negative":
			o.negative = d
		}
		if !ok || !positive {
			luaval.CheckOption(L, 3, name, v, "seconds, 0 or more,")
		}
	})
	return o, fn
}

// flight is one call of a fetch's function, or several one after the other until one
// succeeds. It is the holder's.
type flight struct {
	sc      *sharedCache
	key     cacheKey
	owner   *lib.Hold // whose function runs; nil: its background task has not begun
	calls   bool      // the function runs
	waiters list.List // of *flightWaiter
}

// flightWaiter is a fetch that waits for another's function.
type flightWaiter struct {
	c     lib.Caller
	where string
	stale time.Duration   // how old a value it takes, of a cache that is shared
	ready chan struct{}   // closed when it is to go on
	value luaval.DataCopy // what the flight has brought,
	own   *lib.Hold       // or the flight itself
}

func (sc *sharedCache) newFlight(key cacheKey) *flight {
	f := &flight{sc: sc, key: key}
	sc.flights[key] = f
	return f
}

func (f *flight) String() string { return fmt.Sprintf("key %s of cache %q", f.key, f.sc.name) }
func (f *flight) Verb() string   { return "being fetched" }
func (f *flight) HeldBy() []*lib.Hold {
	if f.owner == nil {
		return nil
	}
	return []*lib.Hold{f.owner}
}

// give makes c the owner of f. Only the holder may call it.
func (f *flight) give(c lib.Caller, where string) *lib.Hold {
	own := &lib.Hold{By: c, Where: where}
	f.owner = own
	c.AtEnd(own, func() { f.leave(own) })
	return own
}

// leave gives f to the next that waits for it, if own has it still. Only the holder may
// call it.
func (f *flight) leave(own *lib.Hold) {
	if f.owner != own {
		return
	}
	own.By.Forget(own)
	if el := f.waiters.Front(); el != nil {
		w := f.waiters.Remove(el).(*flightWaiter)
		w.own = f.give(w.c, w.where)
		close(w.ready)
		return
	}
	f.close()
}

// close ends f. Only the holder may call it.
func (f *flight) close() {
	f.owner = nil
	if f.sc.flights[f.key] == f {
		delete(f.sc.flights, f.key)
	}
}

// fly calls fn for f and returns its first result; refreshes says that somebody has an old value
// meanwhile.
func (f *flight) fly(L *lua.LState, own *lib.Hold, o fetchOptions, fn *lua.LFunction, refreshes bool) lua.LValue {
	defer f.leave(own) // what raises, or is cut short, is the next one's turn
	if f.sc.remote != nil {
		return f.flyShared(L, own, o, fn, refreshes)
	}
	got := f.call(L, o, fn)
	f.land(own, got)
	return got.v
}

// fetched is what the function of a fetch has returned.
type fetched struct {
	v          lua.LValue
	value      luaval.DataCopy
	bytes      int
	ttl, stale time.Duration
}

// call calls fn.
func (f *flight) call(L *lua.LState, o fetchOptions, fn *lua.LFunction) fetched {
	f.sc.fetches++
	f.calls = true
	defer func() { f.calls = false }()
	L.Push(fn)
	L.Call(0, 2)
	v := L.Get(-2)
	ttl := o.ttl
	switch t := L.Get(-1).(type) {
	case *lua.LNilType:
	case lua.LNumber:
		var ok bool
		if ttl, ok = luaval.Seconds(float64(t)); !ok {
			L.RaiseError("%s: the function returned %s as ttl: seconds, 0 or more, expected", f, t)
		}
	default:
		L.RaiseError("%s: the function returned a %s as ttl: a number expected", f, luaval.TypeName(t))
	}
	L.Pop(2)
	if v == lua.LNil {
		ttl, o.stale = o.negative, 0
	}
	p, bytes, err := f.sc.copyIn(f.key, v)
	if err != nil {
		L.RaiseError("%s: what the function returned cannot be stored: %s", f, err)
	}
	return fetched{v: v, value: p, bytes: bytes, ttl: ttl, stale: o.stale}
}

// land stores what f has brought, and gives it to all who wait, if own has f still. Only
// the holder may call it.
func (f *flight) land(own *lib.Hold, got fetched) {
	if f.owner == own && f.sc.flights[f.key] == f {
		f.sc.set(f.key, got.value, got.bytes, got.ttl, got.stale)
	}
	f.deliver(own, got.value)
}

// deliver gives what f has brought to all who wait, if own has f still.
func (f *flight) deliver(own *lib.Hold, p luaval.DataCopy) {
	if f.owner != own {
		return
	}
	own.By.Forget(own)
	f.close()
	for el := f.waiters.Front(); el != nil; el = f.waiters.Front() {
		w := f.waiters.Remove(el).(*flightWaiter)
		w.value = p
		close(w.ready)
	}
}

// join waits for f. It returns what f has brought, or makes the running call its owner.
// Only the holder may call it.
func (s *caches) join(L *lua.LState, f *flight, stale time.Duration) (v luaval.DataCopy, own *lib.Hold) {
	caller := s.vm.Caller()
	caller.CheckDeadlock(L, f)
	w := &flightWaiter{c: caller, where: luaval.LuaLine(L), stale: stale, ready: make(chan struct{})}
	el := f.waiters.PushBack(w)
	returned := false
	defer func() {
		f.waiters.Remove(el)
		if !returned && w.own != nil {
			f.leave(w.own)
		}
	}()
	caller.ParkFor(L, lib.WaitsOn{What: "rover.cache fetch", Which: f.sc.name}, f, w.ready)
	returned = true
	return w.value, w.own
}

// refresh has a background task call fn for key, if none does and one can be started.
// Only the holder may call it.
func (s *caches) refresh(L *lua.LState, sc *sharedCache, key cacheKey, o fetchOptions, fn *lua.LFunction) {
	if sc.flights[key] != nil {
		return
	}
	f := sc.newFlight(key)
	where := luaval.LuaLine(L)
	body := L.NewFunction(func(L *lua.LState) int {
		f.fly(L, f.give(s.vm.Caller(), where), o, fn, true)
		return 0
	})
	if !s.vm.Caller().Spawn(L, "rover.cache fetch", body) {
		f.close()
	}
}
