package clock

import (
	"context"
	"errors"
	"time"
)

// Timer calls a function at a later time. Any goroutine may call its methods.
type Timer struct {
	system *time.Timer
	c      *Clock
	entry  *entry
}

// AfterFunc calls f after d, on a goroutine of its own, as an activity.
func (c *Clock) AfterFunc(d time.Duration, f func()) *Timer {
	if c == nil {
		return &Timer{system: time.AfterFunc(d, f)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Timer{c: c, entry: c.add(d, false, f, nil)}
}

// Stop reports whether it has kept f from being called.
func (t *Timer) Stop() bool {
	if t.c == nil {
		return t.system.Stop()
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.remove(t.entry)
}

// WithTimeout is context.WithTimeoutCause. The context of a clock that stands still has no
// Deadline: others would go by the system's time until then.
func (c *Clock) WithTimeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	if c == nil {
		return context.WithTimeoutCause(ctx, d, cause)
	}
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	over := &timeoutError{cause}
	inner, cancel := context.WithCancelCause(ctx)
	t := c.AfterFunc(d, func() { cancel(over) })
	return &timeoutContext{inner, over}, func() {
		t.Stop()
		cancel(nil)
	}
}

// timeoutError tells the end of one context's time from that of another.
type timeoutError struct{ error }

func (e *timeoutError) Unwrap() error { return e.error }

// timeoutContext says that its time was over as context.WithTimeout does.
type timeoutContext struct {
	context.Context
	over *timeoutError
}

// Err implements context.Context.
func (c *timeoutContext) Err() error {
	err := c.Context.Err()
	if err != nil && errors.Is(context.Cause(c.Context), c.over) {
		return context.DeadlineExceeded
	}
	return err
}
