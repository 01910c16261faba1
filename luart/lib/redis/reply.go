package redis

import (
	"math"
	"strconv"

	"github.com/redis/rueidis"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// pushReply pushes an answer that is no error. No value is nil.
func pushReply(L *lua.LState, m *rueidis.RedisMessage) int {
	if m.IsNil() {
		L.Push(lua.LNil)
		return 1
	}
	var p luaval.Pace
	L.Push(valueOf(L, m, &p))
	return 1
}

// valueOf is an answer, or an element of one, where no value is rover.json.null, and an error the
// table { err = message }, as in scripts of the server.
func valueOf(L *lua.LState, m *rueidis.RedisMessage, p *luaval.Pace) lua.LValue {
	p.Step(L)
	switch {
	case m.IsNil():
		return luaval.JSONNull
	case m.IsInt64():
		n, _ := m.AsInt64()
		return integer(n)
	case m.IsFloat64():
		f, err := m.AsFloat64()
		if err != nil {
			f = math.NaN()
		}
		return lua.LNumber(f)
	case m.IsBool():
		b, _ := m.AsBool()
		return lua.LBool(b)
	case m.IsArray():
		elements, _ := m.ToArray()
		t := luaval.NewJSONArray(L)
		for i := range elements {
			t.Append(valueOf(L, &elements[i], p))
		}
		return t
	case m.IsMap():
		return mapOf(L, m, p)
	}
	text, err := m.ToString()
	if err != nil {
		return errorTable(L, err)
	}
	return lua.LString(text)
}

// mapOf is an answer that is a map, whose keys are texts.
func mapOf(L *lua.LState, m *rueidis.RedisMessage, p *luaval.Pace) lua.LValue {
	fields, err := m.AsMap()
	if err != nil {
		return errorTable(L, err)
	}
	t := L.CreateTable(0, len(fields))
	for name, v := range fields {
		t.RawSetString(name, valueOf(L, &v, p))
	}
	return t
}

// integer is a number, or its digits where a number of Lua would not be exact.
func integer(n int64) lua.LValue {
	if n > 1<<53 || n < -1<<53 {
		return lua.LString(strconv.FormatInt(n, 10))
	}
	return lua.LNumber(n)
}

func errorTable(L *lua.LState, err error) lua.LValue {
	t := L.CreateTable(0, 1)
	t.RawSetString("err", lua.LString("redis: "+err.Error()))
	return t
}
