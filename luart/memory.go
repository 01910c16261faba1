package luart

import (
	"errors"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/memory"
)

// ErrMemory says that the VM's scripts keep more alive than they may, and that a request
// was refused for it. Nothing of the request has run.
var ErrMemory = errors.New("the scripts keep more memory than the limit")

// SetMemory limits what the VM's scripts may keep alive, in bytes; 0 sets no limit. When
// they keep more, requests are refused until they keep less; and one slice of VM time in
// which the process' heap grows by more than the limit (512 MiB if there is none, or half
// of GOMEMLIMIT if that is less) is ended, as a burst that is too long. Any goroutine may
// call it.
func (vm *VM) SetMemory(limit int64) {
	vm.budget.SetMaxGrowth(memory.MaxGrowth(limit))
	vm.memory.SetLimit(limit)
}

// Memory returns how many bytes the VM's scripts kept alive when they were last counted:
// an estimate, some seconds old. Any goroutine may call it.
func (vm *VM) Memory() int64 { return vm.memory.Kept() }

// StateBytes is what of Memory is in rover.state. Any goroutine may call it.
func (vm *VM) StateBytes() int64 { return vm.memory.State() }

// noteGrowth is told that the heap has grown while a slice ran. Only the holder may call
// it.
func (vm *VM) noteGrowth(bytes int64) {
	if vm.cur != nil {
		vm.memory.Grew(vm.cur.name(), bytes)
	}
}

// watched is a VM as its memory.Watch sees it.
type watched struct{ vm *VM }

func (w watched) Enter(do func()) error {
	return w.vm.loop.DoAdmitted(func(*thread) error { do(); return nil })
}

func (w watched) Heap() int64 { return w.vm.budget.Heap() }

func (w watched) Work() uint64 {
	st := w.vm.Stats()
	return st.CallerRuns + st.Drained + st.Attached + st.Detaches
}

// Begin begins to count from rover.state, from globals, and from the functions of handlers, hooks and
// timers; caches and channels are counted by their libraries.
func (w watched) Begin() *memory.Count {
	vm := w.vm
	vm.loop.DropSpare() // what a busy moment left is not kept for ever
	vm.rooms.Drop()
	roots := vm.stateRoots(memory.StateRoot)
	for g := range vm.live {
		add := func(v lua.LValue) { roots = append(roots, memory.Root{Name: g.name, Value: v}) }
		add(g.env)
		for _, h := range handlersOf(g.tree) {
			add(h.fn)
		}
		for t := range g.timers {
			add(t.fn)
		}
		for _, check := range g.readiness.checks {
			add(check.fn)
		}
	}
	return memory.NewCount(roots, vm.keptByLibraries(), vm.guardLibrary)
}
