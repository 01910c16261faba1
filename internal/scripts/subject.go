package scripts

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/state"
	"github.com/caddy-rover/rover/luart/store"
)

// subject is something that is saved of a VM, in snapshots of its own.
type subject struct {
	name   string // as people call it
	kind   string // as keys of the storage and metrics do
	format int    // of its snapshots

	// isUsed reports whether there is, or was, anything to be saved.
	isUsed func(vm *VM) bool

	// work grows with everything that may change it, and by saveWork with a save.
	work     func(vm *VM) uint64
	saveWork uint64

	// save appends all of it, from one moment; errTooLarge: that would be more than limit bytes.
	save func(vm *VM, dst []byte, limit int) (luart.SavedState, error)

	// restore makes a snapshot that was written at a time the contents, in place of what is there.
	restore func(vm *VM, data []byte, written time.Time) error

	// largest says what takes the most room, and how many turns of the VM it took to find out.
	largest func(vm *VM) (list []string, turns uint64)
}

var errTooLarge = errors.New("it is larger than the limit")

var (
	stateSubject = &subject{
		name: "rover.state", kind: "state", format: state.Format,
		isUsed: func(*VM) bool { return true }, saveWork: 1,
		work: func(vm *VM) uint64 {
			st := vm.Stats()
			return st.CallerRuns + st.Drained + st.Attached + st.Detaches
		},
		save: func(vm *VM, dst []byte, limit int) (luart.SavedState, error) {
			saved, err := vm.SaveState(dst, limit)
			if errors.Is(err, state.ErrSize) {
				err = errTooLarge
			}
			return saved, err
		},
		restore: func(vm *VM, data []byte, _ time.Time) error { return vm.RestoreState(data) },
		largest: func(vm *VM) (list []string, turns uint64) {
			sizes, turns := vm.CountState()
			for _, size := range sizes[:min(len(sizes), maxLargest)] {
				list = append(list, fmt.Sprintf("%q: %d entries, some %d bytes in memory", size.Name, size.Entries, size.Bytes))
			}
			return list, turns
		},
	}
	storeSubject   = memorySubject("rover.store", "store", func(vm *VM) *store.Memory { kept, _ := vm.Memories(); return kept })
	answersSubject = memorySubject("api.idempotent", "answers", func(vm *VM) *store.Memory { _, answers := vm.Memories(); return answers })

	// subjects are all, in the order in which people are told of them.
	subjects = []*subject{stateSubject, storeSubject, answersSubject}
)

// memorySubject is what an engine inside the VM keeps.
func memorySubject(name, kind string, of func(*VM) *store.Memory) *subject {
	return &subject{
		name: name, kind: kind, format: store.SnapshotFormat,
		isUsed: func(vm *VM) bool { return of(vm).IsUsed() },
		work:   func(vm *VM) uint64 { return of(vm).Calls() },
		save: func(vm *VM, dst []byte, limit int) (saved luart.SavedState, err error) {
			saved.Data, saved.Hold, err = of(vm).Append(dst, limit)
			if errors.Is(err, store.ErrSnapshotSize) {
				err = errTooLarge
			}
			return saved, err
		},
		restore: func(vm *VM, data []byte, written time.Time) error { return of(vm).Restore(data, written) },
		largest: func(vm *VM) (list []string, turns uint64) {
			for _, p := range of(vm).Largest(maxLargest) {
				list = append(list, fmt.Sprintf("keys %q: %d, of %d bytes with their values", p.Prefix+"…", p.Keys, p.Bytes))
			}
			return list, 0
		},
	}
}

// maxLargest is how many of the largest things are named.
const maxLargest = 3
