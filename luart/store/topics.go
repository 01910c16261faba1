package store

import (
	"maps"
	"slices"
	"sync"
)

// topics is who has subscribed to what in this process.
type topics struct {
	instant bool // messages come as soon as somebody has subscribed; else begin says when

	mu sync.Mutex
	of map[string]*topic
}

type topic struct {
	mu    sync.Mutex // held while messages are delivered: they keep their order
	subs  map[int]func([]byte)
	next  int
	begun bool // messages come

	leave func() // called when nobody is left
}

// add adds a subscriber. For the first one of a topic join is called, and for the last one what join
// has returned. After cancel has returned deliver is not called any more.
func (t *topics) add(name string, deliver func([]byte), join func(*topic) (leave func())) (cancel func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[string]*topic{}
	}
	tp := t.of[name]
	if tp == nil {
		tp = &topic{subs: map[int]func([]byte){}, begun: t.instant}
		t.of[name] = tp
		tp.leave = join(tp)
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	id := tp.next
	tp.next++
	tp.subs[id] = deliver
	if tp.begun {
		deliver(nil)
	}
	return sync.OnceFunc(func() { t.remove(name, tp, id) })
}

func (t *topics) remove(name string, tp *topic, id int) {
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

// find returns the topic of a name; nil: nobody has subscribed to it.
func (t *topics) find(name string) *topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[name]
}

// deliver tells all who have subscribed; nil is that messages begin to come.
func (tp *topic) deliver(message []byte) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.begun = true
	for _, id := range slices.Sorted(maps.Keys(tp.subs)) {
		tp.subs[id](message)
	}
}

// away says that no messages come until nil is delivered.
func (tp *topic) away() {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.begun = false
}
