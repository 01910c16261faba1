package api

import (
	"fmt"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// A script that assigns to a rule what it should call it with has made a place of the tree instead,
// and an empty table makes nothing at all: a script with api.account.auth = {} would load, and
// everybody could get in. So whatever is assigned to the name of a rule or of an option, or below,
// must be what a place of the tree can have.

// checkMeant raises for a value, assigned to a key of n, that can only have been meant for a rule or
// an option.
func (n *Node) checkMeant(L *lua.LState, key string, value lua.LValue) {
	if n.canHave(key, value) {
		return
	}
	if remedy := n.meant(key); remedy != "" {
		L.RaiseError("%s%s: %s", n.Lua(), luaKey(key), remedy)
	}
}

// emptyPlace is a place that the script has assigned an empty table.
type emptyPlace struct {
	node  *Node
	where string // file:line
}

// noteEmpty remembers an empty table at c: whether c is to be a place is known when the script has
// loaded.
func (n *Node) noteEmpty(L *lua.LState, t *lua.LTable) {
	const most = 1000
	if first, _ := t.Next(lua.LNil); first == lua.LNil && len(n.api.empty) < most {
		n.api.empty = append(n.api.empty, emptyPlace{n, luaval.CallerLine(L)})
	}
}

// Misspelt returns what is wrong with a place that has nothing but an empty table, and a name that is
// nearly that of a rule or an option; "" if there is none. It says where.
func (a *API) Misspelt() string {
	for _, e := range a.empty {
		n := e.node
		if n.Kind != route.Static || n.isUsed() {
			continue
		}
		names := slices.Sorted(maps.Keys(a.Rules))
		if n.Parent == a.Root {
			names = append(names, slices.DeleteFunc(slices.Clone(honouredOptions), func(name string) bool { return !isSetting(name) })...)
		}
		if near := spelling.Nearest(n.Name, names); near != "" {
			return e.where + ": " + n.Lua() + " has nothing but an empty table" + spelling.OrDidYouMean(near) + " " + n.Parent.meantHere(near)
		}
	}
	return ""
}

// canHave reports whether a place of the tree has such a value at a key.
func (n *Node) canHave(key string, value lua.LValue) bool {
	isHooks := key == "before" || key == "after" || key == "done"
	switch v := value.(type) {
	case *lua.LFunction:
		return isHooks || route.MethodIndex(key) >= 0
	case *lua.LTable:
		if first, _ := v.Next(lua.LNil); first == lua.LNil {
			return isHooks
		}
		return isHooks || route.MethodIndex(key) < 0 && key != "ws"
	}
	return false
}

// meant says what to write instead of an assignment to a key of n; "" where that names neither a
// rule or an option, nor what would be below one.
func (n *Node) meant(key string) string {
	if remedy := n.meantHere(key); remedy != "" {
		return remedy
	}
	for at := n; at.Parent != nil; at = at.Parent {
		if at.Kind == route.Static && !at.Spelled {
			if remedy := at.Parent.meantHere(at.Name); remedy != "" {
				return remedy
			}
		}
	}
	return ""
}

func (n *Node) meantHere(key string) string {
	at := n.Lua() + luaKey(key)
	switch {
	case n.api.Rules[key] != nil && n.Kind != route.Wildcard:
		return key + " is a rule: call it, " + at + " { … }" + n.InsteadOf(key)
	case n.api.Rules[key] != nil: // nothing can be below
		return key + " is a rule: call it, " + at + " { … }"
	case n.Parent == nil && isSetting(key):
		return key + " is an option: rover.server { " + key + " = … }" + n.InsteadOf(key)
	}
	return ""
}

// meantCall says what to write instead of a call of n, which is no rule; "" where that is not clear.
func (n *Node) meantCall() string {
	if n.Kind != route.Static || n.Parent == nil {
		return ""
	}
	if isSetting(n.Name) {
		return n.Lua() + ": " + n.Name + " is an option, of all places: rover.server { " + n.Name + " = … }"
	}
	if near := spelling.Nearest(n.Name, slices.Sorted(maps.Keys(n.api.Rules))); near != "" {
		return n.Lua() + ": there is no rule " + n.Name + "; did you mean " + n.Parent.Lua() + "." + near + " { … }?"
	}
	return ""
}

// meantHook is meantCall for a hook that there is not, and that a script calls by the name of a rule.
func (m misread) meantHook() string {
	if m.list == "" || m.node.api.Rules[m.key] == nil {
		return ""
	}
	place := m.node.Lua() + luaKey(m.key)
	return fmt.Sprintf("%s.%s%s: %s is a rule of a place, and no hook: call it, %s { … }", m.node.Lua(), m.list, luaKey(m.key), m.key, place)
}

// isSetting reports whether a name of an option of rover.server can hardly be one of a path. Those
// that can are the ones that are of one word.
func isSetting(name string) bool {
	return slices.Contains(honouredOptions, name) && !slices.Contains([]string{"health", "readiness", "docs"}, name)
}
