package gcfloor

import (
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
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
		f := Hold(Wish{Bytes: floor}, logger)
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
	f := Hold(Wish{Bytes: Default}, zap.NewNop())
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
	a := Hold(Wish{Bytes: Default}, logger)
	b := Hold(Wish{Bytes: 128 << 20}, logger)
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
		f := Hold(Wish{Bytes: Default}, zap.NewNop())
		defer f.Release()
		if floors.keeps != nil || percent() != 300 {
			t.Errorf("it is %d", percent())
		}
	})
	t.Run("environment", func(t *testing.T) {
		t.Setenv("GOGC", "100")
		f := Hold(Wish{Bytes: Default}, zap.NewNop())
		defer f.Release()
		if floors.keeps != nil {
			t.Error("GOGC of the environment does not count")
		}
	})
	t.Run("meanwhile", func(t *testing.T) {
		logger, logs := logged()
		f := Hold(Wish{Bytes: Default}, logger)
		collect(t, f)
		debug.SetGCPercent(250)
		defer debug.SetGCPercent(goDefault)
		collect(t, f)
		if percent() != 250 || logs.FilterMessageSnippet("another module").Len() != 1 {
			t.Errorf("it is %d; %v", percent(), logs.All())
		}
		f.Release()
		if percent() != 250 {
			t.Errorf("the release makes it %d", percent())
		}
	})
}

// The log says what holds, at each change, and why a floor has no effect.
func TestSays(t *testing.T) {
	type said struct {
		level zapcore.Level
		text  string
		bytes any
	}
	on := func(mib int64) said { return said{zap.InfoLevel, "waits until", mib << 20} }
	lost := func(level zapcore.Level, mib int64) said { return said{level, "has no effect", mib << 20} }
	chosen := func(mib int64) Wish { return Wish{mib << 20, true} }
	for _, test := range []struct {
		name, gogc string
		percent    int
		wishes     []Wish // one config after the other
		want       []said
	}{
		{"sizes", "", 100, []Wish{{Default, false}, chosen(64), chosen(128), chosen(128), chosen(200)}, []said{on(64), on(128), on(200)}},
		{
			"off and on", "", 100,
			[]Wish{chosen(0), {Default, false}, chosen(0), chosen(0), chosen(64)},
			[]said{on(64), {zap.InfoLevel, "gc_floor is off", nil}, on(64)},
		},
		{"default and GOGC", "150", 150, []Wish{{Default, false}, {Default, false}}, []said{lost(zap.InfoLevel, 64)}},
		{"chosen and GOGC", "100", 100, []Wish{chosen(128), chosen(128), chosen(200)}, []said{lost(zap.WarnLevel, 128), lost(zap.WarnLevel, 200)}},
		{"off and GOGC", "100", 100, []Wish{chosen(0)}, nil},
		{"no GOGC that Go knows", "foo", 100, []Wish{chosen(128)}, []said{lost(zap.WarnLevel, 128)}},
		{"another module", "", 300, []Wish{{Default, false}, chosen(128)}, []said{lost(zap.InfoLevel, 64), lost(zap.WarnLevel, 128)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("GOGC", test.gogc)
			defer debug.SetGCPercent(debug.SetGCPercent(test.percent))
			logger, logs := logged()
			var last *Floor
			for _, w := range test.wishes {
				f := Hold(w, logger)
				if last != nil {
					last.Release()
				}
				last = f
			}
			last.Release()
			var got []said
			for i, entry := range logs.All() {
				fields := entry.ContextMap()
				if i < len(test.want) && strings.Contains(entry.Message, test.want[i].text) {
					entry.Message = test.want[i].text
				}
				bytes := fields["bytes"]
				if bytes == nil {
					bytes = fields["gc_floor"]
				}
				got = append(got, said{entry.Level, entry.Message, bytes})
				if want := test.gogc; want != "" && fields["GOGC"] != want {
					t.Errorf("GOGC is %v, not %s", fields["GOGC"], want)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got:  %v\nwant: %v", got, test.want)
			}
		})
	}
}

// What has been said when another module set the percentage is not said again by a reload.
func TestSaysOnceThatItIsOver(t *testing.T) {
	logger, logs := logged()
	a := Hold(Wish{Bytes: Default}, logger)
	collect(t, a)
	debug.SetGCPercent(250)
	defer debug.SetGCPercent(goDefault)
	collect(t, a)
	b := Hold(Wish{Bytes: Default}, logger)
	a.Release()
	if n := logs.FilterMessageSnippet("another module").Len(); n != 1 {
		t.Errorf("said %d times: %v", n, logs.All())
	}
	c := Hold(Wish{128 << 20, true}, logger)
	b.Release()
	c.Release()
	if n := logs.FilterMessageSnippet("another module").FilterLevelExact(zap.WarnLevel).Len(); n != 1 || logs.Len() != 3 {
		t.Errorf("%v", logs.All())
	}
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
				Hold(Wish{Bytes: Default}, zap.NewNop()).Release()
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
