package budget

import (
	"math"
	"testing"
	"time"
)

// A watchdog that comes late must not end a slice that has just begun.
func TestLateTickIsNoBurst(t *testing.T) {
	b := &Budget{tick: Tick, hooks: Hooks{Tick: func() {}, Held: func() bool { return false }, Grown: func(int64) {}, GoesOn: func() {}}, made: time.Now().Add(-time.Hour), stop: make(chan struct{}), stopped: make(chan struct{})}
	b.maxGrowth.Store(math.MaxInt64)
	b.Begin(time.Second) // an hour has passed since the last tick
	go b.watch()
	for b.now.Load() == 0 { // until it has come
	}
	if b.Done() != nil {
		t.Error("the slice was ended by the time before it began")
	}
	b.Close()
	if got := b.now.Load(); got < int64(time.Hour) {
		t.Errorf("now is %v", time.Duration(got))
	}
}

// What ends a slice cannot be caught: every further instruction is refused too.
func TestAnEndedSliceStaysEnded(t *testing.T) {
	b := &Budget{tick: time.Hour, hooks: Hooks{GoesOn: func() {}}, made: time.Now()}
	b.maxGrowth.Store(1 << 20)
	b.Begin(time.Second)
	if b.Done() != nil {
		t.Fatal("ended at once")
	}
	b.why = ErrMemory
	b.clock.Store(alarm)
	for range 3 {
		if b.Done() == nil {
			t.Error("it goes on")
		}
	}
	if b.Begin(time.Second); b.Done() != nil || b.Err() != nil {
		t.Error("the next slice is ended too")
	}
}
