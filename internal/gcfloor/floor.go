// Package gcfloor keeps the garbage collector from running while the heap is small.
//
// Go collects when the heap is twice what the last collection left (GOGC=100). A proxy keeps little:
// with 15 MiB alive it is collected ten times a second, for memory that no machine lacks. Below a
// floor the heap grows undisturbed. Above it Go's own rule holds, and a memory limit (GOMEMLIMIT)
// holds always.
package gcfloor

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"

	"go.uber.org/zap"
)

// Default is the floor of a process where nobody says another one, in bytes.
const Default = 64 << 20

// Min and Max are the smallest and the largest floor, in bytes: below Min Go does not collect anyway.
const (
	Min = goLeast
	Max = 16 << 30
)

// goDefault is the percentage of GOGC that Go begins with.
const goDefault = 100

// goLeast is the heap below which Go does not collect, for each goDefault of the percentage.
const goLeast = 4 << 20

// floors are the floors that are held: the process has one collector.
var floors = struct {
	sync.Mutex
	held  []*Floor
	keeps *keeper // of the last of held; nil: nobody holds one, or the collector is somebody else's
}{}

// Floor is the wish that the heap is not collected below a size.
type Floor struct {
	bytes  int64
	logger *zap.Logger
}

// Hold has the heap not collected while it is smaller than so many bytes, until Release. Of several
// the last one counts. It does nothing where somebody has set GOGC, in the environment or by
// debug.SetGCPercent. Any goroutine may call it.
func Hold(bytes int64, logger *zap.Logger) *Floor {
	f := &Floor{bytes, logger}
	floors.Lock()
	defer floors.Unlock()
	floors.held = append(floors.held, f)
	settle()
	return f
}

// Release takes the wish back. When the last one is, the collector is as Go has it. Any goroutine may
// call it, once.
func (f *Floor) Release() {
	floors.Lock()
	defer floors.Unlock()
	for i, held := range floors.held {
		if held == f {
			floors.held = append(floors.held[:i], floors.held[i+1:]...)
			break
		}
	}
	settle()
}

// settle makes the collector what the floors that are held say. floors is locked.
func settle() {
	var f *Floor
	if n := len(floors.held); n > 0 {
		f = floors.held[n-1]
	}
	k := floors.keeps
	switch {
	case k != nil && f == nil:
		k.close()
		floors.keeps = nil
	case k != nil:
		k.set(f)
	case f != nil && os.Getenv("GOGC") == "" && percent() == goDefault:
		floors.keeps = keep(f)
	}
}

// keeper sets the percentage after each collection, such that the next one begins at the floor.
type keeper struct {
	ended         chan struct{} // a collection has ended
	changed       chan *Floor
	stop, stopped chan struct{}

	// Its goroutine's:
	floor *Floor
	last  int // what it has set
	over  bool
}

func keep(f *Floor) *keeper {
	k := &keeper{
		ended: make(chan struct{}, 1), changed: make(chan *Floor),
		stop: make(chan struct{}), stopped: make(chan struct{}),
		floor: f, last: goDefault,
	}
	f.logger.Info("the garbage collector waits until the heap is of a size; "+
		"another one is set by gc_floor in the global option rover, or by GOGC", zap.Int64("bytes", f.bytes))
	go k.run()
	return k
}

// set has it keep another floor.
func (k *keeper) set(f *Floor) {
	k.changed <- f
}

// close ends it, and waits for that.
func (k *keeper) close() {
	close(k.stop)
	<-k.stopped
}

func (k *keeper) run() {
	defer close(k.stopped)
	watch := &watcher{ended: k.ended}
	watch.arm()
	k.adjust()
	for {
		select {
		case <-k.ended:
		case k.floor = <-k.changed:
		case <-k.stop:
			watch.disarm()
			k.restore()
			return
		}
		k.adjust()
	}
}

// adjust sets the percentage that fits what the last collection left.
func (k *keeper) adjust() {
	if k.over {
		return
	}
	if percent() != k.last {
		k.over = true
		k.floor.logger.Info("somebody has set the percentage of the garbage collector: it keeps no floor any more")
		return
	}
	s := readHeap()
	want := percentFor(k.floor.bytes, s.live, s.roots)
	// Each change stops the world for a moment: small ones are left.
	if diff := want - k.last; want == k.last || want != goDefault && max(diff, -diff)*10 < k.last {
		return
	}
	debug.SetGCPercent(want)
	k.last = want
}

// restore makes the collector what Go has it, unless somebody else has set it.
func (k *keeper) restore() {
	if !k.over && percent() == k.last {
		debug.SetGCPercent(goDefault)
	}
}

// percentFor is the percentage with which the next collection begins at the floor. live is what the
// last one has left, roots what it has read beside it.
func percentFor(floor, live, roots int64) int {
	p := floor * goDefault / goLeast // a small heap reaches the floor by what Go does not collect below
	if live > 0 {
		p = min(p, int64(math.Ceil(float64(floor-live)*goDefault/float64(live+roots))))
	}
	return int(max(p, goDefault))
}

// watcher tells that a collection has ended: its finalizer runs then, and sets itself again.
type watcher struct {
	ended chan struct{}
	mu    sync.Mutex
	off   bool
}

// sentinel is garbage at once. It must not be so small that others share its block.
type sentinel struct{ _ [32]byte }

func (w *watcher) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.off {
		return
	}
	runtime.SetFinalizer(new(sentinel), func(*sentinel) {
		select {
		case w.ended <- struct{}{}:
		default:
		}
		w.arm()
	})
}

func (w *watcher) disarm() {
	w.mu.Lock()
	w.off = true
	w.mu.Unlock()
}

// heap is what the last collection has found, in bytes.
type heap struct{ live, roots int64 }

func readHeap() heap {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/globals:bytes"},
		{Name: "/gc/scan/stack:bytes"},
	}
	metrics.Read(s)
	return heap{value(s[0]), value(s[1]) + value(s[2])}
}

// percent is what GOGC is now; -1: off.
func percent() int {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	if n := s[0].Value.Uint64(); n <= math.MaxInt32 {
		return int(n)
	}
	return -1
}

func value(s metrics.Sample) int64 { return int64(s.Value.Uint64()) }
