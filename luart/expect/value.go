package expect

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

func isMissing(v lua.LValue) bool { return v == lua.LNil || isNull(v) }

func isNull(v lua.LValue) bool { return v == lua.LValue(luaval.JSONNull) }

// isArray reports whether a decoded value is a JSON array. An empty one has a mark.
func isArray(v lua.LValue) bool {
	t, ok := v.(*lua.LTable)
	return ok && (luaval.IsJSONArray(t) || t.RawGetInt(1) != lua.LNil)
}

// isEmpty reports whether v is a table without anything in it: in Lua, an array or an object.
func isEmpty(v lua.LValue) bool {
	t, ok := v.(*lua.LTable)
	if !ok {
		return false
	}
	k, _ := t.Next(lua.LNil)
	return k == lua.LNil
}

func isObject(v lua.LValue) bool {
	_, ok := v.(*lua.LTable)
	return ok && !isArray(v)
}

// isKind reports whether a value is of a kind. NaN and the infinities are no numbers of JSON, and are
// within any bounds.
func (c *checker) isKind(k schema.Kind, v lua.LValue) bool {
	switch k {
	case schema.Array:
		return isArray(v) || !c.o.JSON && isEmpty(v)
	case schema.Object:
		return isObject(v)
	case schema.Table:
		return v.Type() == lua.LTTable
	case schema.String:
		return v.Type() == lua.LTString
	case schema.Boolean:
		return v.Type() == lua.LTBool
	case schema.Number:
		return isNumber(v)
	case schema.Integer:
		return isNumber(v) && c.isInteger(v)
	}
	return !isMissing(v)
}

func isNumber(v lua.LValue) bool {
	if n, ok := v.(lua.LNumber); ok {
		return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0)
	}
	_, exact := luaval.ExactNumber(v)
	return exact
}

func hasFraction(v lua.LValue) bool {
	if text, exact := luaval.ExactNumber(v); exact {
		return !luaval.IsInteger(text)
	}
	n := float64(v.(lua.LNumber))
	return n != math.Trunc(n)
}

// isInteger is for numbers. One that a float64 cannot tell from its neighbours may not be the one that
// was sent, unless it was read exactly.
func (c *checker) isInteger(v lua.LValue) bool {
	if hasFraction(v) {
		return false
	}
	if c.o.Exact {
		return true
	}
	if _, exact := luaval.ExactNumber(v); exact {
		return !c.o.Rounds // it is beyond, or has a fraction
	}
	return math.Abs(float64(v.(lua.LNumber))) < luaval.MaxExact
}

// describe says what v is, where a kind was expected. It shows nothing of what a client sent but
// a number.
func describe(want schema.Kind, v lua.LValue) string {
	switch {
	case isMissing(v):
		return "null"
	case isArray(v):
		return "array"
	case isObject(v):
		return "object"
	case v.Type() == lua.LTNumber && !isNumber(v):
		return luaval.ExactText(v) // nan, inf
	case !isNumber(v):
		return luaval.TypeName(v)
	case want == schema.Integer && hasFraction(v):
		return "float " + schema.Echo(luaval.ExactText(v))
	case want == schema.Integer:
		return schema.Echo(luaval.ExactText(v)) + ", which is beyond 2^53"
	}
	return "number"
}

// toGo makes a schema.Value of a value of a script. The error says why it is none.
func toGo(v lua.LValue) (schema.Value, error) {
	data, _, err := luaval.CopyData(v, luaval.MaxDataBytes)
	if err != nil {
		return nil, err
	}
	return luaval.GoValue(data), nil
}

// fromGo is the reverse of toGo: tables are new ones.
func fromGo(L *lua.LState, v schema.Value) lua.LValue {
	switch v := v.(type) {
	case bool:
		return lua.LBool(v)
	case float64:
		return lua.LNumber(v)
	case string:
		return lua.LString(v)
	case []any:
		t := luaval.NewJSONArray(L)
		for i, item := range v {
			t.RawSetInt(i+1, fromGo(L, item))
		}
		return t
	case map[string]any:
		t := L.CreateTable(0, len(v))
		for name, item := range v {
			t.RawSetString(name, fromGo(L, item))
		}
		return t
	}
	return luaval.JSONNull
}

// equal reports whether a value of a script is one of an enum.
func equal(v lua.LValue, is schema.Value) bool {
	switch is := is.(type) {
	case bool:
		return v == lua.LBool(is)
	case float64:
		if text, exact := luaval.ExactNumber(v); exact {
			return luaval.CompareDecimals(text, strconv.FormatFloat(is, 'e', -1, 64)) == 0
		}
		return v == lua.LNumber(is)
	case string:
		return v == lua.LString(is)
	}
	return false
}
