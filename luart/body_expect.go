package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// bodyExpect is body:expect(schema[, options]): the decoded JSON body as schema says (see
// schema.Check), without the members that schema does not name. Else it raises a 400 that lists
// all faults. Option: extra = "strip" (the default), "keep" or "error" says what becomes of such
// members.
func bodyExpect(L *lua.LState) int {
	b := checkBody(L)
	want := luaval.CheckAny(L, 2)
	extra := schema.Strip
	if L.Get(3) != lua.LNil {
		luaval.EachOption(L, luaval.CheckTable(L, 3), 3, "extra", func(name string, v lua.LValue) string {
			if name != "extra" {
				return ""
			}
			return readExtra(v, &extra)
		})
	}
	v, faults := schema.Check(L, "request body", want, bodyJSON(L, b), extra)
	if faults != nil {
		faults.Raise(L)
	}
	L.Push(v)
	return 1
}

// readExtra reads the option extra. It returns as EachOption wants it.
func readExtra(v lua.LValue, extra *schema.Extra) string {
	switch v {
	case lua.LString("strip"):
		*extra = schema.Strip
	case lua.LString("keep"):
		*extra = schema.Keep
	case lua.LString("error"):
		*extra = schema.Refuse
	default:
		return `"strip", "keep" or "error"`
	}
	return "ok"
}
