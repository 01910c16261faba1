// Package giveup makes calls that may never return: of a network file system that is gone, a read
// ends when the server is back, and nothing else can end it.
package giveup

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Patience is how long a file may take to be read.
const Patience = 10 * time.Second

// ErrNoAnswer says that a call was given up.
var ErrNoAnswer = errors.New("the file system does not answer")

// Calls makes calls, one at a time for each key. One that is given up goes on behind its back: it
// holds up those of its key that come later, and however many come, one is left behind. The zero
// value is ready. Any goroutine may use it.
type Calls[T any] struct {
	mu       sync.Mutex
	underWay map[string]chan struct{} // closed when the call has returned
}

// Do returns what call does, or when ctx ends first, [ErrNoAnswer] and the cause. What call returns
// has been found out after Do began: it never is the answer to somebody else who asked before.
func (c *Calls[T]) Do(ctx context.Context, key string, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	for {
		c.mu.Lock()
		before := c.underWay[key]
		if before == nil {
			break // with mu
		}
		c.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return none, &gaveUpError{context.Cause(ctx)}
		}
	}
	done, answers := make(chan struct{}), make(chan answer, 1)
	if c.underWay == nil {
		c.underWay = map[string]chan struct{}{}
	}
	c.underWay[key] = done
	c.mu.Unlock()
	go func() {
		value, err := call()
		c.mu.Lock()
		delete(c.underWay, key)
		c.mu.Unlock()
		answers <- answer{value, err}
		close(done)
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers: // both at once
		return a.value, a.err
	default:
		return none, &gaveUpError{context.Cause(ctx)}
	}
}

// gaveUpError is ErrNoAnswer, because a context has ended.
type gaveUpError struct{ cause error }

func (e *gaveUpError) Error() string   { return ErrNoAnswer.Error() }
func (e *gaveUpError) Unwrap() []error { return []error{ErrNoAnswer, e.cause} }
