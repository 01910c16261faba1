package store

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/state"
	engine "github.com/caddy-rover/rover/luart/store"
)

// What a value begins with. Integers begin as the engine's numbers do.
const (
	stringTag = '"' // the bytes of a string
	stateTag  = 's' // package state: a table with the value at [1]
)

// checkValue returns argument n, plain data, as bytes.
func checkValue(L *lua.LState, n int) []byte {
	v := L.Get(n)
	if v == lua.LNil {
		luaval.ArgTypeError(L, n, "value other than nil")
	}
	data, err := Encode(L, v)
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return data
}

// Encode returns a value other than nil, plain data, as the bytes that a store keeps. What is none, and
// what is too large, is an error.
func Encode(L *lua.LState, v lua.LValue) ([]byte, error) {
	switch v := v.(type) {
	case lua.LString:
		if len(v) >= engine.MaxValue { // a byte says that it is a text
			return nil, fmt.Errorf("the value is larger than %d bytes, the limit", engine.MaxValue-1)
		}
		return append([]byte{stringTag}, v...), nil
	case lua.LNumber:
		if isWhole(float64(v)) {
			return engine.Number(int64(v)), nil
		}
	}
	if _, _, err := luaval.CopyData(v, engine.MaxValue-1); err != nil {
		return nil, err // with the place
	}
	whole := L.CreateTable(1, 0)
	whole.RawSetInt(1, v)
	e, err := state.Encode([]byte{stateTag}, engine.MaxValue-1, map[string]*lua.LTable{"": whole}, 0)
	if err != nil {
		return nil, fmt.Errorf("the value is larger than %d bytes, the limit", engine.MaxValue-1)
	}
	return e.Data, nil
}

var errForeign = errors.New("the value is not one of rover.store")

// Decode reads what Encode has written. Data may be anything.
func Decode(L *lua.LState, data []byte) (lua.LValue, error) {
	if n, ok := engine.ParseNumber(data); ok {
		return lua.LNumber(n), nil
	}
	if len(data) == 0 {
		return nil, errForeign
	}
	switch data[0] {
	case stringTag:
		return lua.LString(data[1:]), nil
	case stateTag:
		tables, err := state.Decode(L, data[1:])
		if err != nil || tables[""] == nil || tables[""].RawGetInt(1) == lua.LNil {
			return nil, errForeign
		}
		return tables[""].RawGetInt(1), nil
	}
	return nil, errForeign
}
