package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// expectOptions are the options of body:expect.
var expectOptions = luaval.NewOptions("extra", "null", "exact").Words("extra", "strip", "keep", "error")

// bodyExpect is body:expect(schema[, options]): the decoded JSON body as schema says (see
// expect.Check), without the members that schema does not name. Else it raises a 400 that lists
// all faults. Options: extra = "strip" (the default), "keep" or "error" says what becomes of such
// members; null and exact are those of rover.json.decode.
func bodyExpect(L *lua.LState) int {
	b := checkBody(L)
	want := luaval.CheckAny(L, 2)
	extra := schema.Strip
	var decode jsonlua.Options
	if t := luaval.OptTable(L, 3); t != nil {
		expectOptions.EachOf(L, t, "body:expect", func(name string, v lua.LValue) {
			if name == "extra" {
				luaval.CheckOption(L, 3, name, v, expect.ReadExtra(v, &extra))
			} else {
				decode.Read(L, 3, name, v)
			}
		})
	}
	field := expect.Read(L, expect.BodyName, want, b.x.gen.warnings().Of(L))
	o := expect.Options{Extra: extra, JSON: true, Own: true, Null: decode.Null, Exact: decode.Exact, Rounds: !decode.Exact}
	decode.Exact, decode.Finite = true, !decode.Exact // bounds are compared with what was sent
	decode.Null = true                                // what is null is not expected either, or a value of its own
	v, faults := expect.Check(L, expect.BodyName, field, bodyJSON(L, b, decode), o)
	if faults != nil {
		expect.Raise(L, faults)
	}
	L.Push(v)
	return 1
}

// warnings are those about schemas of the script.
func (g *Generation) warnings() *expect.Warnings {
	g.schemas.Logger = g.logger
	return &g.schemas
}
