package luart

import (
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/request"
	"github.com/caddy-rover/rover/luart/schema"
)

// extraOptions are those of query:expect, and of expect of a decoded body.
var extraOptions = luaval.NewOptions("extra").Words("extra", "strip", "keep", "error")

// ctxQuery is ctx:query(), whose table has the method expect.
func ctxQuery(L *lua.LState) int {
	x := checkCtx(L)
	warnings := x.gen.warnings()
	L.Push(request.Query(L, x.r, func(values url.Values) luaval.Method {
		return luaval.Method{Name: "expect", Fn: func(L *lua.LState) int {
			return expectTexts(L, queryTexts(values), checkExtra(L, "query:expect"), warnings.Of(L))
		}}
	}))
	return 1
}

// ctxHeaders is ctx:headers(), whose table has the method expect.
func ctxHeaders(L *lua.LState) int {
	x := checkCtx(L)
	warnings, r := x.gen.warnings(), x.r
	L.Push(request.Headers(L, r, luaval.Method{Name: "expect", Fn: func(L *lua.LState) int {
		return expectTexts(L, headerTexts(r), schema.Strip, warnings.Of(L))
	}}))
	return 1
}

// paramsMeta is the metatable of ctx:params(): its method expect.
var paramsMeta = luaval.NewMethodMeta("params", "expect", func(L *lua.LState) int {
	t := luaval.CheckTable(L, 1)
	return expectTexts(L, expect.Texts{What: "path", Values: func(name string) []string {
		if text, ok := t.RawGetString(name).(lua.LString); ok {
			return []string{string(text)}
		}
		return nil
	}}, schema.Strip, nil)
}, false)

// expectTexts is texts:expect(schema): what they say, as schema says.
func expectTexts(L *lua.LState, texts expect.Texts, extra schema.Extra, warn func(string)) int {
	field := expect.ReadTexts(L, texts.What, luaval.CheckAny(L, 2), warn)
	result, faults := expect.CheckTexts(L, field, texts, expect.Options{Extra: extra})
	if faults != nil {
		expect.Raise(L, faults)
	}
	L.Push(result)
	return 1
}

// checkExtra reads the option extra of argument 3.
func checkExtra(L *lua.LState, function string) (extra schema.Extra) {
	if t := luaval.OptTable(L, 3); t != nil {
		extraOptions.EachOf(L, t, function, func(name string, v lua.LValue) {
			luaval.CheckOption(L, 3, name, v, expect.ReadExtra(v, &extra))
		})
	}
	return extra
}

// The metatables of what ctx:body():json() decodes to: their method expect.
var (
	documentMeta  = luaval.NewMethodMeta("json.document", "expect", expectDocument, false)
	documentArray = luaval.NewMethodMeta("json.array", "expect", expectDocument, true)
)

// expectDocument is ctx:body():json():expect(schema[, options]).
func expectDocument(L *lua.LState) int {
	t := luaval.CheckTable(L, 1)
	field := expect.Read(L, expect.BodyName, luaval.CheckAny(L, 2), nil)
	o := expect.Options{Extra: checkExtra(L, "expect"), JSON: true}
	v, faults := expect.Check(L, expect.BodyName, field, t, o)
	if faults != nil {
		expect.Raise(L, faults)
	}
	L.Push(v)
	return 1
}

// asDocument gives a decoded body the method expect, if it is a table.
func asDocument(v lua.LValue) lua.LValue {
	if t, ok := v.(*lua.LTable); ok {
		if luaval.IsJSONArray(t) {
			t.Metatable = documentArray
		} else {
			t.Metatable = documentMeta
		}
	}
	return v
}
