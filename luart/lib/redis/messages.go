package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib/subscription"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/redis"
)

// MaxChannels bounds those of one subscription.
const MaxChannels = 100

// subscribe is r:subscribe(channel…): a subscription, once messages come.
func subscribe(L *lua.LState) int {
	return check(L, "r:subscribe(channel)").receive(L, redis.Channel)
}

// psubscribe is r:psubscribe(pattern…).
func psubscribe(L *lua.LState) int {
	return check(L, "r:psubscribe(pattern)").receive(L, redis.Pattern)
}

func (s *server) receive(L *lua.LState, kind redis.Kind) int {
	var names []string
	for i := 2; i <= max(2, L.GetTop()); i++ {
		if names = append(names, luaval.CheckText(L, i)); len(names) > MaxChannels {
			luaval.ArgError(L, i, fmt.Sprintf("at most %d names expected", MaxChannels))
		}
	}
	if s.grants.FakeNetwork != nil {
		return failed(L, errNoNetwork)
	}
	sub := s.subs.New(L, strings.Join(names, " "), func(deliver func(*subscription.Message)) (cancel func()) {
		all := newGathered(len(names), deliver)
		var cancels []func()
		for i, name := range names {
			cancels = append(cancels, s.client.Subscribe(kind, name, func(m *rueidis.PubSubMessage) { all.deliver(i, m) }))
		}
		return func() {
			for _, cancel := range cancels {
				cancel()
			}
		}
	})
	begun := false
	defer func() {
		if !begun { // also where the wait raises
			sub.Close()
		}
	}()
	var err error
	s.await(L, "subscribe", func(ctx context.Context) {
		err = s.client.Do(ctx, func(ctx context.Context, _ rueidis.Client) error {
			select {
			case <-sub.Begun():
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	if err != nil {
		var away *redis.UnansweredError
		if !errors.As(err, &away) {
			err = fmt.Errorf("no subscription: %w", err)
		}
		return failed(L, err)
	}
	begun = true
	L.Push(sub.Object())
	return 1
}
