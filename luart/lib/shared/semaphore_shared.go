package shared

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/sharedlock"
)

// How long the store keeps a place whose holder has died.
const (
	DefaultSharedTTL = 10 * time.Second
	minSharedTTL     = 100 * time.Millisecond // much less than a round trip and a pause of the machine may take
	maxSharedTTL     = 24 * time.Hour
)

// maxSharedName bounds names of what is shared: they are parts of keys.
const maxSharedName = 256

// semaphoreOptions are those of rover.lock and rover.semaphore.
var semaphoreOptions = luaval.NewOptions("shared", "ttl")

// read takes the options in argument n. It raises in L when one is wrong.
func (ref *semaphoreRef) read(L *lua.LState, t *lua.LTable, n int) {
	ttl := lua.LNil
	semaphoreOptions.Each(L, t, n, func(name string, v lua.LValue) {
		switch name {
		case "shared":
			ref.shared = checkBool(L, n, name, v)
		case "ttl":
			seconds, ok := v.(lua.LNumber)
			if ref.ttl, _ = luaval.Seconds(float64(seconds)); !ok || ref.ttl < minSharedTTL || ref.ttl > maxSharedTTL {
				luaval.CheckOption(L, n, name, v, "seconds, 0.1 to 86400,")
			}
			ttl = v
		}
	})
	if !ref.shared && ttl != lua.LNil {
		luaval.ArgError(L, n, "option 'ttl': it is for shared = true")
	}
	if ref.shared {
		checkSharedName(L, ref.name)
	}
}

func checkBool(L *lua.LState, n int, name string, v lua.LValue) bool {
	if v != lua.LTrue && v != lua.LFalse {
		luaval.CheckOption(L, n, name, v, "a boolean")
	}
	return v == lua.LTrue
}

// checkSharedName raises in L where argument 1, a name, is too long to be shared.
func checkSharedName(L *lua.LState, name string) {
	if len(name) > maxSharedName {
		luaval.ArgError(L, 1, fmt.Sprintf("a name of at most %d bytes expected: it is shared", maxSharedName))
	}
}

// key is what the store knows it by.
func (ref *semaphoreRef) key() string { return ref.all.kind + ":" + ref.name }

// what says which kind it is, in messages and to operators.
func (ref *semaphoreRef) what() string { return ref.all.what(ref.shared) }
func (s *semaphore) what() string      { return s.all.what(s.shared) }

func (s *semaphores) what(shared bool) string {
	if shared {
		return "shared " + s.kind
	}
	return s.kind
}

func (s *semaphore) waitsOn() lib.WaitsOn {
	if s.shared {
		return lib.WaitsOn{What: s.what(), Which: s.name}
	}
	return lib.WaitsOn{What: "rover." + s.all.kind, Which: s.name}
}

// noteLost has the log say that a place was lost. Any goroutine may call it.
func (s *semaphores) noteLost(key string, fence int64, err error) {
	_, name, _ := strings.Cut(key, ":")
	s.vm.Logger().Warn("a shared "+s.kind+" was lost while it was held",
		zap.String(s.kind, name), zap.Int64("fence", fence), zap.NamedError("cause", err),
		zap.String("remedy", "what writes under it should ask held(), or send the fence along; a longer ttl outlasts longer outages of the store"))
}

// acquireRemotely waits for a place in the VM and then for one in the store, for d at most. Who has one
// in the VM alone asks the store. It returns nil, nil when the time is over, and an error of the store.
func (ref *semaphoreRef) acquireRemotely(L *lua.LState, d time.Duration) (*semaphore, *lib.Hold, error) {
	s, clock := ref.all.find(L, ref), ref.all.vm.Clock()
	began := clock.Now()
	p := s.acquire(L, d)
	if p == nil {
		return s, nil, nil
	}
	asks := ref.all.remote.Ask(ref.in, ref.key(), ref.places, ref.ttl, d == 0)
	got := false
	defer func() { // also where Park raises
		if !got {
			asks.Drop()
			s.release(p)
		}
	}()
	if !isClosed(asks.Ready()) {
		left := luaval.Forever
		if d != 0 && d != luaval.Forever {
			left = max(d-clock.Since(began), 0)
		}
		ref.all.vm.Caller().Park(L, s.waitsOn(), asks.Ready(), left)
	}
	hold, err := asks.Take()
	if hold == nil {
		return s, nil, err
	}
	if s.remote == nil {
		s.remote = map[*lib.Hold]*sharedlock.Hold{}
	}
	s.remote[p] = hold
	got = true
	return s, p, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// releaseRemote begins to give the place in the store back that goes with p, if there is one.
func (s *semaphore) releaseRemote(p *lib.Hold) {
	if hold := s.remote[p]; hold != nil {
		delete(s.remote, p)
		hold.Release()
	}
}

// heldRemotely reports whether the store has given the place that goes with p to nobody else.
func (s *semaphore) heldRemotely(p *lib.Hold) bool {
	hold := s.remote[p]
	return hold != nil && hold.Held()
}

// acquireShared is l:acquire([seconds]) of one that is shared: true and its fence, or false and
// "timeout". A store that is away: false and "store: …" where seconds are given, and else a 503,
// because nobody looks at what it returns then.
func (ref *semaphoreRef) acquireShared(L *lua.LState, d time.Duration) int {
	s, p, err := ref.acquireRemotely(L, d)
	switch {
	case p != nil:
		L.Push(lua.LTrue)
		L.Push(lua.LNumber(s.remote[p].Fence))
	case err != nil && d == luaval.Forever:
		ref.raise(L, err)
	case err != nil:
		L.Push(lua.LFalse)
		L.Push(lua.LString("store: " + err.Error()))
	default:
		L.Push(lua.LFalse)
		L.Push(lua.LString("timeout"))
	}
	return 2
}

// raise raises a 503 for a store that is away.
func (ref *semaphoreRef) raise(L *lua.LState, err error) {
	luaval.RaiseCause(L, http.StatusServiceUnavailable, ref.what()+" "+strconv.Quote(ref.name)+" is not available", err)
}

// releaseShared is l:release() of one that is shared: true, or false where it was lost before.
func (s *semaphore) releaseShared(L *lua.LState, p *lib.Hold) int {
	L.Push(lua.LBool(s.awaitRelease(L, p)))
	return 1
}

// awaitRelease gives p back, waits until the store has it, and reports whether it was held until then.
func (s *semaphore) awaitRelease(L *lua.LState, p *lib.Hold) bool {
	hold := s.remote[p]
	s.release(p)
	if done := hold.Release(); !isClosed(done) {
		s.all.vm.Caller().Await(L, s.waitsOn(), func(ctx context.Context) { // also while the script is replaced
			select {
			case <-done:
			case <-ctx.Done():
			}
		})
	}
	return hold.Kept()
}

// withShared is l:with(f) of one that is shared: f gets the fence. It raises where the place was
// lost meanwhile: what f has done may have been done by others, too.
func (ref *semaphoreRef) withShared(L *lua.LState, fn *lua.LFunction) int {
	s, p, err := ref.acquireRemotely(L, luaval.Forever)
	if err != nil {
		ref.raise(L, err)
	}
	hold := s.remote[p]
	over := false
	defer func() {
		if !over {
			s.release(p)
		}
	}()
	base := L.GetTop()
	L.Push(fn)
	L.Push(lua.LNumber(hold.Fence))
	L.Call(1, lua.MultRet)
	over = true
	if s.remote[p] != hold { // f has released it
		return L.GetTop() - base
	}
	if !s.awaitRelease(L, p) {
		L.RaiseError("%s %q was lost while its function ran: the store gave it to others, or was away for longer than its ttl", ref.what(), ref.name)
	}
	return L.GetTop() - base
}
