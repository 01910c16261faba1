package scripts

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/persist"
)

// storageTimeout is how long a storage may take to read or to write a snapshot.
const storageTimeout = 30 * time.Second

// persistConfig is what one config says of saving what a VM keeps, and where.
type persistConfig struct {
	Persist
	script   string // of the directive that says it
	storage  persist.Storage
	restored []*restored // by subject
}

// restored is what was found of a subject when the VM was new.
type restored struct {
	*persistConfig

	slots  *persist.Slots // nil: the VM was not new, or the storage could not be read
	unread error          // why it could not

	// The snapshot that has become the contents; nil: none.
	*snapshot
}

type snapshot struct {
	persist.Header
	key   string
	bytes int
	sum   [sha256.Size]byte // of its data
}

// addPersist takes what a script says of saving what the VM keeps. If the VM is new, that is restored
// first: no script has seen anything else, except those that were added before, which are loaded
// again. It only reads from the storage, for the config may be one that is
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
	s.persist = newPersistConfig(script, s.group.Storage)
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

func newPersistConfig(script *Script, storage persist.Storage) *persistConfig {
	c := &persistConfig{script: script.Path(), Persist: *script.Persist, storage: storage}
	for range subjects {
		c.restored = append(c.restored, &restored{persistConfig: c})
	}
	return c
}

// restore makes the newest snapshots that can be read the contents of a new VM. It reports whether
// there was one. All subjects are read at once: a storage that does not answer is waited for once.
func (c *persistConfig) restore(vm *VM) (any bool) {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	var reads sync.WaitGroup
	for i, of := range subjects {
		reads.Go(func() { c.restored[i].read(ctx, vm, of) })
	}
	reads.Wait()
	return slices.ContainsFunc(c.restored, func(r *restored) bool { return r.snapshot != nil })
}

func (r *restored) read(ctx context.Context, vm *VM, of *subject) {
	slots := persist.New(r.storage, of.kind, vm.Name, of.format)
	snapshots, err := slots.Read(ctx)
	if err != nil {
		r.unread = err
		return
	}
	r.slots = slots
	for _, s := range snapshots {
		if err := of.restore(vm, s.State, s.Saved); err != nil {
			slots.Reject(s, err)
			continue
		}
		r.snapshot = &snapshot{s.Header, s.Key, len(s.State), sha256.Sum256(s.State)}
		return
	}
}

// isUsed reports whether a config has started that uses the VM.
func (vm *VM) isUsed() bool {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	return vm.used
}

// activated has what the VM keeps saved as a config says that has started; nil: not.
func (vm *VM) activated(config *persistConfig) {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	vm.used = true
	if config == nil {
		return
	}
	for i, of := range subjects {
		if len(vm.savers) == i {
			vm.savers = append(vm.savers, newSaver(vm, of, vm.saverLog.Logger))
		}
		vm.savers[i].use(config.restored[i])
	}
}

// released ends what activated has begun: the storage is not used any more when it returns. last
// says that the VM is about to end: see saver.release. Any goroutine may call it.
func (vm *VM) released(config *persistConfig, last bool) {
	if config != nil {
		vm.eachSaver(func(i int, s *saver) { s.release(config.restored[i], last) })
	}
}

// eachSaver calls do for the savers of the VM, all at once: a storage that does not answer must not
// take its time for each.
func (vm *VM) eachSaver(do func(i int, s *saver)) {
	vm.mu.Lock()
	savers := slices.Clone(vm.savers)
	vm.mu.Unlock()
	var calls sync.WaitGroup
	for i, s := range savers {
		calls.Go(func() { do(i, s) })
	}
	calls.Wait()
}

// saver returns the saver of a subject, by its place among subjects; nil: it is not saved.
func (vm *VM) saver(i int) *saver {
	vm.mu.Lock()
	defer vm.mu.Unlock()
	if vm.savers == nil {
		return nil
	}
	return vm.savers[i]
}
