package luart

import (
	"cmp"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// ErrMemory says that the VM's scripts keep more alive than they may, and that a request
// was refused for it. Nothing of the request has run.
var ErrMemory = errors.New("the scripts keep more memory than the limit")

const (
	// defaultGrowth is how much the heap may grow during one slice of VM time when no
	// limit is set: far more than a handler needs, and less than most machines have.
	defaultGrowth = 512 << 20

	// A count takes steps of countStep, and pauses in between, so that a request waits
	// for it no longer than for a handler, and it takes a tenth of the VM at most.
	countStep  = time.Millisecond
	countPause = 9 * time.Millisecond

	// The time between counts: countEvery, or countShare times what the last one took;
	// when the limit is near, countNear.
	countEvery = 10 * time.Second
	countNear  = time.Second
	countShare = 100
)

// memory is what is known of the memory that a VM's scripts keep.
type memory struct {
	limit   atomic.Int64  // bytes; 0: none
	kept    atomic.Int64  // bytes, at the last count; an estimate
	state   atomic.Int64  // what rover.state kept at the last count
	over    atomic.Bool   // kept is beyond limit: requests are refused
	refused atomic.Uint64 // requests

	grew map[string]int64 // the holder's: growth of the heap since the last count, by route
	stop chan struct{}
	done chan struct{}
}

// SetMemory limits what the VM's scripts may keep alive, in bytes; 0 sets no limit. When
// they keep more, requests are refused until they keep less; and one slice of VM time in
// which the process' heap grows by more than the limit (512 MiB if there is none, or half
// of GOMEMLIMIT if that is less) is ended, as a burst that is too long. Any goroutine may
// call it.
func (vm *VM) SetMemory(limit int64) {
	vm.memory.limit.Store(limit)
	growth := cmp.Or(limit, defaultGrowth)
	if total := debug.SetMemoryLimit(-1); total != math.MaxInt64 {
		growth = min(growth, total/2)
	}
	vm.budget.SetMaxGrowth(growth)
	if limit == 0 || vm.memory.kept.Load() <= limit {
		vm.memory.over.Store(false)
	}
}

// Memory returns how many bytes the VM's scripts kept alive when they were last counted:
// an estimate, some seconds old. Any goroutine may call it.
func (vm *VM) Memory() int64 { return vm.memory.kept.Load() }

// StateBytes is what of Memory is in rover.state. Any goroutine may call it.
func (vm *VM) StateBytes() int64 { return vm.memory.state.Load() }

// watchMemory counts now and then what the VM's scripts keep. It runs until memory.stop
// is closed.
func (vm *VM) watchMemory() {
	m := &vm.memory
	defer close(m.done)
	t := time.NewTicker(countNear)
	defer t.Stop()
	var last time.Time // when the last count ended
	var took time.Duration
	var idle uint64
	for {
		select {
		case <-t.C:
		case <-m.stop:
			return
		}
		every := max(countEvery, countShare*took)
		over := m.over.Load()
		if limit := m.limit.Load(); limit > 0 && (over || vm.budget.Heap() > limit) {
			every = max(countNear, countShare/10*took)
		}
		if time.Since(last) < every {
			continue
		}
		st := vm.Stats()
		work := st.CallerRuns + st.Drained + st.Attached + st.Detaches
		if work == idle && !over { // nothing has changed, and what expires meanwhile is in nobody's way
			continue
		}
		began := time.Now()
		steps, ok := vm.countMemory()
		if !ok {
			return
		}
		last = time.Now()
		took = last.Sub(began)
		idle = work + steps
	}
}

// countMemory counts what the VM's scripts keep. It returns how often it entered the VM,
// and false when the VM is closed or memory.stop. Any goroutine but the holder may call
// it.
func (vm *VM) countMemory() (steps uint64, ok bool) {
	var a *heapCount
	var grew map[string]int64
	for done := false; !done; steps++ {
		err := vm.loop.DoAdmitted(func(*thread) error {
			if a == nil {
				vm.loop.DropSpare() // what a busy moment left is not kept for ever
				a = newAccount(vm)
			}
			if done = a.step(countStep); done {
				grew, vm.memory.grew = vm.memory.grew, nil
			}
			return nil
		})
		if err != nil {
			return steps, false
		}
		if !done {
			pause := time.NewTimer(countPause)
			select {
			case <-pause.C:
			case <-vm.memory.stop:
				return steps, false
			}
		}
	}
	vm.counted(a, grew)
	return steps, true
}

// counted takes the result of a count. Any goroutine may call it.
func (vm *VM) counted(a *heapCount, grew map[string]int64) {
	m := &vm.memory
	m.kept.Store(a.bytes)
	var state int64
	for _, size := range a.sizes {
		if strings.HasPrefix(size.name, stateRoot) {
			state += size.bytes
		}
	}
	m.state.Store(state)
	limit := m.limit.Load()
	over := limit > 0 && a.bytes > limit
	was := m.over.Swap(over)
	if over == was {
		return
	}
	if !over {
		vm.logger.Info("the scripts' memory is below the limit again", zap.Int64("bytes", a.bytes), zap.Int64("memory", limit))
		return
	}
	slices.SortStableFunc(a.sizes, func(x, y rootSize) int { return cmp.Compare(y.bytes, x.bytes) })
	biggest := a.sizes[0]
	route, most := "", int64(0)
	for r, bytes := range grew {
		if bytes > most {
			route, most = r, bytes
		}
	}
	vm.logger.Error("the scripts' memory is beyond the limit, requests are refused until it is not",
		zap.Int64("bytes", a.bytes), zap.Int64("memory", limit),
		zap.String("biggest", biggest.name), zap.Int64("biggest_bytes", biggest.bytes),
		zap.Int64("biggest_entries", biggest.entries),
		zap.String("grew_most_in", route))
}

// noteGrowth is told that the heap has grown while a slice ran. Only the holder may call
// it.
func (vm *VM) noteGrowth(bytes int64) {
	if vm.cur == nil {
		return
	}
	if vm.memory.grew == nil {
		vm.memory.grew = map[string]int64{}
	}
	vm.memory.grew[vm.cur.name()] += bytes
}
