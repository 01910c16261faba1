// Package env is the library rover.env: the environment of the process, where the operator grants
// it.
package env

import (
	_ "embed"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed env.lua
var stubs string

// Library is rover.env. The environment is asked each time, and only where it is granted.
//
//	rover.env.get(name[, default]) -> string | default
//		The environment variable, or default (nil when left out) when it is not set.
//	rover.env.NAME -> string | nil
//		The same by name. A variable called "get" is reached by rover.env.get("get").
//
// The table cannot be written. Without "allow env" both forms raise an error that says what to add.
var Library = &lib.Library{
	Name: "env", Stubs: stubs, Needs: map[string]lib.Grant{"": lib.AllowEnv},
	Open: func(s *lib.Scope) lua.LValue { return newTable(s.L(), s.Grants.Getenv, s.Grants.EnvPolicy) },
}

// newTable makes rover.env. getenv is nil where it is not granted.
func newTable(L *lua.LState, getenv func(string) (string, bool), policy *environ.Policy) *lua.LTable {
	lookup := func(L *lua.LState, name string) lua.LValue {
		if getenv == nil {
			L.RaiseError(`environment access is not allowed: add "allow env" to the rover block of the Caddyfile`)
		}
		if !policy.Allows(name) {
			L.RaiseError(`environment variable '%s' is not allowed: add "allow env %[1]s" to the rover block of the Caddyfile`, name)
		}
		if value, ok := getenv(name); ok {
			return lua.LString(value)
		}
		return lua.LNil
	}
	get := L.NewFunction(func(L *lua.LState) int {
		value := lookup(L, luaval.CheckString(L, 1))
		if value == lua.LNil {
			value = L.Get(2)
		}
		L.Push(value)
		return 1
	})

	// The table itself stays empty: only a missing key reaches __newindex, so get has to be missing too.
	meta := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"__index": func(L *lua.LState) int {
			switch name, ok := L.Get(2).(lua.LString); {
			case !ok:
				L.Push(lua.LNil)
			case name == "get":
				L.Push(get)
			default:
				L.Push(lookup(L, string(name)))
			}
			return 1
		},
		"__newindex": func(L *lua.LState) int {
			L.RaiseError("rover.env is read-only: cannot set '%s'", L.Get(2).String())
			return 0
		},
	})
	meta.RawSetString("__metatable", lua.LString("env"))
	env := L.NewTable()
	env.Metatable = meta
	return env
}
