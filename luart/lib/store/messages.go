package store

import (
	"context"
	_ "embed"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/subscription"
	"github.com/caddy-rover/rover/luart/luaval"
)

var (
	//go:embed publish.lua
	publishStubs string
	//go:embed subscribe.lua
	subscribeStubs string
)

// Publish and Subscribe are rover.publish and rover.subscribe: topics that no store has.
var (
	Publish = &lib.Library{
		Name: "publish", Stubs: publishStubs, Explains: true,
		Open: func(scope *lib.Scope) lua.LValue {
			s := &store{opened: &opened{vm: scope.VM, engine: scope.Store}}
			return scope.L().NewFunction(func(L *lua.LState) int {
				if L.Get(3) != lua.LNil {
					luaval.ArgError(L, 3, "a topic and one value expected: several go into a table")
				}
				return s.publish(L, 1)
			})
		},
	}
	Subscribe = &lib.Library{
		Name: "subscribe", Stubs: subscribeStubs, Makes: map[string]string{"": "subscription"},
		NewState: func(vm lib.VM) any { return subscription.NewType(vm) },
		Open: func(scope *lib.Scope) lua.LValue {
			s := &store{opened: &opened{vm: scope.VM, engine: scope.Store}}
			s.subs = newSet(scope, "rover.subscribe", scope.State.(*lua.LTable))
			return scope.L().NewFunction(func(L *lua.LState) int { return s.subscribe(L, 1) })
		},
	}
)

// newSet makes the subscriptions of a generation.
func newSet(scope *lib.Scope, name string, meta *lua.LTable) *subscription.Set {
	all := &subscription.Set{VM: scope.VM, Meta: meta, Name: name, Push: pushMessage, Failed: failed}
	scope.OnRetire(all.Retire)
	return all
}

// publish is s:publish(topic, value): true.
func publish(L *lua.LState) int { return check(L, "s:publish(topic, value)").publish(L, 2) }

// publish sends argument n+1 to the topic in argument n.
func (s *store) publish(L *lua.LState, n int) int {
	topic, value := s.key(L, n), checkValue(L, n+1)
	return s.ask(L, "publish", func(ctx context.Context) (bool, error) { return true, s.engine.Publish(ctx, topic, value) })
}

// subscribe is s:subscribe(topic): a subscription, until the response has ended, or without one the
// script is replaced.
func subscribe(L *lua.LState) int { return check(L, "s:subscribe(topic)").subscribe(L, 2) }

// subscribe receives the topic in argument n.
func (s *store) subscribe(L *lua.LState, n int) int {
	topic, key := luaval.CheckText(L, n), s.key(L, n)
	sub := s.subs.New(L, topic, func(deliver func(*subscription.Message)) (cancel func()) {
		return s.engine.Subscribe(key, func(data []byte) {
			if data == nil {
				deliver(nil)
			} else {
				deliver(&subscription.Message{Data: string(data)})
			}
		})
	})
	L.Push(sub.Object())
	return 1
}

// pushMessage pushes the value of a message.
func pushMessage(L *lua.LState, m subscription.Message) (n int, err error) {
	v, err := Decode(L, []byte(m.Data))
	if err != nil {
		return 0, err
	}
	L.Push(v)
	return 1, nil
}
