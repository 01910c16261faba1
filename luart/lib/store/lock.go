package store

import (
	"context"
	"math/rand/v2"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

var lockOptions = luaval.NewOptions("ttl", "wait")

const (
	// DefaultLock is for how long a lock is taken where nobody says.
	DefaultLock = 30 * time.Second

	// Who waits for a lock asks again after a while, which grows.
	minLockPause = 5 * time.Millisecond
	maxLockPause = 200 * time.Millisecond
)

// held is a lock that was taken.
type held struct {
	s     *store
	key   string
	fence int64
	by    lib.Caller
}

// lock is s:lock(key[, { ttl =, wait = }]): a lock, or nil and "timeout".
func lock(L *lua.LState) int {
	s := check(L, "s:lock(key)")
	key := s.key(L, 2)
	ttl, wait := DefaultLock, time.Duration(0)
	if t := luaval.OptTable(L, 3); t != nil {
		lockOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			n, ok := v.(lua.LNumber)
			d, fine := luaval.Seconds(float64(n))
			switch {
			case name == "ttl" && ok && fine && d > 0 && d != luaval.Forever:
				ttl = d
			case name == "wait" && ok && fine:
				wait = d
			default:
				luaval.CheckOption(L, 3, name, v, "seconds")
			}
		})
	}
	began, pause := s.vm.Clock().Now(), minLockPause
	for {
		fence, ok, err := s.tryLock(L, key, ttl)
		switch left := wait - s.vm.Clock().Since(began); {
		case err != nil:
			return failed(L, err)
		case ok:
			h := &held{s: s, key: key, fence: fence, by: s.vm.Caller()}
			h.by.AtResponseEnd(h, h.drop)
			L.Push(luaval.NewObject(s.metas.lock, h))
			return 1
		case left <= 0:
			L.Push(lua.LNil)
			L.Push(lua.LString("timeout"))
			return 2
		default:
			d := min(left, pause/2+rand.N(pause)) // all of them do not ask at once
			pause = min(2*pause, maxLockPause)
			s.vm.Caller().Park(L, lib.WaitsOn{What: "rover.store:lock", Which: s.name}, nil, d)
		}
	}
}

// tryLock asks for a lock. Where its caller must not wait any longer it raises, and the lock is given back.
func (s *store) tryLock(L *lua.LState, key string, ttl time.Duration) (fence int64, ok bool, err error) {
	returned := false
	defer func() {
		if !returned && ok {
			s.drop(key, fence)
		}
	}()
	err = s.call(L, "lock", func(ctx context.Context) (err error) {
		// Not interrupted: the server might give a lock that nobody knows of.
		fence, ok, err = s.engine.Lock(context.WithoutCancel(ctx), key, 1, ttl)
		return err
	})
	returned = true
	return fence, ok, err
}

// drop gives the lock back at the end of its caller, without a wait for it.
func (h *held) drop() { h.s.drop(h.key, h.fence) }

func (s *store) drop(key string, fence int64) {
	if s.engine.Local() {
		s.unlock(key, fence)
	} else {
		s.vm.Go(func() { s.unlock(key, fence) })
	}
}

// unlock gives a lock back that no script has. The engine's timeout ends it; then the lock's does.
func (s *store) unlock(key string, fence int64) {
	_, _, _ = s.engine.Unlock(context.Background(), key, fence)
}

// lockMethods are those of what s:lock returns.
var lockMethods = map[string]lua.LGFunction{
	// l:unlock(): true, or false where the time was over before.
	"unlock": func(L *lua.LState) int {
		h := luaval.CheckSelf[*held](L, "lock", "l:unlock()")
		h.by.Forget(h)
		return h.s.ask(L, "unlock", func(ctx context.Context) (bool, error) {
			ok, _, err := h.s.engine.Unlock(ctx, h.key, h.fence)
			return ok, err
		})
	},

	// l:extend(seconds): true, or false where the time was over before.
	"extend": func(L *lua.LState) int {
		h := luaval.CheckSelf[*held](L, "lock", "l:extend(seconds)")
		luaval.CheckNumber(L, 2)
		ttl := luaval.CheckSeconds(L, 2, 0)
		if ttl == 0 || ttl == luaval.Forever {
			luaval.ArgError(L, 2, "seconds, more than 0, expected")
		}
		return h.s.ask(L, "extend", func(ctx context.Context) (bool, error) { return h.s.engine.Extend(ctx, h.key, h.fence, ttl) })
	},
}

// lockField is l.fence.
func lockField(L *lua.LState) int {
	h := luaval.CheckSelf[*held](L, "lock", "l.fence")
	v := lua.LNil
	switch L.Get(2) {
	case lua.LString("fence"):
		v = lua.LNumber(h.fence)
	}
	L.Push(v)
	return 1
}
