// Package topics is who has subscribed to what in this process.
package topics

import (
	"maps"
	"slices"
	"sync"
)

// Set is a set of topics with messages of type M, whose zero value says that messages begin to come.
// Any goroutine may call everything. The zero Set is ready for use.
type Set[M any] struct {
	// Instant says that messages come as soon as somebody has subscribed; else Deliver says when.
	Instant bool

	mu sync.Mutex
	of map[string]*Topic[M]
}

// Topic is one that somebody has subscribed to.
type Topic[M any] struct {
	mu    sync.Mutex // held while messages are delivered: they keep their order
	subs  map[int]func(M)
	next  int
	begun bool // messages come

	leave func() // called when nobody is left
}

// Add adds a subscriber. For the first one of a topic join is called, and for the last one what
// join has returned, each while no other is added or removed. After cancel has returned deliver is
// not called any more.
func (t *Set[M]) Add(name string, deliver func(M), join func(*Topic[M]) (leave func())) (cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*Topic[M]{}
	}
	tp := t.of[name]
	if tp == nil {
		tp = &Topic[M]{subs: map[int]func(M){}, begun: t.Instant}
		t.of[name] = tp
		tp.leave = join(tp)
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	id := tp.next
	tp.next++
	tp.subs[id] = deliver
	if tp.begun {
		var begin M
		deliver(begin)
	}
	return sync.OnceFunc(func() { t.remove(name, tp, id) })
}

func (t *Set[M]) remove(name string, tp *Topic[M], id int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tp.mu.Lock()
	delete(tp.subs, id)
	last := len(tp.subs) == 0
	tp.mu.Unlock()
	if last {
		delete(t.of, name)
		tp.leave()
	}
}

// Find returns the topic of a name; nil: nobody has subscribed to it.
func (t *Set[M]) Find(name string) *Topic[M] {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[name]
}

// Locked calls a function while nobody is added or removed.
func (t *Set[M]) Locked(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
}

// Deliver tells all who have subscribed.
func (tp *Topic[M]) Deliver(message M) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.begun = true
	for _, id := range slices.Sorted(maps.Keys(tp.subs)) {
		tp.subs[id](message)
	}
}

// Away says that no messages come until the zero one is delivered.
func (tp *Topic[M]) Away() {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.begun = false
}
