package luart

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// bodyExpect is body:expect(schema): the decoded JSON body, if it is as schema says, else a
// 400 that names the first place where it is not: "items[2].price: number expected, got
// string". Fields that schema does not name are left as they are. A schema is
//
//   - "string", "number", "integer", "boolean", "object", "array", "table" (one of the
//     last two) or "any": a value of that type;
//   - {name = schema, …}: an object with these fields;
//   - {schema}: an array, each of whose items is as schema says.
//
// A field may be missing, or null, when its type ends in "?" ("string?") or its name does
// (["address?"] = {city = "string"}). Errors: a schema that is none of these, once a value
// stands at its place.
func bodyExpect(L *lua.LState) int {
	b := checkBody(L)
	schema := luaval.CheckAny(L, 2)
	v := bodyJSON(L, b)
	expectation{L, new(luaval.Pace)}.check(nil, schema, v)
	L.Push(v)
	return 1
}

// expectation compares values with schemas, and raises in L. Only the holder may use it.
type expectation struct {
	L    *lua.LState
	pace *luaval.Pace
}

// jsonPlace is where a value stands in a body; nil is the body itself. It becomes text only
// when something is wrong there.
type jsonPlace struct {
	up    *jsonPlace
	name  string
	index int // in an array; 0: name counts
}

func (p *jsonPlace) String() string {
	if p == nil {
		return "request body"
	}
	path := ""
	for ; p != nil; p = p.up {
		switch {
		case p.index > 0:
			path = "[" + strconv.Itoa(p.index) + "]" + path
		case p.up != nil:
			path = "." + p.name + path
		default:
			path = p.name + path
		}
	}
	return path
}

func (e expectation) check(at *jsonPlace, schema, v lua.LValue) {
	e.pace.Step(e.L)
	switch schema := schema.(type) {
	case lua.LString:
		want, optional := strings.CutSuffix(string(schema), "?")
		fits, known := jsonTypes[want]
		switch {
		case !known:
			e.L.RaiseError("body:expect: %s: %q is not a type", at, want)
		case optional && isMissing(v):
		case !fits(v):
			e.mismatch(at, want, v)
		}
	case *lua.LTable:
		if item := schema.RawGetInt(1); item != lua.LNil {
			e.checkItems(at, item, v)
		} else {
			e.checkFields(at, schema, v)
		}
	default:
		e.L.RaiseError("body:expect: %s: a type or a table expected, got %s", at, luaval.TypeName(schema))
	}
}

func (e expectation) checkItems(at *jsonPlace, item, v lua.LValue) {
	if !isArray(v) {
		e.mismatch(at, "array", v)
	}
	t := v.(*lua.LTable)
	for i := 1; i <= t.Len(); i++ {
		e.check(&jsonPlace{up: at, index: i}, item, t.RawGetInt(i))
	}
}

func (e expectation) checkFields(at *jsonPlace, fields *lua.LTable, v lua.LValue) {
	if !isObject(v) {
		e.mismatch(at, "object", v)
	}
	t := v.(*lua.LTable)
	// In the order of names, so that one body always gets one answer.
	eachByName(fields, func(key string, schema lua.LValue) {
		name, optional := strings.CutSuffix(key, "?")
		value := t.RawGetString(name)
		if optional && isMissing(value) {
			return
		}
		e.check(&jsonPlace{up: at, name: name}, schema, value)
	})
}

func (e expectation) mismatch(at *jsonPlace, want string, v lua.LValue) {
	luaval.RaiseStatus(e.L, http.StatusBadRequest, fmt.Sprintf("%s: %s expected, got %s", at, want, jsonTypeName(v)))
}

func isMissing(v lua.LValue) bool { return v == lua.LNil || v == lua.LValue(luaval.JSONNull) }

// isArray reports whether a decoded value is a JSON array. An empty one has a mark.
func isArray(v lua.LValue) bool {
	t, ok := v.(*lua.LTable)
	return ok && (luaval.IsJSONArray(t) || t.RawGetInt(1) != lua.LNil)
}

func isObject(v lua.LValue) bool {
	_, ok := v.(*lua.LTable)
	return ok && !isArray(v)
}

var jsonTypes = map[string]func(lua.LValue) bool{
	"any":     func(v lua.LValue) bool { return !isMissing(v) },
	"array":   isArray,
	"object":  isObject,
	"table":   func(v lua.LValue) bool { return v.Type() == lua.LTTable },
	"string":  func(v lua.LValue) bool { return v.Type() == lua.LTString },
	"boolean": func(v lua.LValue) bool { return v.Type() == lua.LTBool },
	"number":  func(v lua.LValue) bool { return v.Type() == lua.LTNumber },
	"integer": func(v lua.LValue) bool {
		n, ok := v.(lua.LNumber)
		return ok && float64(n) == math.Trunc(float64(n))
	},
}

func jsonTypeName(v lua.LValue) string {
	switch {
	case isMissing(v):
		return "nothing"
	case isArray(v):
		return "array"
	case isObject(v):
		return "object"
	case v.Type() == lua.LTNumber:
		return "number " + v.String()
	}
	return luaval.TypeName(v)
}

// eachByName calls f for every member with a string key, in the order of the keys.
func eachByName(t *lua.LTable, f func(key string, v lua.LValue)) {
	var names []string
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		if name, ok := k.(lua.LString); ok {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f(name, t.RawGetString(name))
	}
}
