package store

import (
	"context"
	"fmt"

	"github.com/caddy-rover/rover/luart/luaval"
	lua "github.com/yuin/gopher-lua"
)

// list is s:list([prefix[, options]]): keys, sorted.
func list(L *lua.LState) int {
	s := check(L, "s:list()")
	prefix, after, limit := luaval.OptString(L, 2, ""), "", defaultList
	if t := luaval.OptTable(L, 3); t != nil {
		listOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "after":
				text, ok := v.(lua.LString)
				if !ok {
					luaval.CheckOption(L, 3, name, v, "a string")
				}
				after = string(text)
			case "limit":
				n, ok := v.(lua.LNumber)
				if !ok || !isWhole(float64(n)) || n < 1 || n > MaxList {
					luaval.CheckOption(L, 3, name, v, fmt.Sprintf("an integer from 1 to %d", MaxList))
				}
				limit = int(n)
			}
		})
	}
	begin := s.engineKey("")
	var keys []string
	err := s.call(L, "list", func(ctx context.Context) (err error) {
		keys, err = s.engine.List(ctx, begin+prefix, begin+after, limit)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	t := luaval.NewJSONArray(L)
	for _, key := range keys {
		t.Append(lua.LString(key[len(begin):]))
	}
	L.Push(t)
	return 1
}
