package memory

import (
	"cmp"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// DefaultGrowth is how much the heap may grow during one slice of VM time when no limit is set: far
// more than a handler needs, and less than most machines have.
const DefaultGrowth = 512 << 20

const (
	// The time between counts: countEvery, or countShare times what the last one took;
	// when the limit is near, countNear.
	countEvery = 10 * time.Second
	countNear  = time.Second
	countShare = 100
)

// StateRoot begins the names of roots that are rover.state.
const StateRoot = "rover.state "

// VM is what a Watch has to know of a VM. Any goroutine may call its methods, but the holder.
type VM interface {
	// Enter calls do with the hold of the VM. The error says that the VM is closed.
	Enter(do func()) error
	// Begin begins to count what its scripts keep. It is called by the holder.
	Begin() *Count
	// Work grows with what is done in the VM, and by one with Enter.
	Work() uint64
	// Heap is how many bytes are on the process' heap.
	Heap() int64
}

// Watch counts now and then what the scripts of a VM keep, and says when it is too much. Any goroutine
// may call its methods.
type Watch struct {
	vm     VM
	logger *zap.Logger

	limit   atomic.Int64  // bytes; 0: none
	kept    atomic.Int64  // bytes, at the last count; an estimate
	state   atomic.Int64  // what rover.state kept at the last count
	over    atomic.Bool   // kept is beyond limit: requests are refused
	refused atomic.Uint64 // requests

	grew map[string]int64 // the holder's: growth of the heap since the last count, by route

	stop, stopped chan struct{}
}

// NewWatch returns a Watch of a VM without a limit. Its goroutine runs until Close.
func NewWatch(vm VM, logger *zap.Logger) *Watch {
	w := &Watch{vm: vm, logger: logger, stop: make(chan struct{}), stopped: make(chan struct{})}
	go w.run()
	return w
}

// Close ends its goroutine. It is called once.
func (w *Watch) Close() {
	close(w.stop)
	<-w.stopped
}

// MaxGrowth is by how many bytes the process' heap may grow in one slice of VM time where the limit is
// so many; 0: none.
func MaxGrowth(limit int64) int64 {
	growth := cmp.Or(limit, DefaultGrowth)
	if total := debug.SetMemoryLimit(-1); total != math.MaxInt64 {
		growth = min(growth, total/2)
	}
	return growth
}

// SetLimit limits what the scripts may keep alive, in bytes; 0: there is no limit.
func (w *Watch) SetLimit(limit int64) {
	w.limit.Store(limit)
	if limit == 0 || w.kept.Load() <= limit {
		w.over.Store(false)
	}
}

// Kept returns how many bytes the scripts kept alive when they were last counted: an estimate, some
// seconds old.
func (w *Watch) Kept() int64 { return w.kept.Load() }

// State is what of Kept is in rover.state.
func (w *Watch) State() int64 { return w.state.Load() }

// Over reports whether the scripts keep more than they may.
func (w *Watch) Over() bool { return w.over.Load() }

// Refuses reports whether a request is refused because they do, and counts it then.
func (w *Watch) Refuses() bool {
	over := w.over.Load()
	if over {
		w.refused.Add(1)
	}
	return over
}

// Refused is how many requests have been refused.
func (w *Watch) Refused() uint64 { return w.refused.Load() }

// Grew is told that the heap has grown while code of a route ran. Only the holder may call it.
func (w *Watch) Grew(route string, bytes int64) {
	if w.grew == nil {
		w.grew = map[string]int64{}
	}
	w.grew[route] += bytes
}

// run counts now and then what the scripts keep.
func (w *Watch) run() {
	defer close(w.stopped)
	t := time.NewTicker(countNear)
	defer t.Stop()
	var last time.Time // when the last count ended
	var took time.Duration
	var idle uint64
	for {
		select {
		case <-t.C:
		case <-w.stop:
			return
		}
		every := max(countEvery, countShare*took)
		over := w.over.Load()
		if limit := w.limit.Load(); limit > 0 && (over || w.vm.Heap() > limit) {
			every = max(countNear, countShare/10*took)
		}
		if time.Since(last) < every {
			continue
		}
		work := w.vm.Work()
		if work == idle && !over { // nothing has changed, and what expires meanwhile is in nobody's way
			continue
		}
		began := time.Now()
		steps, ok := w.Count()
		if !ok {
			return
		}
		last = time.Now()
		took = last.Sub(began)
		idle = work + steps
	}
}

// Count counts what the scripts keep. It returns in how many turns of the VM, and false when the VM or
// the Watch is closed. Any goroutine but the holder may call it.
func (w *Watch) Count() (turns uint64, ok bool) {
	var grew map[string]int64
	a, turns := InTurns(func(turn func() (done bool)) error {
		return w.vm.Enter(func() {
			if turn() {
				grew, w.grew = w.grew, nil
			}
		})
	}, w.vm.Begin, func(d time.Duration) (goOn bool) {
		pause := time.NewTimer(d)
		defer pause.Stop()
		select {
		case <-pause.C:
			return true
		case <-w.stop:
			return false
		}
	})
	if a == nil {
		return turns, false
	}
	w.counted(a, grew)
	return turns, true
}

// counted takes the result of a count.
func (w *Watch) counted(a *Count, grew map[string]int64) {
	w.kept.Store(a.bytes)
	var state int64
	for _, size := range a.sizes {
		if strings.HasPrefix(size.Name, StateRoot) {
			state += size.Bytes
		}
	}
	w.state.Store(state)
	limit := w.limit.Load()
	over := limit > 0 && a.bytes > limit
	was := w.over.Swap(over)
	if over == was {
		return
	}
	if !over {
		w.logger.Info("the scripts' memory is below the limit again", zap.Int64("bytes", a.bytes), zap.Int64("memory", limit))
		return
	}
	slices.SortStableFunc(a.sizes, func(x, y Size) int { return cmp.Compare(y.Bytes, x.Bytes) })
	biggest := a.sizes[0]
	route, most := "", int64(0)
	for r, bytes := range grew {
		if bytes > most {
			route, most = r, bytes
		}
	}
	w.logger.Error("the scripts' memory is beyond the limit, requests are refused until it is not",
		zap.Int64("bytes", a.bytes), zap.Int64("memory", limit),
		zap.String("biggest", biggest.Name), zap.Int64("biggest_bytes", biggest.Bytes),
		zap.Int64("biggest_entries", biggest.Entries),
		zap.String("grew_most_in", route))
}
