// Package geo is rover.geo: what databases of MaxMind's format know of addresses.
package geo

import (
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/address"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed geo.lua
var stubs string

// Library is rover.geo.
var Library = &lib.Library{Name: "geo", Stubs: stubs, Needs: map[string]lib.Grant{"": lib.Geo}, Open: open}

func open(s *lib.Scope) lua.LValue {
	source := s.Grants.Geo
	return s.L().SetFuncs(s.L().NewTable(), map[string]lua.LGFunction{
		"country": func(L *lua.LState) int { return country(L, source) },
		"lookup":  func(L *lua.LState) int { return lookup(L, source) },
	})
}

// check returns argument 1, an address. Text that is none must not be taken for an address of which
// nothing is known: that raises, with status 400 if nobody catches it, as in rover.ip.
func check(L *lua.LState, source geo.Source, what string) netip.Addr {
	text := luaval.CheckString(L, 1)
	if source == nil {
		L.RaiseError(`rover.geo.%s: there is no database: add "geo <file.mmdb>" to the rover block of the Caddyfile`, what)
	}
	a, err := address.Parse(text)
	if err != nil {
		luaval.RaiseStatus(L, 400, err.Error())
	}
	return a
}

// country is rover.geo.country(ip).
func country(L *lua.LState, source geo.Source) int {
	code, err := geo.Country(source, check(L, source, "country"))
	if err != nil {
		L.RaiseError("rover.geo.country: %s", err)
	}
	if code == "" {
		L.Push(lua.LNil)
	} else {
		L.Push(lua.LString(code))
	}
	return 1
}

// lookup is rover.geo.lookup(ip[, name or place, …]).
func lookup(L *lua.LState, source geo.Source) int {
	a := check(L, source, "lookup")
	n := L.GetTop() - 1
	if n > geo.MaxDepth {
		luaval.ArgError(L, 2, fmt.Sprintf("a path of %d steps at most expected, got %d", geo.MaxDepth, n))
	}
	path := make([]any, n)
	for i := range path {
		path[i] = step(L, i+2)
	}
	v, err := source.Lookup(a, path...)
	if err != nil {
		L.RaiseError("rover.geo.lookup: %s", err)
	}
	value, err := value(L, v, geo.MaxDepth)
	if err != nil {
		L.RaiseError("rover.geo.lookup: what is known of %s: %s", a, err)
	}
	L.Push(value)
	return 1
}

// step returns argument n, a name in a table or a place in a list, as geo.Source has it.
func step(L *lua.LState, n int) any {
	switch v := L.Get(n).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		i := int(v)
		if lua.LNumber(i) != v || i == 0 {
			luaval.ArgError(L, n, "a place in a list, from 1 on or from -1 back, expected, got "+v.String())
		}
		if i > 0 {
			i--
		}
		return i
	}
	luaval.ArgError(L, n, "a name or a place in a list expected, got "+luaval.TypeName(L.Get(n)))
	return nil
}

var errDeep = errors.New("it is nested too deeply")

// value returns a value of a geo.Source as Lua's, with depth levels of tables at most.
func value(L *lua.LState, v any, depth int) (lua.LValue, error) {
	switch v := v.(type) {
	case nil:
		return lua.LNil, nil
	case string:
		return lua.LString(v), nil
	case []byte:
		return lua.LString(v), nil
	case bool:
		return lua.LBool(v), nil
	case float64:
		return lua.LNumber(v), nil
	case float32:
		return lua.LNumber(v), nil
	case int:
		return whole(strconv.Itoa(v)), nil
	case int32:
		return lua.LNumber(v), nil
	case uint16:
		return lua.LNumber(v), nil
	case uint32:
		return lua.LNumber(v), nil
	case uint64:
		return whole(strconv.FormatUint(v, 10)), nil
	case *big.Int:
		return whole(v.String()), nil
	case map[string]any:
		if depth == 0 {
			return nil, errDeep
		}
		t := L.CreateTable(0, len(v))
		for name, field := range v {
			field, err := value(L, field, depth-1)
			if err != nil {
				return nil, err
			}
			t.RawSetString(name, field)
		}
		return t, nil
	case []any:
		if depth == 0 {
			return nil, errDeep
		}
		t := L.CreateTable(len(v), 0)
		for i, item := range v {
			item, err := value(L, item, depth-1)
			if err != nil {
				return nil, err
			}
			t.RawSetInt(i+1, item)
		}
		return t, nil
	}
	return nil, fmt.Errorf("a %T is no value", v)
}

// exact is how many digits every whole number may have that Lua's numbers are exact for.
const exact = 15

// whole returns a whole number: as text, if a number of Lua may not be exact.
func whole(digits string) lua.LValue {
	if len(digits) > exact {
		return lua.LString(digits)
	}
	n, _ := strconv.ParseFloat(digits, 64) // they are digits
	return lua.LNumber(n)
}
