package gcfloor

import (
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) {
	os.Unsetenv("GOGC")
	goleak.VerifyTestMain(m)
}

// goal is the heap at which the next collection begins.
func goal() int64 {
	s := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(s)
	return value(s[0])
}

// collect has the collector run, and waits until the floor has been told of it.
func collect(t *testing.T, f *Floor) {
	t.Helper()
	runtime.GC()
	floors.Lock()
	defer floors.Unlock()
	if k := floors.keeps; k != nil {
		k.set(f) // its goroutine adjusts, too
		k.set(f) // and has done so now
	}
}

func logged() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	return zap.New(core), logs
}

func TestFloor(t *testing.T) {
	for _, floor := range []int64{16 << 20, Default, 256 << 20} {
		logger, logs := logged()
		f := Hold(floor, logger)
		for _, alive := range []int{0, 1 << 20, 8 << 20, 48 << 20, 128 << 20} {
			keep := make([]byte, alive)
			collect(t, f)
			live, got := readHeap().live, goal()
			// Changes of a tenth are left, and Go itself goes a little beyond.
			if least := floor - floor/8; got < least && live < floor {
				t.Errorf("floor %d, %d alive: the next collection begins at %d", floor, live, got)
			}
			if most := max(floor+floor/4, 2*live+live/4+goLeast); got > most {
				t.Errorf("floor %d, %d alive: the next collection begins at %d, beyond %d", floor, live, got, most)
			}
			runtime.KeepAlive(keep)
		}
		f.Release()
		if percent() != goDefault {
			t.Errorf("the percentage is %d after the release", percent())
		}
		if logs.Len() != 1 {
			t.Errorf("%d lines in the log, not one", logs.Len())
		}
	}
}

func TestFollowsCollections(t *testing.T) {
	f := Hold(Default, zap.NewNop())
	defer f.Release()
	collect(t, f)
	floors.Lock()
	k := floors.keeps
	floors.Unlock()
	keep := make([]byte, 96<<20)
	for range 1000 { // the finalizer runs some time after a collection
		runtime.GC()
		runtime.Gosched()
		if goal() < 256<<20 {
			break
		}
	}
	k.set(f)
	if got, live := goal(), readHeap().live; got > 2*live+live/4 {
		t.Errorf("with %d alive the next collection begins at %d", live, got)
	}
	runtime.KeepAlive(keep)
}

func TestLastOneCounts(t *testing.T) {
	logger, _ := logged()
	a := Hold(Default, logger)
	b := Hold(128<<20, logger)
	collect(t, b)
	if goal() < 100<<20 {
		t.Errorf("the second floor does not hold: %d", goal())
	}
	a.Release() // as when a config takes over
	collect(t, b)
	if goal() < 100<<20 {
		t.Errorf("the floor is gone with that of another: %d", goal())
	}
	b.Release()
	if percent() != goDefault {
		t.Errorf("the percentage is %d after the release", percent())
	}
}

func TestSomebodyElseSetIt(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		defer debug.SetGCPercent(debug.SetGCPercent(300))
		f := Hold(Default, zap.NewNop())
		defer f.Release()
		if floors.keeps != nil || percent() != 300 {
			t.Errorf("it is %d", percent())
		}
	})
	t.Run("environment", func(t *testing.T) {
		t.Setenv("GOGC", "100")
		f := Hold(Default, zap.NewNop())
		defer f.Release()
		if floors.keeps != nil {
			t.Error("GOGC of the environment does not count")
		}
	})
	t.Run("meanwhile", func(t *testing.T) {
		logger, logs := logged()
		f := Hold(Default, logger)
		collect(t, f)
		debug.SetGCPercent(250)
		defer debug.SetGCPercent(goDefault)
		collect(t, f)
		if percent() != 250 || logs.FilterMessageSnippet("somebody").Len() != 1 {
			t.Errorf("it is %d; %v", percent(), logs.All())
		}
		f.Release()
		if percent() != 250 {
			t.Errorf("the release makes it %d", percent())
		}
	})
}

func TestPercentNeverBelowGos(t *testing.T) {
	for range 10_000 {
		floor, live, roots := rand.Int64N(Max), rand.Int64N(1<<36), rand.Int64N(1<<30)
		if p := percentFor(floor, live, roots); p < goDefault || int64(p) > max(goDefault, floor*goDefault/goLeast) {
			t.Fatalf("percentFor(%d, %d, %d) = %d", floor, live, roots, p)
		}
	}
}

func TestAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				Hold(Default, zap.NewNop()).Release()
			}
		})
	}
	for range 50 {
		runtime.GC()
	}
	all.Wait()
	if floors.keeps != nil || len(floors.held) != 0 || percent() != goDefault {
		t.Errorf("held: %d, %d %%", len(floors.held), percent())
	}
}
