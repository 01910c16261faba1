package store_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// Calls of one key are linearizable also while the server is killed, and the network is cut: what was
// answered holds, and what was not may have been done or not, but once.
func TestHistoryOfAwayServer(t *testing.T) {
	server := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	const processes = 3
	var stores []store.Store
	var ways []*storetest.Network
	for range processes {
		n := server.Network()
		ways = append(ways, n)
		stores = append(stores, newRedis(t, store.RedisOptions{URL: "redis://" + n.Addr, Timeout: 300 * time.Millisecond}))
	}
	var calls, failed atomic.Int64
	over := make(chan struct{})
	go func() { // breaks one thing after the other, until a call of each had no answer
		defer close(over)
		for n := range 8 {
			before, way := failed.Load(), ways[n%processes]
			leave := [...]func(){way.Drop, way.Hold, server.Kill, server.Pause}[n%4]
			back := [...]func(){way.Mend, way.Mend, server.Start, server.Continue}[n%4]
			for from := calls.Load(); calls.Load() < from+300 && !t.Failed(); {
				runtime.Gosched()
			}
			leave()
			for failed.Load() == before && !t.Failed() {
				runtime.Gosched()
			}
			back()
			for _, s := range stores {
				awaitUp(t, s.(*store.Redis), true)
			}
		}
	}()
	more := func(int) bool {
		calls.Add(1)
		select {
		case <-over:
			return false
		default:
			return !t.Failed()
		}
	}
	history := record(t, stores, processes, more, func(s store.Store) {
		failed.Add(1)
		awaitUp(t, s.(*store.Redis), true)
	})
	<-over
	if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
		t.Errorf("%s", result)
	}
	t.Logf("%d calls, %d without an answer", len(history), failed.Load())
}
