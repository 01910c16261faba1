package store

import (
	"context"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib/subscription"
	"github.com/caddy-rover/rover/luart/luaval"
)

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
	topic, key := luaval.CheckText(L, 2), s.key(L, 2)
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
