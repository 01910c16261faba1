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
	"sync/atomic"

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
	said  state   // what the log has said last
}{}

// Wish is which floor somebody wants.
type Wish struct {
	Bytes  int64 // 0: none, the collector is to be as Go has it
	Chosen bool  // by a user: not the default
}

// Floor is the wish that the heap is not collected below a size, while it is held.
type Floor struct {
	Wish
	logger *zap.Logger
}

// Hold has the heap not collected while it is smaller than w says, until Release. Of several the last
// one counts. It does nothing but say so where somebody has set GOGC, in the environment or by
// debug.SetGCPercent. Any goroutine may call it.
func Hold(w Wish, logger *zap.Logger) *Floor {
	f := &Floor{w, logger}
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
	n := len(floors.held)
	if n == 0 {
		end()
		floors.said = state{}
		return
	}
	f, k := floors.held[n-1], floors.keeps
	now := state{bytes: f.Bytes}
	switch gogc := os.Getenv("GOGC"); {
	case f.Bytes == 0:
		end()
	case k != nil && !k.over.Load():
		k.set(f)
	case k != nil:
		now = state{f.Bytes, f.Chosen, byModule}
		if floors.said.lost == "" { // the keeper has said it
			floors.said = now
		}
	case gogc != "":
		now = state{f.Bytes, f.Chosen, byEnv}
	case percent() != goDefault:
		now = state{f.Bytes, f.Chosen, byModule}
	default:
		floors.keeps = keep(f)
	}
	if now != floors.said {
		floors.said = now
		f.say(now)
	}
}

// end has nobody keep a floor. floors is locked.
func end() {
	if floors.keeps != nil {
		floors.keeps.close()
		floors.keeps = nil
	}
}

// state is what holds, for the log: a reload that changes nothing says nothing.
type state struct {
	bytes  int64
	chosen bool // where it is lost
	lost   loss
}

// loss is why a floor has no effect.
type loss string

const (
	byEnv    loss = "GOGC is set in the environment"
	byModule loss = "another module of the process has set the percentage of the garbage collector"
)

// say logs what holds now.
func (f *Floor) say(now state) {
	switch {
	case now.lost != "":
		log, had := f.logger.Info, zap.Int("GOGC", percent())
		if now.chosen {
			log = f.logger.Warn
		}
		if now.lost == byEnv { // as it is written: what Go does not understand counts, too
			had = zap.String("GOGC", os.Getenv("GOGC"))
		}
		log("gc_floor has no effect: "+string(now.lost), zap.Int64("gc_floor", now.bytes), had)
	case now.bytes == 0:
		f.logger.Info("the garbage collector does not wait any more: gc_floor is off")
	default:
		f.logger.Info("the garbage collector waits until the heap is of a size; "+
			"another one is set by gc_floor in the global option rover, or by GOGC", zap.Int64("bytes", now.bytes))
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

	over atomic.Bool // another module has set something else
}

func keep(f *Floor) *keeper {
	k := &keeper{
		ended: make(chan struct{}, 1), changed: make(chan *Floor),
		stop: make(chan struct{}), stopped: make(chan struct{}),
		floor: f, last: goDefault,
	}
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
	if k.over.Load() {
		return
	}
	if percent() != k.last {
		k.over.Store(true)
		k.floor.say(state{k.floor.Bytes, k.floor.Chosen, byModule})
		return
	}
	s := readHeap()
	want := percentFor(k.floor.Bytes, s.live, s.roots)
	// Each change stops the world for a moment: small ones are left.
	if diff := want - k.last; want == k.last || want != goDefault && max(diff, -diff)*10 < k.last {
		return
	}
	debug.SetGCPercent(want)
	k.last = want
}

// restore makes the collector what Go has it, unless somebody else has set it.
func (k *keeper) restore() {
	if !k.over.Load() && percent() == k.last {
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
