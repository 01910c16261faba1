package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// expectOptions are the options of body:expect.
var expectOptions = luaval.NewOptions("extra", "null", "exact")

// bodyExpect is body:expect(schema[, options]): the decoded JSON body as schema says (see
// expect.Check), without the members that schema does not name. Else it raises a 400 that lists
// all faults. Options: extra = "strip" (the default), "keep" or "error" says what becomes of such
// members; null and exact are those of rover.json.decode.
func bodyExpect(L *lua.LState) int {
	b := checkBody(L)
	want := luaval.CheckAny(L, 2)
	extra := expect.Strip
	var decode jsonlua.Options
	if t := luaval.OptTable(L, 3); t != nil {
		expectOptions.EachOf(L, t, "body:expect", func(name string, v lua.LValue) {
			if name == "extra" {
				luaval.CheckOption(L, 3, name, v, readExtra(v, &extra))
			} else {
				decode.Read(L, 3, name, v)
			}
		})
	}
	null := decode.Null
	decode.Null = null || extra == expect.Refuse // one that is null is not expected either
	v, faults := expect.Check(L, "request body", want, bodyJSON(L, b, decode), extra)
	if faults != nil {
		faults.Raise(L)
	}
	if !null && decode.Null {
		v = jsonlua.DropNulls(L, v)
	}
	L.Push(v)
	return 1
}

// readExtra reads the option extra. It returns what it wants in place of v; "" if v is one.
func readExtra(v lua.LValue, extra *expect.Extra) string {
	switch v {
	case lua.LString("strip"):
		*extra = expect.Strip
	case lua.LString("keep"):
		*extra = expect.Keep
	case lua.LString("error"):
		*extra = expect.Refuse
	default:
		return `"strip", "keep" or "error"`
	}
	return ""
}
