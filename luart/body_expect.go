package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// expectOptions are the options of body:expect.
var expectOptions = luaval.NewOptions("extra")

// bodyExpect is body:expect(schema[, options]): the decoded JSON body as schema says (see
// schema.Check), without the members that schema does not name. Else it raises a 400 that lists
// all faults. Option: extra = "strip" (the default), "keep" or "error" says what becomes of such
// members.
func bodyExpect(L *lua.LState) int {
	b := checkBody(L)
	want := luaval.CheckAny(L, 2)
	extra := schema.Strip
	if L.Get(3) != lua.LNil {
		expectOptions.EachOf(L, luaval.CheckTable(L, 3), "body:expect", func(name string, v lua.LValue) {
			luaval.CheckOption(L, 3, name, v, readExtra(v, &extra))
		})
	}
	v, faults := schema.Check(L, "request body", want, bodyJSON(L, b), extra)
	if faults != nil {
		faults.Raise(L)
	}
	L.Push(v)
	return 1
}

// readExtra reads the option extra. It returns what it wants in place of v; "" if v is one.
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
	return ""
}
