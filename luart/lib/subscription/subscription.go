// Package subscription is what scripts receive published messages with: an object with recv, iter and
// close, which rover.store and rover.redis return.
package subscription

import (
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// Max bounds those of one generation, for each library.
	Max = 10_000

	// MaxMessages and MaxMessageBytes are what a subscription keeps for a script that does not
	// receive it. Beyond it the oldest are lost.
	MaxMessages     = 1000
	MaxMessageBytes = 4 << 20
)

// Message is one that was published.
type Message struct {
	Channel string
	Data    string
}

// Set are those of a library in one generation. It is the holder's.
type Set struct {
	VM   lib.VM
	Meta *lua.LTable // of NewType
	Name string      // "rover.store", in messages

	// Push pushes what recv returns for a message. An error is returned by recv, by Failed, and left
	// out by iter.
	Push   func(L *lua.LState, m Message) (n int, err error)
	Failed func(L *lua.LState, err error) int

	open    map[*Subscription]struct{}
	retired bool
}

// Retire ends those that no request has begun: the generation is replaced, or ends. Requests that
// it serves still go on, streams for hours, and keep what they receive.
func (all *Set) Retire() {
	all.retired = true
	for s := range all.open {
		if !s.ofRequest {
			s.Close()
		}
	}
}

// Subscription receives messages.
type Subscription struct {
	all    *Set
	topic  string
	cancel func()

	ofRequest bool // it ends with the response to a request, not with the generation

	mu     sync.Mutex
	queue  []Message
	bytes  int
	begun  chan struct{} // closed when messages begin to come, or none will
	begins bool          // it is closed
	lost   bool          // some are missing before the oldest in queue
	closed bool
	wake   chan struct{} // closed when something happens; nil: nobody waits
}

// New begins one: for a request until its response has ended, else until the generation retires.
// After that, what goes on in the background gets one that is closed. subscribe is given what is to
// be told of messages. It raises in L where there are too many.
func (all *Set) New(L *lua.LState, topic string, subscribe func(deliver func(*Message)) (cancel func())) *Subscription {
	if len(all.open) >= Max {
		L.RaiseError("%s: more than %d subscriptions are open; close() ends one", all.Name, Max)
	}
	s := &Subscription{all: all, topic: topic, begun: make(chan struct{}), cancel: func() {}}
	if _, _, s.ofRequest = all.VM.Caller().Request(); all.retired && !s.ofRequest {
		s.Close()
		return s
	}
	s.cancel = subscribe(s.deliver)
	if all.open == nil {
		all.open = map[*Subscription]struct{}{}
	}
	all.open[s] = struct{}{}
	if s.ofRequest {
		all.VM.Caller().AtResponseEnd(s, s.Close)
	}
	return s
}

// Object is what the script gets.
func (s *Subscription) Object() *lua.LUserData { return luaval.NewObject(s.all.Meta, s) }

// Begun is closed when messages come, or it ends before. Any goroutine may wait for it.
func (s *Subscription) Begun() <-chan struct{} { return s.begun }

// deliver is told of a message, on any goroutine. nil says that they begin to come.
func (s *Subscription) deliver(m *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return
	case m == nil && s.begins:
		s.lost = true
	case m == nil:
		s.begin()
	default:
		s.queue = append(s.queue, *m)
		s.bytes += len(m.Data)
		for len(s.queue) > MaxMessages || s.bytes > MaxMessageBytes {
			s.bytes -= len(s.queue[0].Data)
			s.queue, s.lost = s.queue[1:], true
		}
	}
	s.signal()
}

// begin lets go on who waits for Begun. s.mu is held.
func (s *Subscription) begin() {
	if !s.begins {
		s.begins = true
		close(s.begun)
	}
}

// signal wakes who receives. s.mu is held.
func (s *Subscription) signal() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// Close ends it. Only the holder may call it.
func (s *Subscription) Close() {
	delete(s.all.open, s)
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.queue = true, nil
	s.begin()
	s.signal()
}

// take returns the oldest message, why there is none, or what to wait for.
func (s *Subscription) take() (m Message, why string, wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lost:
		s.lost = false
		return m, "lost", nil
	case len(s.queue) > 0:
		m = s.queue[0]
		s.queue, s.bytes = s.queue[1:], s.bytes-len(m.Data)
		return m, "", nil
	case s.closed:
		return m, "closed", nil
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return m, "", s.wake
}

// receive waits for a message, for d at most.
func (s *Subscription) receive(L *lua.LState, d time.Duration) (m Message, why string) {
	began := s.all.VM.Clock().Now()
	for {
		m, why, wake := s.take()
		if wake == nil {
			return m, why
		}
		left := d
		if d != luaval.Forever {
			if left = d - s.all.VM.Clock().Since(began); left <= 0 {
				return m, "timeout"
			}
		}
		s.all.VM.Caller().Park(L, lib.WaitsOn{What: s.all.Name + " subscription", Which: s.topic}, wake, left)
	}
}

// NewType makes the type of the objects in a VM.
func NewType(vm lib.VM) *lua.LTable { return luaval.NewType(vm.L(), "subscription", methods, nil) }

// methods are those of a subscription.
var methods = map[string]lua.LGFunction{
	// sub:recv([seconds]): a value; nil and "timeout", "closed", or "lost": messages are missing here.
	"recv": func(L *lua.LState) int {
		s := check(L, "sub:recv()")
		m, why := s.receive(L, luaval.CheckSeconds(L, 2, luaval.Forever))
		if why != "" {
			L.Push(lua.LNil)
			L.Push(lua.LString(why))
			return 2
		}
		n, err := s.all.Push(L, m)
		if err != nil {
			return s.all.Failed(L, err)
		}
		return n
	},

	// for value in sub:iter() do … end: until it is closed. What was lost it does not tell.
	"iter": func(L *lua.LState) int {
		s := check(L, "sub:iter()")
		L.Push(L.NewFunction(func(L *lua.LState) int {
			for {
				m, why := s.receive(L, luaval.Forever)
				if why == "closed" {
					L.Push(lua.LNil)
					return 1
				}
				if why == "" {
					if n, err := s.all.Push(L, m); err == nil {
						return n
					}
				}
			}
		}))
		return 1
	},

	// sub:close().
	"close": func(L *lua.LState) int {
		s := check(L, "sub:close()")
		s.all.VM.Caller().Forget(s)
		s.Close()
		return 0
	},
}

func check(L *lua.LState, example string) *Subscription {
	return luaval.CheckSelf[*Subscription](L, "subscription", example)
}
