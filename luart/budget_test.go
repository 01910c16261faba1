package luart

import (
	"math"
	"testing"
	"time"
)

// A watchdog that comes late must not end a slice that has just begun.
func TestLateTickIsNoBurst(t *testing.T) {
	b := &budget{tick: 20 * time.Millisecond, made: time.Now().Add(-time.Hour), stop: make(chan struct{}), stopped: make(chan struct{})}
	b.maxGrowth.Store(math.MaxInt64)
	b.begin(time.Second) // an hour has passed since the last tick
	go b.watch()
	for b.now.Load() == 0 { // until it has come
	}
	if b.Done() != nil {
		t.Error("the slice was ended by the time before it began")
	}
	b.close()
	if got := b.now.Load(); got < int64(time.Hour) {
		t.Errorf("now is %v", time.Duration(got))
	}
}
