// Package trace keeps what happened to one request.
package trace

import (
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/loglimit"
)

// Trace is what happened to one request, step by step, for whoever may know. Any goroutine
// may use it.
type Trace struct {
	began time.Time

	mu    sync.Mutex
	steps []Step
}

// Step is one of the things that happened.
type Step struct {
	At     time.Duration // since the trace began
	Took   time.Duration // 0: no time worth telling
	What   string
	Result string // "": nothing to add
}

// New returns a Trace that begins now.
func New() *Trace { return &Trace{began: time.Now()} }

// MaxSteps of a trace are kept.
const MaxSteps = 100

// MaxStepBytes of each text of a step are kept.
const MaxStepBytes = 512

// Record adds a step that happens now.
func (t *Trace) Record(what, result string) {
	t.add(Step{At: time.Since(t.began), What: what, Result: result})
}

// Ended adds a step that has ended now, and took a while.
func (t *Trace) Ended(what, result string, took time.Duration) {
	t.add(Step{At: time.Since(t.began) - took, Took: took, What: what, Result: result})
}

func (t *Trace) add(step Step) {
	step.What, step.Result = loglimit.Cut(step.What, MaxStepBytes), loglimit.Cut(step.Result, MaxStepBytes)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) < MaxSteps {
		t.steps = append(t.steps, step)
	}
}

// Steps returns what has happened so far, and how long ago the trace began.
func (t *Trace) Steps() ([]Step, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Step(nil), t.steps...), time.Since(t.began)
}
