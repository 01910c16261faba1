package expect

import (
	"math"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Extra says what becomes of a member that a schema does not name.
type Extra int

const (
	Strip  Extra = iota // it is not in the result
	Keep                // it is in the result, unchecked
	Refuse              // it is a fault
)

// Check returns v as schema says, and what is wrong with it: nil if nothing is. what names the
// value in messages ("request body").
//
// A schema is
//
//   - "string", "number", "integer", "boolean", "object", "array", "table" (one of the last two) or
//     "any": a value of that type, with whatever is in it;
//   - {name = schema, …}: an object with these members;
//   - {schema}: an array, each of whose items is as schema says.
//
// A member may be missing, or null, when its type ends in "?" ("string?") or its name does
// (["address?"] = {city = "string"}). The result has tables of its own where the schema describes
// what is in them, so that what a client sends besides does not get further: extra says otherwise.
//
// It raises an error of the script for a schema that is none of these, anywhere in it and whatever
// the value is, and when the slice of VM time is over.
func Check(L *lua.LState, what string, schema, v lua.LValue, extra Extra) (lua.LValue, *Faults) {
	c := checker{L: L, extra: extra, faults: Faults{what: what}}
	c.verify(nil, schema)
	v = c.check(nil, schema, v)
	if c.faults.count == 0 {
		return v, nil
	}
	return lua.LNil, &c.faults
}

// checker is one run of Check.
type checker struct {
	L      *lua.LState
	pace   luaval.Pace
	extra  Extra
	faults Faults
}

// check returns v, or what is to stand in its place.
func (c *checker) check(at *place, schema, v lua.LValue) lua.LValue {
	c.pace.Step(c.L)
	switch schema := schema.(type) {
	case lua.LString:
		want, optional := strings.CutSuffix(string(schema), "?")
		if !(optional && isMissing(v)) && !types[want](v) {
			c.mismatch(at, want, v)
		}
	case *lua.LTable:
		if item := schema.RawGetInt(1); item != lua.LNil {
			return c.items(at, item, v)
		}
		return c.members(at, schema, v)
	}
	return v
}

// items checks an array.
func (c *checker) items(at *place, item, v lua.LValue) lua.LValue {
	if !isArray(v) {
		c.mismatch(at, "array", v)
		return v
	}
	t := v.(*lua.LTable)
	n := t.Len()
	result := c.L.CreateTable(n, 0)
	result.Metatable = t.Metatable // the mark of an empty one
	for i := 1; i <= n; i++ {
		result.RawSetInt(i, c.check(&place{up: at, index: i}, item, t.RawGetInt(i)))
	}
	return result
}

// members checks an object: in the order of names, so that one value always gets one answer.
func (c *checker) members(at *place, schema *lua.LTable, v lua.LValue) lua.LValue {
	if !isObject(v) {
		c.mismatch(at, "object", v)
		return v
	}
	t := v.(*lua.LTable)
	names := c.names(schema)
	result := c.L.CreateTable(0, len(names))
	if c.extra != Strip {
		c.extras(at, schema, t, result)
	}
	for _, key := range names {
		name, optional := strings.CutSuffix(key, "?")
		value := t.RawGetString(name)
		if !optional || !isMissing(value) {
			value = c.check(&place{up: at, name: name}, schema.RawGetString(key), value)
		}
		result.RawSetString(name, value)
	}
	return result
}

// extras puts the members of t that schema does not name into result, or makes faults of them.
func (c *checker) extras(at *place, schema, t, result *lua.LTable) {
	var extra []string
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		c.pace.Step(c.L)
		name, ok := k.(lua.LString)
		if ok && isNamed(schema, string(name)) {
			continue
		}
		switch {
		case c.extra == Keep:
			result.RawSet(k, v)
		case ok:
			extra = append(extra, string(name))
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		c.pace.Step(c.L)
		c.faults.add(&place{up: at, name: name}, "unknown", "is not expected", "Is not expected")
	}
}

// isNamed reports whether a schema has a member of that name, which may be missing or not.
func isNamed(schema *lua.LTable, name string) bool {
	return schema.RawGetString(name+"?") != lua.LNil ||
		schema.RawGetString(name) != lua.LNil && !strings.HasSuffix(name, "?")
}

// names returns the string keys of a schema, sorted.
func (c *checker) names(schema *lua.LTable) []string {
	var names []string
	for k, _ := schema.Next(lua.LNil); k != lua.LNil; k, _ = schema.Next(k) {
		c.pace.Step(c.L)
		if name, ok := k.(lua.LString); ok {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

func (c *checker) mismatch(at *place, want string, v lua.LValue) {
	if isMissing(v) && at != nil {
		c.faults.add(at, "required", "is required", "Is required")
		return
	}
	must := "be " + article[want] + ", got " + describe(want, v)
	if at == nil && (want == "object" || want == "array") {
		must = "be a JSON " + want
	}
	c.faults.add(at, "type", "must "+must, "Must "+must)
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

var types = map[string]func(lua.LValue) bool{
	"any":     func(v lua.LValue) bool { return !isMissing(v) },
	"array":   isArray,
	"object":  isObject,
	"table":   func(v lua.LValue) bool { return v.Type() == lua.LTTable },
	"string":  func(v lua.LValue) bool { return v.Type() == lua.LTString },
	"boolean": func(v lua.LValue) bool { return v.Type() == lua.LTBool },
	"number": func(v lua.LValue) bool {
		_, exact := luaval.ExactNumber(v)
		return exact || v.Type() == lua.LTNumber
	},
	"integer": func(v lua.LValue) bool {
		if text, exact := luaval.ExactNumber(v); exact {
			return luaval.IsInteger(text)
		}
		n, ok := v.(lua.LNumber)
		return ok && float64(n) == math.Trunc(float64(n))
	},
}

const knownTypes = "string, number, integer, boolean, object, array, table and any are, with or without ?"

var article = map[string]string{
	"any":     "a value",
	"array":   "an array",
	"object":  "an object",
	"table":   "an object or an array",
	"string":  "a string",
	"boolean": "a boolean",
	"number":  "a number",
	"integer": "an integer",
}

// describe says what v is, where want was expected. It shows nothing of what a client sent but
// a number.
func describe(want string, v lua.LValue) string {
	switch {
	case isMissing(v):
		return "null"
	case isArray(v):
		return "array"
	case isObject(v):
		return "object"
	case !types["number"](v):
		return luaval.TypeName(v)
	case want == "integer":
		return "float " + luaval.Shown(luaval.ExactText(v))
	}
	return "number"
}
