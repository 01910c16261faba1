package store

import (
	"context"
	"math"
	"time"

	"github.com/caddy-rover/rover/luart/luaval"
	engine "github.com/caddy-rover/rover/luart/store"
	lua "github.com/yuin/gopher-lua"
)

// take is s:take(key, { rate =, per =, burst =, cost = }): whether it was granted, and what is left.
func take(L *lua.LState) int {
	s := check(L, "s:take(key, { rate = 10, per = 60 })")
	key := s.key(L, 2)
	rate, cost := readRate(L, 3)
	var got engine.Taken
	err := s.call(L, "take", func(ctx context.Context) (err error) {
		got, err = s.engine.Take(ctx, key, rate, cost, false)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LBool(got.Granted == cost))
	left := L.CreateTable(0, 3)
	left.RawSetString("remaining", lua.LNumber(got.Remaining))
	left.RawSetString("reset", lua.LNumber(got.Reset.Seconds()))
	if got.Granted < cost && cost <= rate.Burst {
		left.RawSetString("retry_after", lua.LNumber(got.Retry.Seconds()))
	}
	L.Push(left)
	return 2
}

// readRate reads argument n, a table of rate, per, burst and cost.
func readRate(L *lua.LState, n int) (r engine.Rate, cost int64) {
	number := func(name string, v lua.LValue) float64 {
		f, ok := v.(lua.LNumber)
		if !ok {
			luaval.CheckOption(L, n, name, v, "a number")
		}
		return float64(f)
	}
	r.Per, cost = time.Second, 1
	takeOptions.Each(L, luaval.CheckTable(L, n), n, func(name string, v lua.LValue) {
		f := number(name, v)
		switch name {
		case "rate":
			r.Count = f
		case "per":
			r.Per, _ = luaval.Seconds(f)
		case "burst":
			r.Burst = whole(f)
		case "cost":
			if cost = whole(f); cost < 0 || cost > 1e9 {
				luaval.CheckOption(L, n, name, v, "an integer from 0 to 1e9")
			}
		}
	})
	if r.Burst == 0 {
		r.Burst = max(1, whole(math.Floor(r.Count)))
	}
	if err := r.Check(); err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return r, cost
}
