package handshake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// MaxAsked bounds the names that are asked for at once: whoever makes names up cannot
	// begin more work than that, and others find the VM free.
	MaxAsked = 64

	// MaxGood and MaxBad bound the answers that are remembered. They are apart, so that names
	// which nobody has do not push those out that somebody has.
	MaxGood, MaxBad = 10000, 1000

	// Patience is how long one answer may take, with the wait for the VM.
	Patience = 10 * time.Second

	// ErrorFor is how long an error is the answer for its name.
	ErrorFor = time.Second

	// StaleFor is how long after its time the last good answer goes on where a new one fails.
	StaleFor = time.Hour

	// MaxFor bounds what a script may have remembered.
	MaxFor = 24 * time.Hour
)

// ErrBusy says that a name has not been asked for: too many others are.
var ErrBusy = fmt.Errorf("%d names are being asked for, the limit", MaxAsked)

// Answer is what somebody who was asked for a name has said.
type Answer[V any] struct {
	Value V
	Good  bool          // it is kept with the good ones
	For   time.Duration // how long it is the answer; 0: for those who wait for it now

	// Until is when it is no answer any more, whatever else fails; zero: it never goes on after
	// its time.
	Until time.Time
}

// Ask asks for a name. Its context ends after Patience.
type Ask[V any] func(ctx context.Context, name string) (Answer[V], error)

// Memo remembers answers. For each name one asks, and all others wait for what comes of it.
type Memo[V any] struct {
	now func() time.Time

	mu      sync.Mutex
	epoch   uint64
	good    *simplelru.LRU[string, *entry[V]]
	bad     *simplelru.LRU[string, *entry[V]]
	flights map[string]*flight[V]
}

type entry[V any] struct {
	answer Answer[V]
	err    error
	until  time.Time // when it is to be asked for again
}

type flight[V any] struct {
	done  chan struct{} // closed when entry is there
	entry *entry[V]
}

// NewMemo returns a Memo that knows nothing, and goes by a clock.
func NewMemo[V any](now func() time.Time) *Memo[V] {
	m := &Memo[V]{now: now}
	m.reset()
	return m
}

// reset forgets all. Who asks meanwhile tells only those who wait already.
func (m *Memo[V]) reset() {
	m.good, _ = simplelru.NewLRU[string, *entry[V]](MaxGood, nil)
	m.bad, _ = simplelru.NewLRU[string, *entry[V]](MaxBad, nil)
	m.flights = map[string]*flight[V]{}
}

// Get returns the answer for a name in normal form, that is remembered or that ask gives. epoch
// says who is asked: what another one has said counts no more. ask goes on when ctx ends, for the
// others and for the next time; life ends it. Errors: those of ask, ErrBusy, and that of ctx.
func (m *Memo[V]) Get(ctx, life context.Context, epoch uint64, name string, ask Ask[V]) (V, error) {
	var none V
	m.mu.Lock()
	if epoch != m.epoch {
		m.epoch = epoch
		m.reset()
	}
	last := m.remembered(name)
	if last != nil && m.now().Before(last.until) {
		m.mu.Unlock()
		return last.answer.Value, last.err
	}
	f := m.flights[name]
	if f == nil {
		if len(m.flights) >= MaxAsked {
			m.mu.Unlock()
			return none, ErrBusy
		}
		f = &flight[V]{done: make(chan struct{})}
		m.flights[name] = f
		go m.fly(life, f, name, last, ask)
	}
	m.mu.Unlock()
	select {
	case <-f.done:
		return f.entry.answer.Value, f.entry.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// remembered returns the last answer for a name; nil is none. The caller holds mu.
func (m *Memo[V]) remembered(name string) *entry[V] {
	if e, ok := m.good.Get(name); ok {
		return e
	}
	e, _ := m.bad.Get(name)
	return e
}

// fly asks.
func (m *Memo[V]) fly(life context.Context, f *flight[V], name string, last *entry[V], ask Ask[V]) {
	ctx, cancel := context.WithTimeout(life, Patience)
	defer cancel()
	answer, err := askSafely(ctx, name, ask)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	f.entry = &entry[V]{answer, err, now.Add(answer.For)}
	if err != nil {
		f.entry.until = now.Add(ErrorFor)
		if last != nil && last.err == nil && last.answer.Good && now.Before(last.answer.Until) {
			f.entry.answer, f.entry.err = last.answer, nil
		}
	}
	close(f.done)
	if m.flights[name] != f {
		return // somebody else is asked by now
	}
	delete(m.flights, name)
	m.good.Remove(name)
	m.bad.Remove(name)
	switch {
	case !now.Before(f.entry.until) && f.entry.answer.Until.IsZero():
	case f.entry.err == nil && f.entry.answer.Good:
		m.good.Add(name, f.entry)
	default:
		m.bad.Add(name, f.entry)
	}
}

// askSafely is ask, with a panic as an error: nobody would recover from it.
func askSafely[V any](ctx context.Context, name string, ask Ask[V]) (answer Answer[V], err error) {
	err = errors.New("who was asked has left without an answer") // by runtime.Goexit
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return ask(ctx, name)
}
