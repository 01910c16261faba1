// Package webhook is rover.webhook: whether a request was signed by its sender.
package webhook

import (
	_ "embed"
	"maps"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/webhook"
)

//go:embed webhook.lua
var stubs string

var options = luaval.NewOptions("tolerance")

// maxTolerance is a bound of the option: for as long as that a copy of a message is good, and has
// to be remembered.
const maxTolerance = time.Hour

// Library is rover.webhook.
var Library = &lib.Library{
	Name: "webhook", Stubs: stubs,
	Options:  map[string]luaval.OptionsAt{"verify": options.At(4)},
	Words:    map[string]luaval.Words{"verify": {Arg: 1, Names: slices.Sorted(maps.Keys(webhook.Kinds))}},
	Explains: true,
	Open:     open,
}

func open(s *lib.Scope) lua.LValue {
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		// rover.webhook.verify(kind, ctx, secret[, options]): true and an id; nil and why not.
		"verify": func(L *lua.LState) int {
			kind := checkKind(L, 1)
			header := s.Request(L, 2).HTTP().Header.Clone()
			keys, tolerance := checkKeys(L, 3, kind), readOptions(L, 4, kind)
			id, err := kind.Verify(header, body(L, 2), keys, s.Clock().Now(), tolerance)
			if err != nil {
				return luaval.PushFailure(L, err)
			}
			L.Push(lua.LTrue)
			L.Push(lua.LString(id))
			return 2
		},
	})
	return t
}

// body returns the bytes of argument n's body, as they came. It waits for them.
func body(L *lua.LState, n int) string {
	result := L.Get(n)
	for _, method := range []string{"body", "text"} {
		L.Push(L.GetField(result, method))
		L.Push(result)
		L.Call(1, 1)
		result = L.Get(-1)
		L.Pop(1)
	}
	return string(result.(lua.LString))
}

func checkKind(L *lua.LState, n int) webhook.Kind {
	kind, ok := webhook.Kinds[luaval.CheckText(L, n)]
	if !ok {
		luaval.ArgError(L, n, `"github", "stripe" or "standard" expected`)
	}
	return kind
}

// checkKeys reads argument n, a secret or a list of them. Errors do not show them.
func checkKeys(L *lua.LState, n int, kind webhook.Kind) [][]byte {
	secrets, ok := luaval.Texts(L.Get(n), 0)
	if !ok {
		luaval.ArgTypeError(L, n, "secret or list of secrets")
	}
	keys, err := kind.Keys(secrets)
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return keys
}

func readOptions(L *lua.LState, n int, kind webhook.Kind) time.Duration {
	tolerance := webhook.DefaultTolerance
	t := luaval.OptTable(L, n)
	if t == nil {
		return tolerance
	}
	options.Each(L, t, n, func(name string, v lua.LValue) {
		number, isNumber := v.(lua.LNumber)
		d, ok := luaval.Seconds(float64(number))
		if !isNumber || !ok || d < time.Second || d > maxTolerance {
			luaval.CheckOption(L, n, name, v, "seconds, from 1 to 3600,")
		}
		if !kind.HasTime {
			luaval.ArgError(L, n, "option 'tolerance': this sender signs no time")
		}
		tolerance = d
	})
	return tolerance
}
