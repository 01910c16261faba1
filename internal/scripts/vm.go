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

// Acquire returns the VM in use that has a name, or a new one. It has the limits of o from now
// on, and that of memory, in bytes; 0: none. Each call needs a Release.
func Acquire(name string, o luart.VMOptions, memory int64) (*VM, error) {
	if caddy.Exiting() {
		return nil, errExiting
	}
	v, loaded, err := vms.LoadOrNew(name, func() (caddy.Destructor, error) {
		vm, err := luart.NewVM(o)
		return &VM{VM: vm, Name: name}, err
	})
	if err != nil {
		return nil, err
	}
	vm := v.(*VM)
	vm.SetMemory(memory)
	if loaded {
		if got := vm.SetLimits(o.Limits); got < o.Queue {
			o.Logger.Warn("the queue of a running VM cannot grow that far; it will with the next restart",
				zap.String("vm", name), zap.Int("queue", o.Queue), zap.Int("in_force", got))
		}
	}
	return vm, nil
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

	// reloading is held while generations of the VM take over from others, so that one
	// takes over at a time. A config that starts while another one still runs takes over from
	// its set for good, unless it is refused afterwards, so:
	//
	//  1. current is the set that was activated last, of those that have not stopped.
	//  2. Only current replaces its generations. Others answer ErrReplaced: what they loaded
	//     would change the state, and nobody would be served by it.
	//  3. Versions that take over grow. A set that was loaded before current's version was
	//     is loaded again when it is activated.
	//  4. on_reload runs once for each version that takes over, and from the version before it.
	reloading sync.Mutex
	current   *Set // nil: none; guarded by reloading

	mu       sync.Mutex // guards the rest
	versions int        // that were given out
	version  int        // of what has taken over last
	history  Reloads
	used     bool        // a config that uses the VM has started
	saver    *stateSaver // nil: no config that has started wanted rover.state saved
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
	saver := vm.stateSaver()
	if saver != nil {
		saver.halt()
		defer saver.saveClosed()
	}
	if cut := vm.Close(ctx); cut > 0 {
		caddy.Log().Named("http.handlers.rover").Warn("handlers were cut short", zap.Int("count", cut))
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
	if vm.versions == version {
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

// setCurrent says what has taken over last. The caller holds reloading.
func (vm *VM) setCurrent(s *Set) {
	vm.current = s
	vm.mu.Lock()
	defer vm.mu.Unlock()
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
