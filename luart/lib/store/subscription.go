package store

import (
	"context"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	engine "github.com/caddy-rover/rover/luart/store"
)

const (
	// MaxSubscriptions bounds those of one generation.
	MaxSubscriptions = 10_000

	// What a subscription keeps for a script that does not receive it. Beyond it the oldest are lost.
	maxMessages     = 1000
	maxMessageBytes = 4 * engine.MaxValue
)

// subscriptions are those of a generation. The holder's.
type subscriptions struct{ open map[*subscription]struct{} }

func (all *subscriptions) closeAll() {
	for s := range all.open {
		s.close()
	}
}

// subscription receives the messages of a topic.
type subscription struct {
	vm     lib.VM
	all    *subscriptions
	topic  string
	cancel func()

	mu     sync.Mutex
	queue  [][]byte
	bytes  int
	begun  bool
	lost   bool // some are missing before the oldest in queue
	closed bool
	wake   chan struct{} // closed when something happens; nil: nobody waits
}

// publish is s:publish(topic, value): true.
func publish(L *lua.LState) int {
	s := check(L, "s:publish(topic, value)")
	topic, value := s.key(L, 2), checkValue(L, 3)
	return s.ask(L, "publish", func(ctx context.Context) (bool, error) { return true, s.engine.Publish(ctx, topic, value) })
}

// subscribe is s:subscribe(topic): a subscription, until the response has ended or the script is
// replaced.
func subscribe(L *lua.LState) int {
	s := check(L, "s:subscribe(topic)")
	sub := &subscription{vm: s.vm, all: &s.subs, topic: luaval.CheckText(L, 2)}
	key := s.key(L, 2)
	if len(s.subs.open) >= MaxSubscriptions {
		L.RaiseError("rover.store: more than %d subscriptions are open; close() ends one", MaxSubscriptions)
	}
	sub.cancel = s.engine.Subscribe(key, sub.deliver)
	if s.subs.open == nil {
		s.subs.open = map[*subscription]struct{}{}
	}
	s.subs.open[sub] = struct{}{}
	if _, _, ok := s.vm.Caller().Request(); ok {
		s.vm.Caller().AtResponseEnd(sub, sub.close)
	}
	L.Push(luaval.NewObject(s.metas.subscription, sub))
	return 1
}

// deliver is told of a message by the engine, on any goroutine.
func (s *subscription) deliver(message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return
	case message == nil:
		s.lost, s.begun = s.lost || s.begun, true
	default:
		s.queue = append(s.queue, message)
		s.bytes += len(message)
		for len(s.queue) > maxMessages || s.bytes > maxMessageBytes {
			s.bytes -= len(s.queue[0])
			s.queue, s.lost = s.queue[1:], true
		}
	}
	s.signal()
}

func (s *subscription) signal() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// close ends it. Only the holder may call it.
func (s *subscription) close() {
	delete(s.all.open, s)
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.queue = true, nil
	s.signal()
}

// take returns the oldest message, why there is none, or what to wait for.
func (s *subscription) take() (message []byte, why string, wake chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lost:
		s.lost = false
		return nil, "lost", nil
	case len(s.queue) > 0:
		message = s.queue[0]
		s.queue, s.bytes = s.queue[1:], s.bytes-len(message)
		return message, "", nil
	case s.closed:
		return nil, "closed", nil
	}
	if s.wake == nil {
		s.wake = make(chan struct{})
	}
	return nil, "", s.wake
}

// receive waits for a message, for d at most.
func (s *subscription) receive(L *lua.LState, d time.Duration) (message []byte, why string) {
	began := s.vm.Clock().Now()
	for {
		message, why, wake := s.take()
		if wake == nil {
			return message, why
		}
		left := d
		if d != luaval.Forever {
			if left = d - s.vm.Clock().Since(began); left <= 0 {
				return nil, "timeout"
			}
		}
		s.vm.Caller().Park(L, lib.WaitsOn{What: "rover.store subscription", Which: s.topic}, wake, left)
	}
}

// subscriptionMethods are those of what s:subscribe returns.
var subscriptionMethods = map[string]lua.LGFunction{
	// sub:recv([seconds]): a value; nil and "timeout", "closed", or "lost": messages are missing here.
	"recv": func(L *lua.LState) int {
		s := checkSubscription(L, "sub:recv()")
		message, why := s.receive(L, luaval.CheckSeconds(L, 2, luaval.Forever))
		if why != "" {
			L.Push(lua.LNil)
			L.Push(lua.LString(why))
			return 2
		}
		v, err := Decode(L, message)
		if err != nil {
			return failed(L, err)
		}
		L.Push(v)
		return 1
	},

	// for value in sub:iter() do … end: until it is closed. What was lost it does not tell.
	"iter": func(L *lua.LState) int {
		s := checkSubscription(L, "sub:iter()")
		L.Push(L.NewFunction(func(L *lua.LState) int {
			for {
				message, why := s.receive(L, luaval.Forever)
				if why == "closed" {
					L.Push(lua.LNil)
					return 1
				}
				if v, err := Decode(L, message); why == "" && err == nil {
					L.Push(v)
					return 1
				}
			}
		}))
		return 1
	},

	// sub:close().
	"close": func(L *lua.LState) int {
		s := checkSubscription(L, "sub:close()")
		s.vm.Caller().Forget(s)
		s.close()
		return 0
	},
}

func checkSubscription(L *lua.LState, example string) *subscription {
	return luaval.CheckSelf[*subscription](L, "subscription", example)
}
