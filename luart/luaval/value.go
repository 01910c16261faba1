package luaval

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// TypeName is Lua's name of a value's type, for error messages.
func TypeName(v lua.LValue) string {
	if v == nil {
		return "no value"
	}
	return v.Type().String()
}

// StringValue returns a string or a number as a string.
func StringValue(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return ExactString(v), true
	}
	return ExactNumber(v)
}

func FirstValue(values []string) lua.LValue {
	if len(values) == 0 {
		return lua.LNil
	}
	return lua.LString(values[0])
}

func UnixTime(seconds float64) time.Time {
	whole, frac := math.Modf(seconds)
	return time.Unix(int64(whole), int64(frac*1e9)).UTC()
}

// multiTable returns a table of first values whose method :all(name) gives every
// value of a name. norm makes the key that values are stored under of a name that a
// script asks for. A value named "all" is left out of the table, or a client could
// take the method away: it is to be had through :all("all").
func multiTable(L *lua.LState, values map[string][]string, norm func(string) string, methods []Method) *lua.LTable {
	t := L.CreateTable(0, len(values))
	meta := L.CreateTable(0, 2)
	all := L.NewFunction(func(L *lua.LState) int {
		vs := values[norm(CheckString(L, 2))]
		list := L.CreateTable(len(vs), 0)
		for _, v := range vs {
			list.Append(lua.LString(v))
		}
		L.Push(list)
		return 1
	})
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		name, ok := L.Get(2).(lua.LString)
		for _, m := range methods {
			if ok && string(name) == m.Name {
				L.Push(L.NewFunction(m.Fn))
				return 1
			}
		}
		switch {
		case !ok:
			L.Push(lua.LNil)
		case name == "all":
			L.Push(all)
		default:
			L.Push(FirstValue(values[norm(string(name))]))
		}
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	t.Metatable = meta
	return t
}

// Method is one of a table of values, beside all. A value of that name is to be had through :all(name).
type Method struct {
	Name string
	Fn   lua.LGFunction
}

// fill puts the first values into a table of values, but for those that are called as a method is.
func fill(t *lua.LTable, values map[string][]string, methods []Method) {
	for name, vs := range values {
		taken := name == "all" || slices.ContainsFunc(methods, func(m Method) bool { return m.Name == name })
		if !taken && len(vs) > 0 {
			t.RawSetString(name, lua.LString(vs[0]))
		}
	}
}

// HeaderTable returns headers as a table: lower-case keys, found in any case.
func HeaderTable(L *lua.LState, h http.Header, methods ...Method) *lua.LTable {
	lower := make(map[string][]string, len(h))
	for name, vs := range h {
		lower[strings.ToLower(name)] = vs
	}
	t := multiTable(L, lower, strings.ToLower, methods)
	fill(t, lower, methods)
	return t
}

// ValuesTable returns decoded query or form values as a table.
func ValuesTable(L *lua.LState, values url.Values, methods ...Method) *lua.LTable {
	t := multiTable(L, values, func(s string) string { return s }, methods)
	fill(t, values, methods)
	return t
}
