package luart

import (
	"sync/atomic"
	"testing"
)

// Wait returns when all have ended, also those that others have begun meanwhile; what comes later
// still runs.
func TestClosings(t *testing.T) {
	var c closings
	c.Wait() // for none
	c = closings{}
	var ended atomic.Int32
	begun, goOn := make(chan struct{}), make(chan struct{})
	c.Go(func() {
		close(begun)
		<-goOn
		c.Go(func() { ended.Add(1) })
		ended.Add(1)
	})
	<-begun
	waited := make(chan struct{})
	go func() { c.Wait(); close(waited) }()
	close(goOn)
	<-waited
	if got := ended.Load(); got != 2 {
		t.Errorf("%d have ended, not 2", got)
	}
	late := make(chan struct{})
	c.Go(func() { close(late) })
	<-late
}
