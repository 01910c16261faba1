package luart

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/outbound"
)

// A thousand generations that had timers, tasks, caches, HTTP clients and handlers that
// waited while they were replaced are garbage afterwards, and so are their goroutines.
func TestReplacedGenerationsAreGarbage(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up") }))
	defer upstream.Close()
	net, err := outbound.ParsePolicy([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, `local api = rover.server {} return api`)
	source := []byte(`
		local api = rover.server {}
		local ballast = {}
		for i = 1, 2000 do ballast[i] = "x" .. i end                 -- some 100 KB
		local client = rover.http.create { timeout = 5 }
		local cache = rover.cache("items")
		local go = rover.channel("go", 1)
		rover.every(3600, function() return ballast end)
		rover.after(3600, function() return ballast end)
		rover.spawn(function() pcall(rover.sleep, 3600) return ballast end)
		api.on_start(function() return ballast end)
		api.on_stop(function() return ballast end)
		function api.wait.get() print("waits") go:recv() return #ballast end
		function api.fetch.get()
			return cache:fetch("k" .. rover.version, { ttl = 60 }, function()
				return client:get(rover.config.upstream).body
			end)
		end
		return api`)
	ctx := context.Background()
	lines := make(chan string, 1)
	logger := zap.New(zapcore.RegisterHooks(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel),
		func(e zapcore.Entry) error {
			if e.Message == "waits" {
				lines <- e.Message
			}
			return nil
		}))
	var gens []weak.Pointer[Generation]
	reload := func(version int) {
		g, err := s.vm.Load(ctx, Script{
			Libraries: all.Libraries(),
			Path:      "app.lua", Source: source, Version: version, MaxBody: 1 << 20, Timeout: 30e9, Burst: 1e9,
			Net: net, Config: map[string]string{"upstream": upstream.URL}, Logger: logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		gens = append(gens, weak.Make(g))
		old := s.gen
		g.Start(ctx)
		s.gen = g
		old.Stop(ctx)
	}
	waiting := func(g *Generation, done *sync.WaitGroup) {
		r := httptest.NewRequest("GET", "/wait", nil)
		done.Go(func() {
			x := g.Begin(httptest.NewRecorder(), r, s, s.next)
			defer x.End()
			if decision, err := x.Run(); decision != Answer || err != nil || x.Err() != nil {
				t.Error(decision, err, x.Err())
			}
		})
		<-lines
	}
	heap := func() uint64 {
		var m runtime.MemStats
		for range 4 { // pools of exchanges are let go in two steps
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round := func(first, count int) {
		for i := range count {
			reload(first + i)
			if i%20 == 0 { // in flight on a generation that is replaced twice meanwhile
				s.expect("GET /fetch", "200 up")
				var done sync.WaitGroup
				waiting(s.gen, &done)
				reload(first + i)
				reload(first + i)
				if err := s.release("go"); err != nil {
					t.Fatal(err)
				}
				done.Wait()
			}
		}
	}
	round(1, 100)
	before, goroutines := heap(), runtime.NumGoroutine()
	round(101, 900)
	// The last ones may be told to end for retireGrace yet; Lua threads that are pooled
	// refer to a few.
	var after uint64
	kept, left := 0, 0
	for deadline := time.Now().Add(4 * retireGrace); time.Now().Before(deadline); {
		after, left, kept = heap(), runtime.NumGoroutine(), 0
		for _, g := range gens[:len(gens)-1] {
			if g.Value() != nil {
				kept++
			}
		}
		if kept <= 8 && left <= goroutines+8 {
			break
		}
	}
	// A generation with its ballast is some 300 KB: 900 of them would be 270 MB.
	if grown := int64(after) - int64(before); grown > 8<<20 {
		t.Errorf("the heap has grown from %d by %d bytes", before, grown)
	}
	if kept > 8 || left > goroutines+8 {
		t.Errorf("%d of %d replaced generations are kept, %d goroutines, %d before", kept, len(gens)-1, left, goroutines)
	}
}

// release sends a value to a channel of the scripts.
func (s *server) release(channel string) error {
	g, err := s.vm.Load(context.Background(), Script{Libraries: all.Libraries(), Path: "release.lua", Timeout: 30e9, Burst: 1e9, Source: []byte(
		`rover.channel("` + channel + `", 1):send(true) return rover.server {}`)})
	if err == nil {
		g.Retire()
	}
	return err
}
