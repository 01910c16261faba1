package luart

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddy-rover/rover/luart/memory"
)

// StateSizes returns what the tables of rover.state keep, the largest first. Like the
// count of the VM's memory it takes the VM in short turns. Any goroutine may call it; after
// Close it is not safe for concurrent use.
func (vm *VM) StateSizes() []memory.Size {
	sizes, _ := vm.CountState()
	return sizes
}

// CountState is StateSizes, and says how many turns of the VM it took.
func (vm *VM) CountState() (sizes []memory.Size, turns uint64) {
	a, turns := memory.InTurns(func(turn func() (done bool)) error {
		return vm.visit(func() error { turn(); return nil })
	}, func() *memory.Count {
		return memory.NewCount(vm.stateRoots(""), nil, nil)
	}, func(d time.Duration) (goOn bool) {
		pause := time.NewTimer(d)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-vm.stopping.Done():
		}
		return true
	})
	if a == nil {
		return nil, turns
	}
	sizes = a.Sizes()
	slices.SortFunc(sizes, func(x, y memory.Size) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	return sizes, turns
}

// stateRoots are the tables of rover.state, from which counting begins, with a prefix to their names.
// Only the holder may call it.
func (vm *VM) stateRoots(prefix string) (list []memory.Root) {
	for name, t := range vm.states {
		list = append(list, memory.Root{Name: prefix + name, Value: t})
	}
	return list
}
