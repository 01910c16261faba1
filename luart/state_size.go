package luart

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// StateSize is what a named table of rover.state keeps.
type StateSize struct {
	Name    string
	Bytes   int64 // in memory: an estimate
	Entries int64 // its own, and of the tables in it that no table before it has, too
}

// StateSizes returns what the tables of rover.state keep, the largest first. Like the
// count of the VM's memory it takes the VM in short turns. Any goroutine may call it; after
// Close it is not safe for concurrent use.
func (vm *VM) StateSizes() []StateSize {
	sizes, _ := vm.CountState()
	return sizes
}

// CountState is StateSizes, and says how many turns of the VM it took.
func (vm *VM) CountState() (sizes []StateSize, turns uint64) {
	var a *heapCount
	for done := false; !done; turns++ {
		err := vm.visit(func() error {
			if a == nil {
				a = &heapCount{seen: map[any]struct{}{}}
				for name, t := range vm.states {
					a.roots = append(a.roots, root{stateRoot + name, t})
				}
			}
			done = a.step(countStep)
			return nil
		})
		if err != nil {
			return nil, turns
		}
		if !done {
			pause := time.NewTimer(countPause)
			select {
			case <-pause.C:
			case <-vm.stopping.Done():
				pause.Stop()
			}
		}
	}
	sizes = make([]StateSize, 0, len(a.sizes))
	for _, s := range a.sizes {
		sizes = append(sizes, StateSize{strings.TrimPrefix(s.name, stateRoot), s.bytes, s.entries})
	}
	slices.SortFunc(sizes, func(x, y StateSize) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	return sizes, turns
}
