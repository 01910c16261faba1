package scripts

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/persist"
	"github.com/caddy-rover/rover/luart/state"
)

// storageTimeout is how long a storage may take to read or to write a snapshot.
const storageTimeout = 30 * time.Second

// persistConfig is what one config says of saving rover.state of a VM, and where.
type persistConfig struct {
	Persist
	script  string // of the directive that says it
	storage persist.Storage

	// What was found when the VM was new. slots is nil if it was not, or if the storage
	// could not be read, for which unread is the reason.
	slots    *persist.Slots
	unread   error
	restored *restoredState
}

// restoredState is a snapshot that has become rover.state.
type restoredState struct {
	persist.Header
	key   string
	bytes int
	sum   [sha256.Size]byte // of the state
}

// addPersist takes what a script says of saving the VM's state. If the VM is new, its state is
// restored first: no script has seen another one, except those that were added before, which
// are loaded again. It only reads from the storage, for the config may be one that is
// just validated.
func (s *Set) addPersist(script *Script) error {
	says := *script.Persist
	if config := s.persist; config != nil {
		if config.Persist == says {
			return nil
		}
		return fmt.Errorf("persist of VM %q: the directive of script %q says %v and max_size %d, that of script %q says %v and max_size %d",
			s.vm.Name, config.script, config.Interval, config.MaxSize, script.Path(), says.Interval, says.MaxSize)
	}
	s.persist = &persistConfig{script: script.Path(), Persist: says, storage: s.group.Storage}
	if s.vm.isUsed() || !s.persist.restore(s.vm) {
		return nil
	}
	for _, other := range s.scripts {
		if other.loaded == nil {
			continue
		}
		source := other.loaded.Sources().Script
		other.loaded.Retire()
		var err error
		if other.loaded, err = s.load(s.group.running, other, s.version, module.Sources{Script: source}); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the newest snapshot that can be read the state of a new VM. It reports
// whether there was one.
func (c *persistConfig) restore(vm *VM) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	slots := persist.New(c.storage, vm.Name, state.Format)
	snapshots, err := slots.Read(ctx)
	if err != nil {
		c.unread = err
		return false
	}
	c.slots = slots
	for _, s := range snapshots {
		if err := vm.RestoreState(s.State); err != nil {
			slots.Reject(s, err)
			continue
		}
		c.restored = &restoredState{s.Header, s.Key, len(s.State), sha256.Sum256(s.State)}
		return true
	}
	return false
}

// isUsed reports whether a config has started that uses the VM.
func (vm *VM) isUsed() bool {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.used
}

// activated has the state of the VM saved as a config says that has started; nil: not.
func (vm *VM) activated(config *persistConfig) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.used = true
	if config == nil {
		return
	}
	if vm.saver == nil {
		vm.saver = newStateSaver(vm, vm.saverLog.Logger)
	}
	vm.saver.use(config)
}

// stateSaver returns what saves the state of the VM, nil for nothing.
func (vm *VM) stateSaver() *stateSaver {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.saver
}

// work grows with everything that may change the state, and by one with each save.
func (vm *VM) work() uint64 {
	st := vm.Stats()
	return st.CallerRuns + st.Drained + st.Attached + st.Detaches
}
