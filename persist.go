package rover

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
)

// storageTimeout is how long a storage may take to read or to write a snapshot.
const storageTimeout = 30 * time.Second

// keeping is what one config says of saving rover.state of a VM, and where.
type keeping struct {
	script   string // of the directive that says it
	interval time.Duration
	maxSize  int64
	storage  persist.Storage

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

// keep takes what a handler says of saving the VM's state. If the VM is new, its state is
// restored first: no script has seen another one, except those of handlers before, which
// are loaded again. It only reads from the storage, for the config may be one that is
// just validated.
func (p *program) keep(h *Handler) error {
	interval, maxSize := h.Persist.Settings()
	if k := p.keeping; k != nil {
		if k.interval == interval && k.maxSize == maxSize {
			return nil
		}
		return fmt.Errorf("persist of VM %q: the directive of script %q says %v and max_size %d, that of script %q says %v and max_size %d",
			p.vm.name, k.script, k.interval, k.maxSize, h.path, interval, maxSize)
	}
	p.keeping = &keeping{script: h.path, interval: interval, maxSize: maxSize, storage: p.app.storage}
	if !p.vm.fresh() || !p.keeping.restore(p.vm) {
		return nil
	}
	for _, other := range p.handlers {
		if other.loaded == nil {
			continue
		}
		source := other.loaded.Sources().Script
		other.loaded.Retire()
		var err error
		if other.loaded, err = p.load(p.app.running, other, p.version, luart.Sources{Script: source}); err != nil {
			return err
		}
	}
	return nil
}

// restore makes the newest snapshot that can be read the state of a new VM. It reports
// whether there was one.
func (k *keeping) restore(vm *sharedVM) bool {
	ctx, cancel := context.WithTimeout(context.Background(), storageTimeout)
	defer cancel()
	slots := persist.New(k.storage, vm.name, luart.StateFormat)
	snapshots, err := slots.Read(ctx)
	if err != nil {
		k.unread = err
		return false
	}
	k.slots = slots
	for _, s := range snapshots {
		if err := vm.RestoreState(s.State); err != nil {
			slots.Reject(s, err)
			continue
		}
		k.restored = &restoredState{s.Header, s.Key, len(s.State), sha256.Sum256(s.State)}
		return true
	}
	return false
}

// fresh reports whether no config has begun to use the VM.
func (s *sharedVM) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.begun
}

// began has the state of the VM saved as a config says that has begun; nil: not.
func (s *sharedVM) began(k *keeping, logger *zap.Logger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = true
	if k == nil {
		return
	}
	if s.keeper == nil {
		s.keeper = newKeeper(s, logger)
	}
	s.keeper.use(k)
}

// kept returns what saves the state of the VM, nil for nothing.
func (s *sharedVM) kept() *keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keeper
}

// work grows with everything that may change the state, and by one with each save.
func (s *sharedVM) work() uint64 {
	st := s.Stats()
	return st.CallerRuns + st.Drained + st.Attached + st.Detaches
}
