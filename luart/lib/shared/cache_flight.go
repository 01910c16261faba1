package shared

import (
	"context"
	"math/rand/v2"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/sharedlock"
	"github.com/caddy-rover/rover/luart/store"
)

const (
	// flightTTL is after what time others ask in place of a machine that has died while it did.
	flightTTL = 5 * time.Second

	// Who waits for another machine looks after a while, which grows, where no message comes.
	minLook = 10 * time.Millisecond
	maxLook = 500 * time.Millisecond
)

// flyShared is fly for a cache that is shared: one machine at a time calls its function, and the others
// wait for what it stores. Where the store does not answer, each machine calls its own, and only it
// keeps what that returns. refreshes: another machine that does the same does for all.
func (f *flight) flyShared(L *lua.LState, own *lib.Hold, o fetchOptions, fn *lua.LFunction, refreshes bool) lua.LValue {
	r, text := f.sc.remote, f.key.keyText()
	try := func(look time.Duration) (v lua.LValue, done bool) {
		told := r.awaitChange(text)
		defer r.forgetChange(text, told)
		if v, done = f.tryShared(L, own, o, fn, refreshes); !done && !refreshes {
			on := lib.WaitsOn{What: "shared cache", Which: f.sc.name}
			f.sc.all.vm.Caller().Park(L, on, told, look/2+rand.N(look))
		}
		return v, done || refreshes
	}
	for look := minLook; ; look = min(2*look, maxLook) {
		if v, done := try(look); done {
			return v
		}
	}
}

// tryShared looks for a value in the store, or calls the function. done is false while another machine does
// that.
func (f *flight) tryShared(L *lua.LState, own *lib.Hold, o fetchOptions, fn *lua.LFunction, refreshes bool) (v lua.LValue, done bool) {
	sc := f.sc
	found, err := sc.read(L, f.key)
	if err != nil {
		return f.flyAlone(L, own, o, fn), true
	}
	if f.take(L, own, o, fn, found, refreshes) {
		return found.v, true
	}
	told := false
	if !sc.remote.store.Local() { // else nobody is elsewhere
		hold, err := sc.lockFlight(L, f.key)
		if err != nil {
			return f.flyAlone(L, own, o, fn), true
		}
		if hold == nil {
			return lua.LNil, false
		}
		defer func() {
			if told {
				hold.Release()
			} else {
				sc.dropFlight(hold, f.key)
			}
		}()
		// Somebody may have stored it before it was given.
		if found, err = sc.read(L, f.key); err != nil {
			return f.flyAlone(L, own, o, fn), true
		}
		if f.take(L, own, o, fn, found, refreshes) {
			return found.v, true
		}
	}
	got := f.call(L, o, fn)
	told = f.landShared(L, own, found, got)
	return got.v, true
}

// take ends f with what the store has, if that is good enough.
func (f *flight) take(L *lua.LState, own *lib.Hold, o fetchOptions, fn *lua.LFunction, found stored, refreshes bool) bool {
	switch {
	case found.there && found.fresh > 0:
		f.deliver(own, found.value)
		return true
	case found.there && o.stale > found.over && !refreshes:
		f.sc.stale++
		f.deliverStale(found.value, found.over)
		f.leave(own) // to somebody who wants no old value,
		f.sc.all.refresh(L, f.sc, f.key, o, fn)
		return true
	}
	return false
}

// deliverStale gives an old value to those who wait and take one.
func (f *flight) deliverStale(p luaval.DataCopy, over time.Duration) {
	for el := f.waiters.Front(); el != nil; {
		w := el.Value.(*flightWaiter)
		next := el.Next()
		if w.stale > over {
			f.sc.stale++
			f.waiters.Remove(el)
			w.value = p
			close(w.ready)
		}
		el = next
	}
}

// flyAlone calls the function without the store.
func (f *flight) flyAlone(L *lua.LState, own *lib.Hold, o fetchOptions, fn *lua.LFunction) lua.LValue {
	got := f.call(L, o, fn)
	got.ttl = min(got.ttl, f.sc.localTTL)
	f.land(own, got)
	return got.v
}

// lockFlight asks for the right to call the function; nil: another machine has it.
func (sc *sharedCache) lockFlight(L *lua.LState, key cacheKey) (*sharedlock.Hold, error) {
	r := sc.remote
	asks := sc.all.remote.Ask(r.store, r.flightKey(key.keyText()), 1, flightTTL, true)
	taken := false
	defer func() {
		if !taken {
			asks.Drop()
		}
	}()
	if !isClosed(asks.Ready()) {
		sc.all.vm.Caller().Park(L, lib.WaitsOn{What: "shared cache", Which: sc.name}, asks.Ready(), luaval.Forever)
	}
	taken = true
	hold, err := asks.Take()
	if err != nil {
		r.errors++
	}
	return hold, err
}

// dropFlight gives the right back where nothing was stored, and tells those who wait that it is their turn.
func (sc *sharedCache) dropFlight(hold *sharedlock.Hold, key cacheKey) {
	r, text := sc.remote, key.keyText()
	done := hold.Release()
	sc.all.vm.Go(func() {
		<-done
		r.tell(context.Background(), endedMessage, 0, text)
	})
}

// landShared stores what the function has returned, unless somebody, here or elsewhere, has changed the key
// since it was found as it was, and gives it to all who wait. It reports whether other machines were told.
func (f *flight) landShared(L *lua.LState, own *lib.Hold, found stored, got fetched) (told bool) {
	sc, r, text := f.sc, f.sc.remote, f.key.keyText()
	data, ttl := []byte{deletedRecord}, deletedFor
	switch {
	case got.ttl > 0:
		got.stale = min(got.stale, maxStale)
		if got.ttl == luaval.Forever {
			got.stale = 0
		}
		var err error
		if data, err = recordOf(L, got.v, got.stale); err != nil {
			L.RaiseError("%s: what the function returned cannot be stored: %s", f, err)
		}
		ttl = storeTTL(got.ttl, got.stale)
	case !found.there: // there is nothing to be removed
		f.deliver(own, got.value)
		return false
	}
	var version int64
	clean := false
	var err error
	func() {
		end := r.begin(text)
		defer func() { clean = end(version) }()
		err = sc.ask(L, func(ctx context.Context, epoch int64) (err error) {
			if epoch != found.epoch { // the cache was cleared meanwhile
				return nil
			}
			// Where that is not known yet it is stored where nobody looks any more.
			version, err = r.replace(ctx, r.valueKey(found.epoch, text), found.item.Version, data, ttl)
			if version != 0 {
				r.tell(ctx, changedMessage, version, text)
			}
			return err
		})
	}()
	switch {
	case err != nil: // this machine has it, at least
		got.ttl = min(got.ttl, sc.localTTL)
		f.land(own, got)
		return false
	case version != 0 && clean && r.epoch == found.epoch && got.ttl > 0:
		sc.keep(f.key, stored{item: store.Item{Version: version}, value: got.value, bytes: got.bytes, fresh: got.ttl})
	case version != 0:
		sc.remove(f.key)
	}
	f.deliver(own, got.value)
	return version != 0
}

// replace stores a record where the key has the version still, or has expired; 0: somebody has changed it.
func (r *remoteCache) replace(ctx context.Context, at string, version int64, data []byte, ttl time.Duration) (int64, error) {
	now, ok, err := r.store.CAS(ctx, at, version, data, ttl)
	if ok || err != nil || version == 0 {
		return now, err
	}
	if _, ok, err = r.store.Get(ctx, at); ok || err != nil {
		return 0, err
	}
	now, _, err = r.store.CAS(ctx, at, 0, data, ttl)
	return now, err
}
