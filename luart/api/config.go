package api

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// configName is the name on api of the options of rover.server, unless the script routes /config.
const configName = "config"

// dependencies is where those of the options are that scripts change.
const dependencies = "readiness.dependencies"

// Config is what api.config needs to know of the script.
type Config struct {
	// Dependency returns how a dependency of readiness is; nil: the script has none of the name.
	Dependency func(name string) lua.LValue
	// SetDependency says how one is. It raises in L where the script cannot say it.
	SetDependency func(L *lua.LState, name string, ok bool)
}

// options are the options of rover.server, or a table within them, as scripts read them.
type options struct {
	api   *API
	path  string // "readiness.dependencies"; "" of all
	table *lua.LTable
}

// routesConfig reports whether the script has given /config, or a place below, something of its own.
func (a *API) routesConfig() bool {
	for _, c := range a.Root.Children {
		if c.isConfig() {
			return c.isUsed()
		}
	}
	return false
}

// isConfig reports whether n is the place /config.
func (n *Node) isConfig() bool {
	return n.Parent != nil && n.Parent == n.api.Root && n.Kind == 0 && n.Name == configName
}

// isUsed reports whether anything stands at n or below.
func (n *Node) isUsed() bool {
	for _, d := range n.Handlers {
		if d.Fn != nil {
			return true
		}
	}
	if len(n.Before.List)+len(n.After.List)+len(n.Done.List)+len(n.Rules) > 0 {
		return true
	}
	for _, c := range n.Children {
		if c.isUsed() {
			return true
		}
	}
	return false
}

// configValue returns what api.config is once the script has loaded; nil: a place of the tree.
func (a *API) configValue() lua.LValue {
	if !a.closed || a.routesConfig() {
		return nil
	}
	return luaval.NewObject(a.types.options, &options{a, "", a.given})
}

// option returns the value of an option that the script has given, for api.config.<key>; nil: n has a
// place of that name, or could have one.
func (n *Node) option(key string) lua.LValue {
	if !n.isConfig() || n.isUsed() {
		return nil
	}
	v := (&options{n.api, "", n.api.given}).get(key)
	if v == lua.LNil && !n.api.closed {
		return nil // a segment, as any
	}
	return v
}

// get returns a field, as the script may have it.
func (o *options) get(key string) lua.LValue {
	path := strings.TrimPrefix(o.path+"."+key, ".")
	v := o.table.RawGetString(key)
	if o.path == dependencies && v != lua.LNil {
		return o.api.config.Dependency(key)
	}
	if t, ok := v.(*lua.LTable); ok {
		return luaval.NewObject(o.api.types.options, &options{o.api, path, t})
	}
	return v
}

func optionsIndex(L *lua.LState) int {
	o := luaval.CheckUserData(L, 1).Value.(*options)
	if key, ok := L.Get(2).(lua.LString); ok {
		L.Push(o.get(string(key)))
		return 1
	}
	v := o.table.RawGet(L.Get(2)) // of a list
	if t, ok := v.(*lua.LTable); ok {
		v = luaval.NewObject(o.api.types.options, &options{o.api, o.path + "[]", t})
	}
	L.Push(v)
	return 1
}

func optionsNewIndex(L *lua.LState) int {
	o := luaval.CheckUserData(L, 1).Value.(*options)
	name := strings.Trim(configName+"."+o.path, ".") + luaKey(L.Get(2).String())
	key, isName := L.Get(2).(lua.LString)
	if o.path != dependencies || !isName {
		L.RaiseError("api.%s: options are given to rover.server; what a script changes is api.config.%s. "+
			"For the path /config/… write %s", name, dependencies, AtCall("/config/…"))
	}
	v, ok := L.Get(3).(lua.LBool)
	if !ok {
		L.RaiseError("api.%s must be a boolean, not a %s", name, luaval.TypeName(L.Get(3)))
	}
	o.api.config.SetDependency(L, string(key), bool(v))
	return 0
}
