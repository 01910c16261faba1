package jq

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// MaxWaiting is how many runs may wait for those that are under way, of a VM.
	MaxWaiting = 64

	// MaxTime is how long one waits for its turn, and how long it runs then.
	MaxTime = 2 * time.Second
)

var (
	errBusy = errors.New("jq: too many programs run at once: try again later")
	errTime = fmt.Errorf("jq: the program has run for %s", MaxTime)
)

// runs bounds the runs of a VM. One that is given up goes on behind its back, where it is in a
// builtin, which nothing interrupts. It keeps its place until then.
type runs struct {
	places  chan struct{}
	callers atomic.Int64
	time    time.Duration
}

func newRuns() *runs {
	return &runs{places: make(chan struct{}, runtime.GOMAXPROCS(0)), time: MaxTime}
}

// take is for who is about to call run, and calls leave after it.
func (r *runs) take() (leave func(), err error) {
	if r.callers.Add(1) > int64(cap(r.places)+MaxWaiting) {
		r.callers.Add(-1)
		return nil, errBusy
	}
	return func() { r.callers.Add(-1) }, nil
}

// run calls work elsewhere, when its turn has come, and returns what it does, or an error before it
// ends: when ctx ends, or its time is over.
func (r *runs) run(ctx context.Context, work func(context.Context) ([][]byte, error)) ([][]byte, error) {
	select {
	case r.places <- struct{}{}:
	default:
		wait, cancel := context.WithTimeoutCause(ctx, r.time, errBusy)
		defer cancel()
		select {
		case r.places <- struct{}{}:
		case <-wait.Done():
			return nil, context.Cause(wait)
		}
	}
	ctx, stop := context.WithTimeoutCause(ctx, r.time, errTime)
	type answer struct {
		texts [][]byte
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-r.places }()
		defer stop()
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a = answer{nil, fmt.Errorf("%v", p)}
			}
			answers <- a
		}()
		a.texts, a.err = work(ctx)
	}()
	select {
	case a := <-answers:
		return a.texts, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // both at once
		return a.texts, a.err
	default:
		return nil, context.Cause(ctx)
	}
}
