package files

import (
	"context"
	"errors"

	"github.com/caddy-rover/rover/luart/giveup"
)

// MaxAtOnce is how many calls of a Gate may be under way.
const MaxAtOnce = 64

// Gate calls what touches files, for who cannot wait as long as a file system may take. A call that
// is given up goes on behind the back of who made it, and keeps its place: where a file system
// answers no more, MaxAtOnce calls are left behind, however many come.
type Gate struct {
	places chan struct{}
}

// NewGate returns a gate.
func NewGate() *Gate { return &Gate{places: make(chan struct{}, MaxAtOnce)} }

// Everywhere is the gate of this process.
var Everywhere = NewGate()

// Call returns what do does, or when ctx ends or giveup.Patience is over, giveup.ErrNoAnswer.
func Call[T any](ctx context.Context, g *Gate, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	select {
	case g.places <- struct{}{}:
	case <-ctx.Done():
		return none, errors.Join(giveup.ErrNoAnswer, context.Cause(ctx))
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-g.places }()
		value, err := do()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, errors.Join(giveup.ErrNoAnswer, context.Cause(ctx))
	}
}
