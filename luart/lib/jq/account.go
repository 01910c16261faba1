package jq

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
)

const (
	// maxGrowth is what the heap may grow by while a program runs, and once more until that is seen.
	maxGrowth = 48 << 20

	// lookAfter is how many bytes texts and lists take before the heap is looked at again, and
	// stepsPerLook how many steps are made.
	lookAfter    = 16 << 20
	stepsPerLook = 1024
)

// account is what a run has made. Its goroutine alone uses it.
type account struct {
	steps, made int
	seen, live  uint64 // the heap when it was collected last; what was alive when the run began
	err         error
}

// begin begins a run.
func (a *account) begin() {
	objects, live := heap()
	*a = account{seen: objects, live: live}
}

// charge counts bytes that are about to be made.
func (a *account) charge(bytes int) error {
	if a.made += bytes; a.made >= lookAfter {
		a.look()
	}
	return a.err
}

// look ends the run where the heap has grown too much. Garbage does not count: it is collected
// before, each time as much has been made as there may be.
func (a *account) look() {
	a.made = 0
	objects, _ := heap()
	if objects < a.seen {
		a.seen = objects
	}
	if a.err != nil || objects-a.seen < maxGrowth {
		return
	}
	runtime.GC()
	var live uint64
	a.seen, live = heap()
	a.live = min(a.live, live) // the first one is from some time before
	if live > a.live+maxGrowth {
		a.err = fmt.Errorf("memory has grown by more than %d MiB", maxGrowth>>20)
	}
}

// heap is what the objects of the process take, and what of it the last collection found alive.
func heap() (objects, live uint64) {
	s := [2]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}

// stepping is the context of a run, which is asked before each of its steps.
type stepping struct {
	context.Context
	a *account
}

var ended = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (s stepping) Done() <-chan struct{} {
	if s.a.steps++; s.a.steps%stepsPerLook == 0 {
		s.a.look()
	}
	if s.a.err != nil {
		return ended
	}
	return s.Context.Done()
}

func (s stepping) Err() error {
	if s.a.err != nil {
		return s.a.err
	}
	return context.Cause(s.Context)
}
