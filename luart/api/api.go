// Package api is what a script writes below api: routes, hooks and rules at the nodes of paths, and
// what stands directly on api, such as api.json and api.on_start. When the script has loaded, the
// nodes are made into a tree (package route) and cannot be changed any more. What takes an
// *lua.LState is for the goroutine that holds the VM.
package api

import (
	"iter"
	"maps"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Types are the metatables that all scripts of a VM share. None can be changed by a script.
type Types struct {
	node, hooks, done *lua.LTable
	root              *lua.LTable
	builder, lifeHook *lua.LTable
	options           *lua.LTable
}

// NewTypes makes the types of a VM.
func NewTypes(L *lua.LState) *Types {
	t := &Types{}
	t.node = luaval.NewType(L, "api node", nil, nodeIndex)
	t.node.RawSetString("__newindex", L.NewFunction(nodeNewIndex))
	t.node.RawSetString("__call", luaval.NewStripped(L, nodeCall))
	t.root = luaval.NewType(L, "api", nil, rootIndex)
	t.root.RawSetString("__newindex", L.NewFunction(rootNewIndex))
	t.hooks = luaval.NewType(L, "hook list", nil, hooksIndex)
	t.hooks.RawSetString("__newindex", L.NewFunction(hooksNewIndex))
	t.done = luaval.NewType(L, "hook list", nil, doneIndex)
	t.done.RawSetString("__newindex", L.NewFunction(doneNewIndex))
	t.builder = luaval.NewType(L, "response builder", nil, builderIndex)
	t.builder.RawSetString("__newindex", L.NewFunction(builderIndex))
	t.builder.RawSetString("__call", luaval.NewStripped(L, builderCall))
	t.lifeHook = luaval.NewType(L, "hook", nil, noHookField)
	t.lifeHook.RawSetString("__newindex", L.NewFunction(noHookField))
	t.lifeHook.RawSetString("__call", L.NewFunction(addHook))
	t.options = luaval.NewType(L, "options of rover.server", nil, optionsIndex)
	t.options.RawSetString("__newindex", L.NewFunction(optionsNewIndex))
	return t
}

// API is what one script defines.
type API struct {
	Value *lua.LUserData // api, as the script sees it; nil: it has not called rover.server
	Root  *Node          // its place; nil likewise

	// SetHook gives api.on_start and its kin a function, or one more.
	SetHook func(L *lua.LState, name string, fn *lua.LFunction, more bool)
	// Rules add a rule to a node, by the name under which the node has them: "limit".
	Rules map[string]func(L *lua.LState, n *Node)

	Overrides []Override // definitions that took the place of others

	types    *Types
	main     *lua.LState
	builders map[string]*Builder
	hooks    map[string]*lua.LUserData
	misreads map[misreadAt]misread // while the script loads
	empty    []emptyPlace
	given    *lua.LTable // the options of rover.server
	config   Config
	closed   bool
}

// Override is a definition that took the place of another one.
type Override struct {
	Name    string // "api.users.get"
	Was, At string // file:line
}

// New returns the API of a script that has defined nothing yet. Any goroutine may call it.
func New(L *lua.LState, types *Types) *API {
	a := &API{types: types, main: L, builders: map[string]*Builder{}, hooks: map[string]*lua.LUserData{}}
	for _, name := range append([]string{"on_error"}, chunk.LifeHooks...) {
		a.hooks[name] = luaval.NewObject(types.lifeHook, &lifeHook{a, name})
	}
	return a
}

// Builders are those of the script, by their names.
func (a *API) Builders() iter.Seq2[string, *Builder] { return maps.All(a.builders) }

// Hooks are the names of the hooks of the script's life.
func (a *API) Hooks() iter.Seq[string] { return maps.Keys(a.hooks) }

// Close is told that the script has loaded: its routes are what they are.
func (a *API) Close() { a.closed, a.misreads = true, nil }

// checkOpen raises when the script has loaded.
func (a *API) checkOpen(L *lua.LState) {
	if a.closed {
		L.RaiseError(hint.RoutesFixed)
	}
}

// override notes that now takes the place of was. A script that has read was may have made now
// of it.
func (a *API) override(was, now Definition, name string) {
	if was.Fn != nil && was.Fn != now.Fn && !was.read && was.Where != now.Where {
		a.Overrides = append(a.Overrides, Override{name, was.Where, now.Where})
	}
}

func rootIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*Node)
	key := stringKey(L)
	if b := n.api.builders[key]; b != nil {
		L.Push(b.Value)
		return 1
	}
	if hook := n.api.hooks[key]; hook != nil {
		L.Push(hook)
		return 1
	}
	if key == configName {
		if v := n.api.configValue(); v != nil {
			L.Push(v)
			return 1
		}
	}
	L.Push(n.get(L, key))
	return 1
}

func rootNewIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*Node)
	key := stringKey(L)
	switch {
	case n.api.builders[key] != nil:
		L.RaiseError("api.%s %s and cannot be assigned%s", key, n.api.builders[key].does(), n.InsteadOf(key))
	case n.api.hooks[key] != nil:
		fn, ok := L.Get(3).(*lua.LFunction)
		if !ok {
			L.RaiseError("api.%s must be a function, not a %s%s", key, luaval.TypeName(L.Get(3)), n.meantPath(key, L.Get(3)))
		}
		n.api.SetHook(L, key, fn, false)
	default:
		n.set(L, key, L.Get(3))
	}
	return 0
}
