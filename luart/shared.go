package luart

import (
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// maxNames caches, channels, and locks and semaphores in use may there be of each kind:
// a script that makes names of what clients send would otherwise fill the memory.
const maxNames = 10_000

// shared is what the scripts of a VM share beside rover.state. It belongs to the VM, so
// that it outlives generations. All of it is the holder's.
type shared struct {
	now        func() time.Time
	caches     map[string]*sharedCache
	locks      map[string]*semaphore // held or waited for
	semaphores map[string]*semaphore // the same
	channels   map[string]*channel   // open
	serial     uint64                // of the next semaphoreRef
}

func newShared(now func() time.Time) *shared {
	return &shared{
		now:        now,
		caches:     map[string]*sharedCache{},
		locks:      map[string]*semaphore{},
		semaphores: map[string]*semaphore{},
		channels:   map[string]*channel{},
	}
}

// keeps lists what is kept in caches and channels.
func (s *shared) keeps() (list []lib.Kept) {
	for name, c := range s.caches {
		list = append(list, lib.Kept{
			Name: "rover.cache " + name, Expire: c.expire,
			Size: func() (bytes, items int) { return c.bytes, c.lru.Len() },
		})
	}
	for name, ch := range s.channels {
		list = append(list, lib.Kept{
			Name: "rover.channel " + name,
			Size: func() (bytes, items int) { return ch.bytes, len(ch.buffer) },
		})
	}
	return list
}

// checkNames raises in L when there are too many names of a kind.
func checkNames(L *lua.LState, kind string, names int) {
	if names >= maxNames {
		L.RaiseError("%s: %d names are in use, the limit", kind, maxNames)
	}
}

// park gives up the hold until ready is closed or d is over, forever at most. It
// raises in L, as every wait does, when the call must not wait any longer: what the
// caller was given meanwhile it must then pass on. Only the holder may call it.
func (vm *VM) park(L *lua.LState, on waitsOn, ready <-chan struct{}, d time.Duration) {
	vm.detachIdle(L, on, func(c *call) {
		if vm.clock != nil {
			vm.parkAside(c, ready, d)
			return
		}
		if c.deadline != 0 { // then detach raises errTimeout
			d = min(d, time.Until(vm.made.Add(time.Duration(c.deadline)))+time.Millisecond)
		}
		var over <-chan time.Time
		if d != luaval.Forever {
			t := time.NewTimer(d)
			defer t.Stop()
			over = t.C
		}
		select {
		case <-ready:
		case <-over:
		case <-c.ctx.Done():
		case <-c.inflight.wake:
		case <-c.retiring():
		case <-vm.loop.Stopping():
		}
	})
}

// parkAside is the wait of park by a clock that stands still. Any goroutine may call it.
func (vm *VM) parkAside(c *call, ready <-chan struct{}, d time.Duration) {
	if c.deadline != 0 {
		d = min(d, time.Duration(c.deadline)-vm.clock.Since(vm.made))
	}
	w := vm.clock.Wait(d, func() bool {
		select {
		case <-ready:
		case <-c.ctx.Done():
		case <-c.inflight.wake:
		case <-c.retiring():
		case <-vm.loop.Stopping():
		default:
			return false
		}
		return true
	})
	defer w.End()
	select {
	case <-ready:
	case <-w.Over():
	case <-c.ctx.Done():
	case <-c.inflight.wake:
	case <-c.retiring():
	case <-vm.loop.Stopping():
	}
}
