package shared

import (
	"math"
	"time"

	"github.com/dustin/go-humanize"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/sharedlock"
	"github.com/caddy-rover/rover/luart/store"
)

// MaxCacheItems bounds max_items: beyond it there is a mistake in the unit.
const MaxCacheItems = 10_000_000

// defaultCache are the options of a cache that is given none.
var defaultCache = cacheOptions{maxItems: DefaultCacheItems, maxBytes: DefaultCacheBytes, ttl: luaval.Forever}

// The bounds of such a cache.
const (
	DefaultCacheItems = 10_000
	DefaultCacheBytes = 16 << 20
)

// Cache is rover.cache.
var Cache = &lib.Library{
	Name: "cache", Stubs: cacheStubs, Makes: map[string]string{"": "cache"}, NewState: newCaches,
	Options: map[string]luaval.OptionsAt{"": cacheOptionNames.At(2), "cache:fetch": fetchOptionNames.At(2)},
	Open: func(scope *lib.Scope) lua.LValue {
		all, in := scope.State.(*caches), scope.Store
		return scope.L().NewFunction(func(L *lua.LState) int { return all.open(L, in) })
	},
}

// caches are those of a VM.
type caches struct {
	vm     lib.VM
	byName map[nameID]*sharedCache
	now    func() time.Time
	meta   *lua.LTable
	remote sharedlock.Set // the flights of shared ones
}

func newCaches(vm lib.VM) any {
	s := &caches{vm: vm, byName: map[nameID]*sharedCache{}, now: vm.Clock().Now}
	s.remote.Go, s.remote.Context = vm.Go, vm.Context()
	s.remote.Lost = func(string, int64, error) {} // another machine asks, too, and one of them stores
	s.meta = luaval.NewType(vm.L(), "cache", cacheMethods(s), nil)
	return s
}

// Counts implements lib.Counter.
func (s *caches) Counts() (what string, n int) { return "caches", len(s.byName) }

// Keeps implements lib.Keeper.
func (s *caches) Keeps() (list []lib.Kept) {
	for id, c := range s.byName {
		name := "rover.cache " + id.name
		if id.shared {
			name += " (shared)"
		}
		list = append(list, lib.Kept{
			Name: name, Expire: c.expire,
			Size: func() (bytes, items int) { return c.bytes, c.lru.Len() },
		})
	}
	return list
}

// Close implements io.Closer.
func (s *caches) Close() error {
	for _, c := range s.byName {
		if c.remote != nil {
			c.remote.cancel()
		}
	}
	return nil
}

// sharedCache is a cache of the VM. It is the holder's.
type sharedCache struct {
	*cache[luaval.DataCopy]
	all     *caches
	name    string
	remote  *remoteCache         // what all machines have of it; nil: it is not shared
	flights map[cacheKey]*flight // under way, and what they bring is to be stored
}

// open is rover.cache(name[, {max_items = 10000, max_bytes = "16MiB", ttl = seconds}]):
// the VM's cache of that name. All requests and generations share it. A later call
// changes the options that it names, and what has no room any more is evicted.
//
// What was used last stays. max_bytes is a number or a string with a unit. An item counts
// for 240 bytes, its key and its value: a string for its length and 32 bytes, a number
// or a boolean for 32, a table for 128 and its keys and values. ttl is in seconds and may
// have a fraction; without one an item stays until it has to make room.
//
// Values are plain data: booleans, numbers, strings, and tables of these (luaval.CopyData).
// Tables are copied, on the way in and on the way out, up to a microsecond for each value
// in them: a JSON string is cheaper where the text is all that is wanted. Keys are strings and numbers; "1" and 1
// are two keys.
//
// Errors: unknown or bad options; more than MaxNames caches.
//
// With shared = true it is one of all machines: see remoteCache.
func (s *caches) open(L *lua.LState, in store.Store) int {
	id := nameID{name: luaval.CheckString(L, 1)}
	t := luaval.OptTable(L, 2)
	if t != nil {
		id.shared = isShared(L, t)
	}
	sc := s.byName[id]
	o := defaultCache
	if id.shared {
		checkSharedName(L, id.name)
		o.ttl, o.localTTL = DefaultSharedCacheTTL, DefaultLocalTTL
	}
	if sc != nil {
		o = sc.cacheOptions
	}
	if t != nil {
		o.read(L, t, id.shared)
	}
	if sc == nil {
		checkNames(L, "rover.cache", len(s.byName))
		sc = &sharedCache{cache: newCache[luaval.DataCopy](o, s.now), all: s, name: id.name, flights: map[cacheKey]*flight{}}
		s.byName[id] = sc
	} else {
		var p luaval.Pace
		sc.configure(o, func() { p.Step(L) })
	}
	if id.shared {
		sc.connect(in)
	}
	L.Push(luaval.NewObject(s.meta, sc))
	return 1
}

// cacheOptionNames are the options of rover.cache.
var cacheOptionNames = luaval.NewOptions("max_items", "max_bytes", "ttl", "shared", "local_ttl")

// read takes the options of rover.cache from a table. It raises in L when one is wrong.
func (o *cacheOptions) read(L *lua.LState, t *lua.LTable, shared bool) {
	cacheOptionNames.Each(L, t, 2, func(name string, v lua.LValue) {
		want := ""
		switch name {
		case "max_items":
			n, ok := v.(lua.LNumber)
			if !ok || !(n >= 1 && n <= MaxCacheItems) || n != lua.LNumber(int(n)) {
				want = "an integer between 1 and 10000000"
			}
			o.maxItems = int(n)
		case "max_bytes":
			n, ok := bytesOption(v)
			if !ok {
				want = `a number of bytes, 1 or more, or a string like "16MiB"`
			}
			o.maxBytes = n
		case "ttl":
			n, ok := v.(lua.LNumber)
			d, positive := luaval.Seconds(float64(n))
			if !ok || !positive || d == 0 {
				want = "seconds, more than 0,"
			}
			o.ttl = d
		case "local_ttl":
			n, ok := v.(lua.LNumber)
			d, positive := luaval.Seconds(float64(n))
			if !ok || !positive {
				want = "seconds, 0 or more,"
			}
			if o.localTTL = d; want == "" && !shared {
				luaval.ArgError(L, 2, "option 'local_ttl': it is for shared = true")
			}
		}
		luaval.CheckOption(L, 2, name, v, want)
	})
}

// isShared reads the option shared.
func isShared(L *lua.LState, t *lua.LTable) bool {
	v := t.RawGetString("shared")
	return v != lua.LNil && checkBool(L, 2, "shared", v)
}

func bytesOption(v lua.LValue) (int, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return int(min(float64(v), math.MaxInt32<<20)), v >= 1
	case lua.LString:
		n, err := humanize.ParseBytes(string(v))
		return int(min(n, math.MaxInt)), err == nil && n >= 1
	}
	return 0, false
}

// cacheMethods are those of what rover.cache returns.
func cacheMethods(s *caches) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"get":    cacheGet,
		"set":    cacheSet,
		"delete": cacheDelete,
		"incr":   cacheIncr,
		"clear":  cacheClear,
		"stats":  cacheStatsTable,
		"fetch":  s.fetch,
	}
}

func checkCache(L *lua.LState, example string) *sharedCache {
	return luaval.CheckSelf[*sharedCache](L, "cache", example)
}

func checkKey(L *lua.LState) cacheKey {
	switch v := L.Get(2).(type) {
	case lua.LString:
		return cacheKey{text: string(v)}
	case lua.LNumber:
		if v != v {
			luaval.ArgError(L, 2, "the key is NaN")
		}
		return cacheKey{number: float64(v), numeric: true}
	}
	luaval.ArgTypeError(L, 2, "string or number")
	panic("argTypeError returned")
}

// copyIn returns v as what the cache stores under key.
func (sc *sharedCache) copyIn(key cacheKey, v lua.LValue) (luaval.DataCopy, int, error) {
	return luaval.CopyData(v, max(0, min(sc.room(key), luaval.MaxDataBytes)))
}

// supersede takes care that what a flight for key brings is not stored: it asked before
// the cache was changed.
func (sc *sharedCache) supersede(key cacheKey) { delete(sc.flights, key) }

// cacheGet is c:get(key): the value, nil if there is none.
func cacheGet(L *lua.LState) int {
	sc, key := checkCache(L, "c:get(key)"), checkKey(L)
	if sc.remote != nil {
		return sc.getShared(L, key)
	}
	v, _ := sc.get(key)
	L.Push(luaval.NewValue(L, v))
	return 1
}

// cacheSet is c:set(key, value[, ttl]): it stores a value for ttl seconds, or the ttl of
// the cache. nil, or a ttl of 0, removes what is there. Errors: what is no plain data, or
// larger than the cache.
func cacheSet(L *lua.LState) int {
	sc, key := checkCache(L, "c:set(key, value)"), checkKey(L)
	ttl := luaval.CheckSeconds(L, 4, sc.ttl)
	if L.Get(3) == lua.LNil {
		ttl = 0
	}
	p, bytes, err := sc.copyIn(key, L.Get(3))
	if err != nil {
		luaval.ArgError(L, 3, err.Error())
	}
	if sc.remote != nil {
		return sc.setShared(L, key, p, bytes, ttl)
	}
	sc.supersede(key)
	sc.set(key, p, bytes, ttl, 0)
	return 0
}

// cacheDelete is c:delete(key).
func cacheDelete(L *lua.LState) int {
	sc, key := checkCache(L, "c:delete(key)"), checkKey(L)
	if sc.remote != nil {
		return sc.deleteShared(L, key)
	}
	sc.supersede(key)
	sc.remove(key)
	return 0
}

// cacheIncr is c:incr(key[, by[, ttl]]): it adds by, 1 if not given, and returns the new
// value. A missing value counts as 0, and lives for ttl seconds or the ttl of the cache
// from then on; a counter that is there keeps its time. Errors: a value that is no
// number.
func cacheIncr(L *lua.LState) int {
	sc, key := checkCache(L, "c:incr(key)"), checkKey(L)
	n := lua.LNumber(luaval.OptNumber(L, 3, 1))
	ttl := luaval.CheckSeconds(L, 4, sc.ttl)
	if sc.remote != nil {
		return sc.incrShared(L, key, float64(n), ttl)
	}
	it, _ := sc.find(key, 0)
	sc.supersede(key)
	if it == nil || it.value == luaval.DataCopy(lua.LNil) {
		_, bytes, err := sc.copyIn(key, n)
		if err != nil {
			luaval.ArgError(L, 2, err.Error())
		}
		sc.set(key, n, bytes, ttl, 0)
		L.Push(n)
		return 1
	}
	before, ok := it.value.(lua.LNumber)
	if !ok {
		L.RaiseError("cache %q: the value of %s is a %s, not a number", sc.name, key, luaval.TypeName(luaval.NewValue(L, it.value)))
	}
	it.value = before + n // it counts for as much as before
	L.Push(before + n)
	return 1
}

// cacheClear is c:clear(): it removes everything.
func cacheClear(L *lua.LState) int {
	sc := checkCache(L, "c:clear()")
	if sc.remote != nil {
		return sc.clearShared(L)
	}
	clear(sc.flights)
	sc.clear()
	return 0
}

// cacheStatsTable is c:stats(): items and bytes that are there, and what was counted
// since the cache was made: hits and misses of get and fetch, evictions of items that had
// to make room, expired items that were removed, fetches (functions that fetch has
// called) and stale_served.
func cacheStatsTable(L *lua.LState) int {
	sc := checkCache(L, "c:stats()")
	t := L.NewTable()
	if r := sc.remote; r != nil {
		sc.hear()
		t.RawSetString("store_hits", lua.LNumber(r.hits))
		t.RawSetString("store_errors", lua.LNumber(r.errors))
		t.RawSetString("invalidated", lua.LNumber(r.invalidated))
	}
	for name, n := range map[string]int64{
		"items": int64(sc.lru.Len()), "bytes": int64(sc.bytes),
		"hits": sc.hits, "misses": sc.misses,
		"evictions": sc.evictions, "expired": sc.expired,
		"fetches": sc.fetches, "stale_served": sc.stale,
	} {
		t.RawSetString(name, lua.LNumber(n))
	}
	L.Push(t)
	return 1
}
