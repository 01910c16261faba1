package scripts

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/watch"
	"github.com/caddy-rover/rover/luart"
)

// vms are the Lua VMs in use, by name. One lives as long as a config names it; a new
// config is provisioned before the old one is cleaned up, so it keeps the VM.
var vms = caddy.NewUsagePool()

// VMs returns the VMs in use, in the order of their names. Any goroutine may call it.
func VMs() (list []*VM) {
	vms.Range(func(_, vm any) bool {
		list = append(list, vm.(*VM))
		return true
	})
	slices.SortFunc(list, func(a, b *VM) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// errExiting refuses a config that Caddy takes after it has stopped the last one to exit. Nobody
// would stop this one: what its scripts answered until the end of the process would not be
// saved.
var errExiting = errors.New("Caddy is exiting: no script is loaded any more")

// Acquire returns the VM in use that has a name, or a new one, with the limits of o and that of
// memory, in bytes; 0: none. One in use gets its limits when a config starts: see Script. Each call
// needs a Release.
func Acquire(name string, o luart.VMOptions, memory int64) (*VM, error) {
	if caddy.Exiting() {
		return nil, errExiting
	}
	v, _, err := vms.LoadOrNew(name, func() (caddy.Destructor, error) {
		log := newMovableLog(o.Logger)
		o.Logger = log.With(zap.String("vm", name))
		vm, err := luart.NewVM(o)
		if err != nil {
			return nil, err
		}
		vm.SetMemory(memory)
		return &VM{VM: vm, Name: name, log: log, saverLog: newMovableLog(nil)}, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*VM), nil
}

// limit holds the VM to limits.
func (vm *VM) limit(limits Limits) {
	vm.SetMemory(limits.Memory)
	if got := vm.SetLimits(limits.Limits); got < limits.Queue {
		vm.log.Warn("the queue of a running VM cannot grow that far; it will with the next restart",
			zap.String("vm", vm.Name), zap.Int("queue", limits.Queue), zap.Int("in_force", got))
	}
}

// Release gives back what Acquire returned. The last one ends the VM.
func (vm *VM) Release() error {
	_, err := vms.Delete(vm.Name)
	return err
}

// stopGrace is how long handlers that still wait may go on when their VM ends, and how
// long on_stop may take. The servers have waited for their requests before that
// (grace_period), so what is left has outlived that already.
const stopGrace = 5 * time.Second

// VM is a Lua VM in use, with what outlives a config of the scripts in it.
type VM struct {
	*luart.VM
	Name string

	files watch.Reader // reads the scripts

	log, saverLog *movableLog // of the VM, and of what saves what it keeps

	// reloading is held while generations of the VM take over from others, so that one
	// takes over at a time. A config that starts while another one still runs takes over from
	// its set for good, unless it is refused afterwards, so:
	//
	//  1. current is the set that was activated last, of those that have not stopped.
	//  2. Only current replaces its generations. Others answer ErrReplaced: what they loaded
	//     would change the state, and nobody would be served by it.
	//  3. Versions that take over grow. What was loaded before current's version was is loaded
	//     again when its set is activated. A set that only goes on with what runs has its version.
	//  4. on_reload runs once for each version that takes over, and from the version before it.
	reloading sync.Mutex
	current   *Set // nil: none; guarded by reloading, and changes with mu held, too

	mu       sync.Mutex // guards the rest
	versions int        // that were given out
	version  int        // of what has taken over last
	history  Reloads
	used     bool     // a config that uses the VM has started
	savers   []*saver // by subject; nil: no config that has started wanted anything saved
}

// Reloads is how the attempts to replace the generations of a VM have ended.
type Reloads struct {
	Done   uint64     `json:"success"`
	Failed uint64     `json:"failure"`
	last   *LastError // since the last one that was done
}

// LastError is why a reload was refused, or the state was not saved.
type LastError struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

// ErrReplaced is the error of a reload, or of a look into a VM, for a config that does not run
// any more.
var ErrReplaced = errors.New("the configuration has been replaced or is being stopped")

// Destruct ends the VM when no config names it any more.
func (vm *VM) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	vm.eachSaver(func(_ int, s *saver) { s.halt() })
	defer vm.eachSaver(func(_ int, s *saver) { s.saveClosed() })
	if cut := vm.Close(ctx); cut > 0 {
		caddy.Log().Named("http.handlers.rover").Warn("handlers were cut short", zap.Int("count", cut))
	}
	if left := vm.DoneLeft(); left > 0 {
		caddy.Log().Named("http.handlers.rover").Error("done hooks have not run: the server has stopped", zap.Int("requests", left))
	}
	return nil
}

// nextVersion returns the version of generations that are about to be made.
func (vm *VM) nextVersion() int {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.versions++
	return vm.versions
}

// releaseVersion says that a version will not be used, so that the next one gets its number, if
// there was none meanwhile.
func (vm *VM) releaseVersion(version int) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if version > 0 && vm.versions == version {
		vm.versions--
	}
}

// recordReload remembers how an attempt to replace the generations has ended; nil is a success.
func (vm *VM) recordReload(err error) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if err == nil {
		vm.history.Done++
		vm.history.last = nil
		return
	}
	vm.history.Failed++
	vm.history.last = &LastError{time.Now(), err.Error()}
}

// recordKept remembers that a config has begun with what runs: its files hold what was loaded, so
// nothing is refused any more.
func (vm *VM) recordKept() {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.history.last = nil
}

// running returns the set that was activated last, of those that have not stopped; nil for none.
// Any goroutine may call it.
func (vm *VM) running() *Set {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.current
}

// setCurrent says what has taken over last. The caller holds reloading.
func (vm *VM) setCurrent(s *Set) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.current = s
	vm.version = 0
	if s != nil {
		vm.version = s.version
	}
}

// Reloads returns how reloads have ended, and the version that runs. Any goroutine may call it.
func (vm *VM) Reloads() (history Reloads, version int) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.history, vm.version
}
