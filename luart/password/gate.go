package password

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
)

// ErrBusy says that too many hashes are computed and waited for already.
var ErrBusy = errors.New("too many passwords are hashed at once: try again later")

// MaxWaiting is how many hashes may wait in the process for those that are computed. With the
// default parameters the last one waits for a second or two.
const MaxWaiting = 64

// Everywhere is the gate of the process: half of the processors hash, 4 at most, so that a flood of
// logins leaves the others to all other requests, and takes 512 MiB at most.
var Everywhere = NewGate(max(1, min(4, runtime.GOMAXPROCS(0)/2)), MaxWaiting)

// Gate bounds how many hashes are computed at once, and how many wait. Any goroutine may use it.
type Gate struct {
	running chan struct{}
	places  atomic.Int64 // free, of those who run and wait
}

// NewGate returns a Gate for a number that run, and one that wait.
func NewGate(running, waiting int) *Gate {
	g := &Gate{running: make(chan struct{}, running)}
	g.places.Store(int64(running + waiting))
	return g
}

// Take takes a place, or none and ErrBusy, at once. Whoever has it calls leave when it is done.
func (g *Gate) Take() (leave func(), err error) {
	if g.places.Add(-1) < 0 {
		g.places.Add(1)
		return nil, ErrBusy
	}
	return func() { g.places.Add(1) }, nil
}

// Free is how many places nobody has.
func (g *Gate) Free() int { return int(max(0, g.places.Load())) }

// Run calls work when its turn has come, for who has a place; not if ctx ends before.
func (g *Gate) Run(ctx context.Context, work func()) error {
	select {
	case g.running <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-g.running }()
	if ctx.Err() != nil { // both were ready
		return context.Cause(ctx)
	}
	work()
	return nil
}
