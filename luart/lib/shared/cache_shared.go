package shared

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	libstore "github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/store"
)

// The times of a cache that is shared, where nobody says.
const (
	DefaultSharedCacheTTL = 24 * time.Hour
	DefaultLocalTTL       = 10 * time.Second
)

// deletedFor is how long the mark of a deleted value stays: what somebody began to ask for before is not
// stored after that.
const deletedFor = time.Minute

// maxSharedKey bounds keys of what is shared.
const maxSharedKey = 512

// connect makes sc one with those of other machines that have the store.
func (sc *sharedCache) connect(in store.Store) {
	if sc.remote != nil {
		if sc.remote.store == in {
			return
		}
		sc.remote.cancel()
		sc.clear()
	}
	sc.remote = newRemoteCache(in, sc.name)
}

func checkSharedKey(L *lua.LState, key cacheKey) string {
	text := key.keyText()
	if len(text) > maxSharedKey+1 {
		luaval.ArgError(L, 2, fmt.Sprintf("a key of at most %d bytes expected: the cache is shared", maxSharedKey))
	}
	return text
}

// hear drops from the local level what others have changed.
func (sc *sharedCache) hear() {
	r := sc.remote
	heard, lost := r.takeHeard()
	if lost {
		r.epoch = 0
		r.invalidated += int64(sc.lru.Len())
		sc.clear()
		for _, p := range r.pending {
			p.unknown = true
		}
		for key := range sc.flights {
			sc.supersedeCalling(key)
		}
	}
	for _, c := range heard {
		r.note(c)
		key, ok := parseKey(c.key)
		if !ok {
			continue
		}
		if it, there := sc.lru.Peek(key); there && (it.version != c.version || c.version == 0) {
			r.invalidated++
			sc.remove(key)
			sc.supersedeCalling(key)
		} else if !there {
			sc.supersedeCalling(key)
		}
	}
}

// supersedeCalling has who asks for a key from now on not wait for a function that runs already.
func (sc *sharedCache) supersedeCalling(key cacheKey) {
	if f := sc.flights[key]; f != nil && f.calls {
		sc.supersede(key)
	}
}

// ask has the store asked for something of a key in the current epoch, and gives up the hold meanwhile
// where that takes time. What was heard by then is applied.
func (sc *sharedCache) ask(L *lua.LState, do func(ctx context.Context, epoch int64) error) error {
	r, now := sc.remote, sc.now()
	epoch := r.epoch
	if !now.Before(r.epochUntil) {
		epoch = 0
	}
	found := epoch
	var err error
	work := func(ctx context.Context) {
		if found, err = r.awaitEpoch(ctx, epoch); err == nil {
			err = do(ctx, found)
		}
	}
	if r.store.Local() {
		work(context.Background())
	} else {
		sc.all.vm.Caller().Await(L, lib.WaitsOn{What: "shared cache", Which: sc.name}, work)
	}
	if err != nil && errors.Is(err, store.ErrDown) {
		r.errors++
	}
	if epoch == 0 && found != 0 {
		r.epoch, r.epochUntil = found, now.Add(sc.localTTL)
	}
	sc.hear()
	return err
}

// stored is what the store has of a key.
type stored struct {
	epoch int64
	item  store.Item // 0 as a version: nothing
	value luaval.DataCopy
	bytes int
	v     lua.LValue
	there bool          // it is a value, or a nil that is kept
	fresh time.Duration // how long it is good; 0: it is not any more
	stale time.Duration // how long fetch may use it then, or now
	over  time.Duration // how long it is not good any more
}

// read asks the store for a key. The local level gets what it may have.
func (sc *sharedCache) read(L *lua.LState, key cacheKey) (s stored, err error) {
	r, text := sc.remote, key.keyText()
	end := r.begin(text)
	ended := false
	defer func() {
		if !ended {
			end(0)
		}
	}()
	var ttl time.Duration
	err = sc.ask(L, func(ctx context.Context, epoch int64) (err error) {
		s.epoch = epoch
		s.item, ttl, _, err = r.store.GetTTL(ctx, r.valueKey(epoch, text))
		return err
	})
	ended = true
	clean := end(s.item.Version)
	if err != nil || s.item.Version == 0 {
		return s, err
	}
	value, stale, ok := parseRecord(s.item.Value)
	if !ok {
		return s, nil
	}
	if s.v = lua.LNil; len(value) > 0 {
		if s.v, err = libstore.Decode(L, value); err != nil {
			return s, nil // as if it were not there: somebody else's
		}
	}
	if s.value, s.bytes, err = sc.copyIn(key, s.v); err != nil {
		clean, err = false, nil // the local level is too small for it
		if s.value, s.bytes, err = luaval.CopyData(s.v, luaval.MaxDataBytes); err != nil {
			return s, err
		}
	}
	s.there = true
	switch {
	case ttl == store.Forever:
		s.fresh = luaval.Forever
	case ttl > stale:
		s.fresh, s.stale = ttl-stale, stale
	default:
		s.stale, s.over = ttl, stale-ttl
	}
	r.hits++
	if clean {
		sc.keep(key, s)
	}
	return s, nil
}

// keep puts what the store has into the local level.
func (sc *sharedCache) keep(key cacheKey, s stored) {
	if s.fresh > 0 {
		sc.set(key, s.value, s.bytes, min(s.fresh, sc.localTTL), 0)
	} else if d := min(s.stale, sc.localTTL, time.Second); d > 0 { // then another look: somebody may have a new one
		sc.setStale(key, s.value, s.bytes, d)
	}
	if it, ok := sc.lru.Peek(key); ok {
		it.version = s.item.Version
	}
}

// failedShared pushes what a method returns where the store does not answer.
func failedShared(L *lua.LState, err error) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("store: " + err.Error()))
	return 2
}

// getShared is c:get(key) of a cache that is shared: the value, nil, or nil and "store: …".
func (sc *sharedCache) getShared(L *lua.LState, key cacheKey) int {
	checkSharedKey(L, key)
	sc.hear()
	if v, ok := sc.get(key); ok {
		L.Push(luaval.NewValue(L, v))
		return 1
	}
	s, err := sc.read(L, key)
	if err != nil {
		return failedShared(L, err)
	}
	if s.fresh == 0 {
		s.v = lua.LNil
	}
	L.Push(s.v)
	return 1
}

// recordOf returns a value as the store keeps it. It raises in L for what is no plain data or too large.
func recordOf(L *lua.LState, v lua.LValue, stale time.Duration) ([]byte, error) {
	var value []byte
	if v != lua.LNil {
		var err error
		if value, err = libstore.Encode(L, v); err != nil {
			return nil, err
		}
	}
	r := record(value, stale)
	if len(r) > store.MaxValue {
		return nil, fmt.Errorf("the value is larger than %d bytes, the limit", store.MaxValue)
	}
	return r, nil
}

// storeTTL is a time to live as the store knows it.
func storeTTL(ttl, stale time.Duration) time.Duration {
	if ttl == luaval.Forever {
		return store.Forever
	}
	return ttl + stale
}

// setShared is c:set(key, value, ttl): true, or nil and "store: …".
func (sc *sharedCache) setShared(L *lua.LState, key cacheKey, p luaval.DataCopy, bytes int, ttl time.Duration) int {
	if ttl == 0 {
		return sc.deleteShared(L, key)
	}
	data, err := recordOf(L, L.Get(3), 0)
	if err != nil {
		luaval.ArgError(L, 3, err.Error())
	}
	return sc.write(L, key, data, storeTTL(ttl, 0), func(version int64) {
		sc.keep(key, stored{item: store.Item{Version: version}, value: p, bytes: bytes, fresh: ttl})
	})
}

// deleteShared is c:delete(key): true, or nil and "store: …".
func (sc *sharedCache) deleteShared(L *lua.LState, key cacheKey) int {
	return sc.write(L, key, []byte{deletedRecord}, deletedFor, func(int64) {})
}

// write stores a record under a key, whatever is there, and tells the others; keep is called where
// nobody has changed it since.
func (sc *sharedCache) write(L *lua.LState, key cacheKey, data []byte, ttl time.Duration, keep func(version int64)) int {
	text := checkSharedKey(L, key)
	r := sc.remote
	sc.hear()
	sc.supersede(key)
	sc.remove(key)
	end := r.begin(text)
	var version int64
	clean := false
	func() {
		defer func() { clean = end(version) }()
		var err error
		if err = sc.ask(L, func(ctx context.Context, epoch int64) (err error) {
			if version, _, err = r.store.Set(ctx, r.valueKey(epoch, text), data, ttl, store.Always); err == nil {
				r.tell(ctx, changedMessage, version, text)
			}
			return err
		}); err != nil {
			version = 0
			failedShared(L, err)
		}
	}()
	sc.supersede(key) // who has begun to ask meanwhile
	r.note(change{text, version})
	if version == 0 {
		return 2
	}
	if sc.remove(key); clean {
		keep(version)
	}
	L.Push(lua.LTrue)
	return 1
}

// clearShared is c:clear(): true, or nil and "store: …".
func (sc *sharedCache) clearShared(L *lua.LState) int {
	r := sc.remote
	err := sc.ask(L, func(ctx context.Context, _ int64) error {
		_, _, err := r.store.Set(ctx, r.epochKey(), nil, store.Forever, store.Always)
		if err == nil {
			r.tell(ctx, clearedMessage, 0, "")
		}
		return err
	})
	clear(sc.flights)
	sc.clear()
	r.epoch = 0
	for _, p := range r.pending {
		p.unknown = true
	}
	if err != nil {
		return failedShared(L, err)
	}
	L.Push(lua.LTrue)
	return 1
}

// errNoNumber is of incr.
var errNoNumber = errors.New("no number")

// incrShared is c:incr(key, by, ttl): the sum, or nil and "store: …". It is the store's, and exact.
func (sc *sharedCache) incrShared(L *lua.LState, key cacheKey, by float64, ttl time.Duration) int {
	text := checkSharedKey(L, key)
	if by != math.Trunc(by) || math.Abs(by) > 1<<53-1 {
		luaval.ArgError(L, 3, "an integer below 2^53 expected: the cache is shared")
	}
	if ttl == 0 {
		luaval.ArgError(L, 4, "seconds, more than 0, expected: the cache is shared")
	}
	r := sc.remote
	sc.supersede(key)
	sc.remove(key)
	var sum int64
	err := sc.ask(L, func(ctx context.Context, epoch int64) (err error) {
		at := r.valueKey(epoch, text)
		sum, err = r.store.Incr(ctx, at, int64(by), 0, storeTTL(ttl, 0))
		for errors.Is(err, store.ErrNotANumber) { // a mark, or what fetch has stored with other things
			sum, err = r.incrRecord(ctx, at, int64(by), storeTTL(ttl, 0))
		}
		if err == nil {
			r.tell(ctx, changedMessage, 0, text)
		}
		return err
	})
	sc.supersede(key)
	r.note(change{text, 0})
	sc.remove(key)
	switch {
	case errors.Is(err, errNoNumber):
		L.RaiseError("cache %q: the value of %s is not an integer", sc.name, key)
	case err != nil:
		return failedShared(L, err)
	}
	L.Push(lua.LNumber(sum))
	return 1
}

// incrRecord is one try to add to what is no number of the store. ErrNotANumber: somebody has changed it.
func (r *remoteCache) incrRecord(ctx context.Context, at string, by int64, ttl time.Duration) (sum int64, err error) {
	item, left, _, err := r.store.GetTTL(ctx, at)
	if err != nil {
		return 0, err
	}
	value, stale, there := parseRecord(item.Value)
	sum = by
	if fresh := left == store.Forever || left > stale; there && fresh && len(value) > 0 {
		before, numeric := store.ParseNumber(value)
		if !numeric {
			return 0, errNoNumber
		}
		sum, ttl = before+by, store.Keep
	} else {
		stale = 0
	}
	if sum > 1<<53-1 || sum < -(1<<53-1) {
		return 0, store.ErrRange
	}
	_, ok, err := r.store.CAS(ctx, at, item.Version, record(store.Number(sum), stale), ttl)
	if err == nil && !ok {
		err = store.ErrNotANumber
	}
	return sum, err
}
