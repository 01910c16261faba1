package api

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// lifeHook is api.on_check and its kin.
type lifeHook struct {
	api  *API
	name string
}

// addHook is api.on_start(f), the call.
func addHook(L *lua.LState) int {
	h := luaval.CheckUserData(L, 1).Value.(*lifeHook)
	at := 2
	if ud, ok := L.Get(2).(*lua.LUserData); ok && ud.Metatable == h.api.types.root {
		at = 3 // api:on_start(f)
	}
	fn, ok := L.Get(at).(*lua.LFunction)
	if !ok {
		L.RaiseError("bad argument #1 to api.%s (function expected, got %s)", h.name, luaval.TypeName(L.Get(at)))
	}
	h.api.SetHook(L, h.name, fn, true)
	return 0
}

// noHookField says that a hook of the generation's life has no fields, and how the path is
// written that was meant.
func noHookField(L *lua.LState) int {
	h := luaval.CheckUserData(L, 1).Value.(*lifeHook)
	key := L.Get(2).String()
	L.RaiseError("api.%s%s: api.%[1]s takes the function of a hook and has no fields%[3]s%[2]s",
		h.name, luaKey(key), h.api.Root.InsteadOf(h.name))
	return 0
}
