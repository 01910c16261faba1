package api

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Pattern is the node's part of a route, as api:at reads it.
func (n *Node) Pattern() string {
	switch n.Kind {
	case route.Parameter:
		return "/:" + n.Name
	case route.Wildcard:
		return "/*" + n.Name
	}
	return "/" + escapeSegment(n.Name)
}

// Path is n as a route shows it: "/users/:id"; empty for api.
func (n *Node) Path() string {
	if n.Parent == nil {
		return ""
	}
	return n.Parent.Path() + n.Pattern()
}

// Lua is the node as a script writes it.
func (n *Node) Lua() string {
	if n.Parent == nil {
		return "api"
	}
	key := n.Name
	switch n.Kind {
	case route.Parameter:
		key = "p_" + key
	case route.Wildcard:
		key = "w_" + key
	default:
		if n.Parent.takes(key) {
			return AtCall(n.Path())
		}
	}
	return n.Parent.Lua() + luaKey(key)
}

// ChildLua is how a script writes the segment name below n.
func (n *Node) ChildLua(name string) string {
	return (&Node{api: n.api, Parent: n, Name: name}).Lua()
}

// InsteadOf ends the message about a reserved key of n that was meant to be a segment.
func (n *Node) InsteadOf(key string) string {
	path := n.Path() + "/" + escapeSegment(key)
	return fmt.Sprintf("; for the path %s write %s", path, AtCall(path))
}

// meantPath is InsteadOf for a table that is assigned to a reserved key: only a segment has fields.
func (n *Node) meantPath(key string, value lua.LValue) string {
	if value.Type() != lua.LTTable {
		return ""
	}
	return n.InsteadOf(key)
}

// takes reports whether a key of n is no segment: n[key] is something else.
func (n *Node) takes(key string) bool {
	switch {
	case route.MethodIndex(key) >= 0, key == "before", key == "after", key == "ws",
		strings.HasPrefix(key, "p_"), strings.HasPrefix(key, "w_"):
		return true
	case n.Parent != nil:
		return false
	}
	return n.api.builders[key] != nil || n.api.hooks[key] != nil
}

// At is api:at(pattern): the node of a path, made if need be. It has no builders, also where it
// is that of "/".
func (a *API) At(L *lua.LState) int {
	pattern, ok := L.Get(1).(lua.LString)
	if !ok {
		luaval.ArgTypeError(L, 1, "string")
	}
	segments, err := parsePattern(string(pattern))
	if err != nil {
		L.RaiseError("api:at(%s): %s", luaval.Quote(string(pattern)), err.Error())
	}
	n := a.Root
	for _, s := range segments {
		n = n.place(L, s.kind, s.name, "api:at("+luaval.Quote(string(pattern))+")")
		n.Spelled = true
	}
	L.Push(n.value)
	return 1
}
