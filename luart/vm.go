package luart

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/done"
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/memory"
	"github.com/caddy-rover/rover/luart/mirror"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/profile"
	"github.com/caddy-rover/rover/luart/resilience"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/stdlib"
	"github.com/caddy-rover/rover/luart/store"
)

// VMOptions says how a VM works.
type VMOptions struct {
	eventloop.Limits                  // what requests may ask of the VM, before Run refuses
	Logger           *zap.Logger      // for what is of the VM as a whole; nil: nowhere
	Coverage         *coverage.Report // told what of scripts has run; nil: nobody wants to know
	Clock            *clock.Clock     // what scripts go by, and their timers and timeouts; burst goes by the system's; nil: so does all
}

// Limits of every Lua thread.
const (

	// A Lua thread starts with registrySlots of 16 bytes and grows to at most
	// maxRegistrySlots: room for stdlib.MaxCalls frames of 60 values.
	registrySlots    = 128
	registryGrowStep = 256
	maxRegistrySlots = 128 * 1024
)

// VM is one Lua interpreter and the loop that says who may use it. It must not be
// copied. Its exported methods may be called from any goroutine.
type VM struct {
	loop   *eventloop.Loop[*thread]
	clock  *clock.Clock // nil: the system's
	made   time.Time
	budget *budget.Budget
	memory *memory.Watch

	lineCounter *coverage.Counter // nil: nobody wants to know what runs

	kills, quarantines, killed atomic.Uint64
	costs                      costs.Costs
	recentErrors               scripterror.Recents
	libraries                  libraryStates
	limits                     limitCounts
	held                       limit.Held // leases of all limits
	gates                      gates
	kept                       *store.Memory // rover.store where the operator names no server
	answers                    *store.Memory // those of api.idempotent, where he does not
	idempotents                idempotentCounts
	guard                      *resilience.Guard // upstreams that fail
	fallback                   *store.Memory     // rates of limits while the server does not answer

	logger    *zap.Logger
	spools    atomic.Int64 // request bodies that are in files
	mirrors   mirror.Set
	done      done.Count
	apart     *expect.Apart // where rules compare requests with what is expected
	expecting atomic.Int64  // requests whose bodies are received for rules

	modules module.Reader

	// The rest is the holder's.
	main      *lua.LState // makes threads and values; runs no script
	types     types
	states    map[string]*lua.LTable   // rover.state
	cur       *call                    // what runs now
	inflight  inflightList             // what waits
	rooms     *glua.Rooms              // of the Lua threads that wait
	meta      *Generation              // whose string library the string metatable points at
	tasks     int                      // background tasks that have not ended
	timers    int                      // timers that are armed
	parallels int                      // functions of rover.parallel that have not returned
	live      map[*Generation]struct{} // loaded, not retired
	loads     uint64                   // begun
	closing   bool                     // no new background work, no new streams
	streams   int                      // on their way to clients
	noStreams chan struct{}            // closed when streams is zero; nil: nobody asks

	profile *profile.Recorder // nil: nobody wants to know what runs

	stateTables int // in rover.state when it was saved last

	receivingLogged int64 // when it was logged that a body has no place, by budget.Now; the holder's

	heartbeat, headPatience time.Duration // of event streams
	bodyGrace               time.Duration
	cleanupGrace            time.Duration
	trailerPatience         time.Duration

	background sync.WaitGroup // background tasks and armed timers
	rules      ruleCounts
	closings   closings // what libraries have begun with VM.Go

	profiling  sync.Mutex // held while a profile is made
	inspecting sync.Mutex // held while there is a Visit

	stopping  context.Context // ends with the grace of Close
	stop      func()
	closeOnce sync.Once
	closed    atomic.Bool // Close has ended: nobody has the hold any more
	cut       int
}

// thread is a Lua thread: one handler's at a time.
type thread struct {
	L     *lua.LState
	gen   *Generation // whose code ran last: the unused part of L's stack refers to it, and to no other
	spent bool        // it must not serve another call
}

// serve readies th for code of g.
func (th *thread) serve(g *Generation) {
	if th.gen != nil && th.gen != g {
		glua.Wipe(th.L)
	}
	if g.tree == nil { // the functions of the top level keep L, and whatever L would refer to later
		th.spent = true
	}
	th.gen = g
	th.L.Env = g.domain.Start
}

// keptRegistrySlots, 16 KiB, is the largest registry of a Lua thread that is kept for
// another call. It grows up to 2 MiB with deep calls, and never shrinks.
const keptRegistrySlots = 1024

// reusable says whether th may serve another call.
func (th *thread) reusable() bool {
	return !th.spent && (th.gen == nil || !th.gen.replaced) && glua.RegistryCap(th.L) <= keptRegistrySlots
}

// NewVM returns a VM without code. It fails where the build has a gopher-lua that is not known
// here.
func NewVM(o VMOptions) (*VM, error) {
	if err := glua.Check(); err != nil {
		return nil, err
	}
	vm := &VM{
		clock:  o.Clock,
		made:   o.Clock.Now(),
		logger: loglimit.Bound(o.Logger),
		states: map[string]*lua.LTable{},
		live:   map[*Generation]struct{}{},
		kept:   store.NewMemory(o.Clock, store.Limits{}),

		answers:  store.NewMemory(o.Clock, store.Limits{}),
		fallback: store.NewMemory(o.Clock, store.Limits{}),

		modules: module.Reader{Find: module.Find},
		apart:   expect.NewApart(),

		heartbeat: heartbeat, headPatience: headPatience, bodyGrace: bodyGrace, cleanupGrace: cleanupGrace,
		trailerPatience: trailerPatience,
	}
	vm.guard = resilience.NewGuard(vm.clock, "api.proxy", vm.logger)
	stopping, stop := context.WithCancelCause(context.Background())
	vm.stopping, vm.stop = stopping, func() { stop(errStopping) }
	vm.mirrors.Clock, vm.mirrors.Stopping = vm.clock, stopping
	vm.main = lua.NewState(lua.Options{
		CallStackSize:       stdlib.MaxCalls,
		RegistrySize:        registrySlots,
		RegistryGrowStep:    registryGrowStep,
		RegistryMaxSize:     maxRegistrySlots,
		MinimizeStackMemory: true,
		IncludeGoStackTrace: true, // see logPanic
		SkipOpenLibs:        true,
	})
	vm.main.G.MainThread = vm.main
	vm.types = newTypes(vm)
	vm.loop = eventloop.New(eventloop.Config[*thread]{
		NewThread: vm.newThread,
		Reuse:     (*thread).reusable,
		Limits:    o.Limits,
	})
	vm.budget = budget.New(budget.Hooks{
		// An answer that is ready must not wait for the end of a long burst behind it.
		Tick: vm.loop.FlushReplies, Held: vm.loop.Held, Grown: vm.noteGrowth, GoesOn: vm.noteLuaTime, Logger: vm.logger,
	})
	if o.Coverage != nil {
		vm.lineCounter = coverage.NewCounter(vm.main.G, vm.budget, o.Coverage)
	}
	vm.rooms = glua.NewRooms(vm.main, vm.threadContext())
	vm.memory = memory.NewWatch(watched{vm}, vm.logger)
	vm.SetMemory(0)
	return vm, nil
}

// newThread makes a Lua thread.
func (vm *VM) newThread() *thread {
	return &thread{L: vm.rooms.NewThread()}
}

// threadContext is what the VM's Lua threads look at before each instruction.
func (vm *VM) threadContext() context.Context {
	if vm.lineCounter != nil {
		return vm.lineCounter
	}
	return vm.budget
}

// SetLimits changes what requests may ask of the VM. It returns the queue length in
// force (see eventloop.Loop.SetLimits).
func (vm *VM) SetLimits(limits eventloop.Limits) (queue int) { return vm.loop.SetLimits(limits) }

// RetryAfter returns when a request that was refused should be tried again: whole
// seconds (see eventloop.Loop.RetryAfter).
func (vm *VM) RetryAfter() time.Duration { return vm.loop.RetryAfter() }

// Guarded returns what has become of upstreams that fail. Any goroutine may call it.
func (vm *VM) Guarded() resilience.Stats { return vm.guard.Stats() }

// Held knows the leases of all limits. Any goroutine may use it.
func (vm *VM) Held() *limit.Held { return &vm.held }

// Stats returns what the VM's loop has done and does.
func (vm *VM) Stats() eventloop.Stats { return vm.loop.Stats() }

// Counters say what a VM did beside its loop's Stats. They only grow.
type Counters struct {
	Kills         uint64 // slices of VM time that were ended because of burst or memory
	Killed        uint64 // calls that an operator has ended
	Quarantines   uint64 // functions that were put into quarantine
	RefusedMemory uint64 // requests refused with ErrMemory
	RefusedDone   uint64 // requests refused with ErrTooManyDone

	// Copies of requests (ctx:mirror): that were answered, that failed, and that were not sent.
	MirrorsAnswered, MirrorsFailed, MirrorsDropped uint64
}

// Counters returns a snapshot. Any goroutine may call it.
func (vm *VM) Counters() Counters {
	return Counters{
		Kills: vm.kills.Load(), Killed: vm.killed.Load(), Quarantines: vm.quarantines.Load(), RefusedMemory: vm.memory.Refused(),
		RefusedDone:     vm.done.Refused.Load(),
		MirrorsAnswered: vm.mirrors.Answered.Load(), MirrorsFailed: vm.mirrors.Failed.Load(), MirrorsDropped: vm.mirrors.Dropped.Load(),
	}
}

// Close retires what is loaded, lets what runs and waits finish, until ctx ends, and
// then cuts the rest: waits fail, and what catches that has cleanupGrace, all of it together,
// until it is ended. It returns how many handlers were cut. The VM refuses everything from
// now on.
func (vm *VM) Close(ctx context.Context) int {
	vm.closeOnce.Do(func() {
		defer context.AfterFunc(ctx, func() {
			vm.budget.EndAll(vm.cleanupGrace, errStopping)
			vm.stop()
		})()
		vm.memory.Close()
		vm.retireAll()
		vm.background.Wait()
		vm.awaitStreams(ctx)
		took := vm.keepOpenForDone(ctx)
		vm.cut = vm.loop.Close(ctx)
		vm.cut -= took()
		vm.stop()
		vm.mirrors.Close()
		vm.closings.Wait()
		vm.closeLibraries()
		vm.budget.Close()
		vm.lineCounter.Close()
		vm.closed.Store(true)
	})
	return vm.cut
}

// resume makes c what runs now, with L as the running Lua thread: the handler's own,
// or a coroutine of it that had to wait.
func (vm *VM) resume(c *call, L *lua.LState) {
	vm.cur = c
	vm.main.G.CurrentThread = L
	if vm.meta != c.gen {
		vm.meta = c.gen
		stdlib.SetStringMeta(vm.main, &c.gen.domain)
	}
	burst := c.gen.burst
	if c.gen.tree == nil {
		burst = max(burst, minLoadBurst)
	}
	if vm.profile != nil {
		vm.beginSamples(c)
	}
	vm.budget.Begin(burst)
}

// cleanupGrace is how long handlers and background work that were cut may go on to clean up:
// all of them, for there may be thousands, and the process is to end while somebody waits.
const cleanupGrace = 2 * time.Second

// minLoadBurst is the least burst of a script's top level. It is the operator's and not a
// request's, and on a machine that is too busy a reload must not be refused for a short one.
const minLoadBurst = time.Second
