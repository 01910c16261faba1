package api

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// Definition is a function that a script assigned below api, and where.
type Definition struct {
	Name  string
	Fn    *lua.LFunction
	Where string // file:line
	read  bool   // the script has read it back: what it assigns then may wrap it
}

// Source returns the file of the function, and the line in which it begins; an empty file: it is none
// of Lua's, or there is none.
func (d Definition) Source() (file string, line int) {
	if d.Fn == nil || d.Fn.Proto == nil {
		return "", 0
	}
	return d.Fn.Proto.SourceName, d.Fn.Proto.LineDefined
}

// Node is a place below api while the script defines its routes. When the script
// has loaded, the nodes are made into a tree and cannot be changed any more.
type Node struct {
	api      *API
	Parent   *Node // nil: it is api
	Kind     route.Kind
	Name     string // the segment, or the parameter's name
	Where    string // file:line of its first mention
	Spelled  bool   // by api:at, whose segments are what they look like
	Children []*Node
	Handlers [route.MethodCount]Definition
	Before   HookList
	After    HookList
	Done     HookList
	Rules    []Rule
	value    *lua.LUserData
}

// Rule is a rule that a script gives a node, api.login.limit{…} or api.reports.concurrency{…}.
type Rule struct {
	Kind  string // "limit" or "concurrency"
	Name  string // the pattern, or what the script says
	Where string // file:line
	Rule  any
}

// HookList is api.before, api.admin.After, api.done, …: functions in the order of Definition.
type HookList struct {
	node  *Node
	kind  string
	List  []Definition
	value *lua.LUserData
}

func newNode(a *API, parent *Node, name string) *Node {
	n := &Node{api: a, Parent: parent, Name: name}
	t := a.types
	n.value = luaval.NewObject(t.node, n)
	n.Before = HookList{node: n, kind: "before", value: luaval.NewObject(t.hooks, nil)}
	n.After = HookList{node: n, kind: "after", value: luaval.NewObject(t.hooks, nil)}
	n.Done = HookList{node: n, kind: "done", value: luaval.NewObject(t.done, nil)}
	n.Before.value.Value, n.After.value.Value, n.Done.value.Value = &n.Before, &n.After, &n.Done
	return n
}

// child returns the node for a key, made if need be; it raises for a mistake.
func (n *Node) child(L *lua.LState, key string) *Node {
	kind, name := route.Static, key
	if rest, ok := strings.CutPrefix(key, "p_"); ok {
		kind, name = route.Parameter, rest
	} else if rest, ok := strings.CutPrefix(key, "w_"); ok {
		kind, name = route.Wildcard, rest
	}
	return n.place(L, kind, name, n.Lua()+luaKey(key))
}

// place returns the node of a segment below n, made if need be; it raises for a mistake in what
// the script has written.
func (n *Node) place(L *lua.LState, kind route.Kind, name, written string) *Node {
	for _, c := range n.Children {
		if c.Kind != kind {
			continue
		}
		if c.Name == name {
			return c
		}
		if kind != route.Static {
			L.RaiseError("%s: this place already has the parameter %q (%s)", written, c.Name, c.Where)
		}
	}
	n.api.checkOpen(L)
	switch {
	case n.Kind == route.Wildcard && n.api.Rules[name] != nil && kind == route.Static:
		return newNode(n.api, n, name) // to be called; it is no place
	case n.Kind == route.Wildcard || n.isOption():
		L.RaiseError("%s: a wildcard takes the rest of the path, nothing can follow it", written)
	case kind != route.Static && name == "":
		L.RaiseError("%s: the parameter needs a name", written)
	case strings.Contains(name, "/"):
		L.RaiseError("%s: a key is one segment of the path; it cannot contain a slash; a whole path is %s", written, AtCall("/…"))
	}
	c := newNode(n.api, n, name)
	c.Kind = kind
	c.Where = luaval.CallerLine(L)
	n.Children = append(n.Children, c)
	return c
}

// isOption reports whether n is what is called in api.files.w_path.limit{…}: a wildcard has no
// places below it.
func (n *Node) isOption() bool { return n.Parent != nil && n.Parent.Kind == route.Wildcard }

// checkPlace raises for what is assigned below such a one.
func (n *Node) checkPlace(L *lua.LState, key string) {
	if n.isOption() {
		L.RaiseError("%s%s: a wildcard takes the rest of the path, nothing can follow it", n.Lua(), luaKey(key))
	}
}

// set is the assignment node[key] = value.
func (n *Node) set(L *lua.LState, key string, value lua.LValue) {
	n.api.checkOpen(L)
	n.checkPlace(L, key)
	n.checkMeant(L, key, value)
	if key == "before" || key == "after" {
		list := &n.Before
		if key == "after" {
			list = &n.After
		}
		switch v := value.(type) {
		case *lua.LFunction:
			list.set(L, key, v)
		case *lua.LTable:
			luaval.EachField(L, v, func(k string, v lua.LValue) { list.set(L, k, v) })
		default:
			L.RaiseError("%s.%s must be a function, not a %s%s", n.Lua(), key, luaval.TypeName(value), n.meantPath(key, value))
		}
		return
	}
	if key == "done" {
		n.setDone(L, value)
		return
	}
	if key == "ws" {
		L.RaiseError("%s.ws: WebSocket handlers in Lua are not available; hand the request over with api.proxy or api.pass%s",
			n.Lua(), n.InsteadOf(key))
	}
	if m := route.MethodIndex(key); m >= 0 {
		fn, ok := value.(*lua.LFunction)
		if !ok {
			L.RaiseError("%s.%s must be a function, not a %s%s", n.Lua(), key, luaval.TypeName(value), n.meantPath(key, value))
		}
		d := Definition{Name: key, Fn: fn, Where: luaval.CallerLine(L)}
		n.api.override(n.Handlers[m], d, n.Lua()+"."+key)
		n.Handlers[m] = d
		return
	}
	switch v := value.(type) {
	case *lua.LTable:
		c := n.child(L, key)
		c.noteEmpty(L, v)
		luaval.EachField(L, v, func(k string, v lua.LValue) { c.set(L, k, v) })
	case *lua.LFunction:
		L.RaiseError("%s%s: %q is not a method; a handler is one of %s", n.Lua(), luaKey(key), key, strings.Join(route.MethodNames[:], ", "))
	default:
		L.RaiseError("%s%s must be a function or a table, not a %s", n.Lua(), luaKey(key), luaval.TypeName(value))
	}
}

// set is the assignment api.before[key] = fn. A second one of a name replaces the
// first, in its place.
func (l *HookList) set(L *lua.LState, key string, value lua.LValue) {
	l.node.api.checkOpen(L)
	l.node.checkPlace(L, l.kind)
	fn, ok := value.(*lua.LFunction)
	if !ok {
		L.RaiseError("%s.%s%s must be a function, not a %s%s", l.node.Lua(), l.kind, luaKey(key), luaval.TypeName(value), l.node.meantPath(l.kind, value))
	}
	d := Definition{Name: key, Fn: fn, Where: luaval.CallerLine(L)}
	if was := l.find(key); was != nil {
		l.node.api.override(*was, d, l.node.Lua()+"."+l.kind+"."+key)
		*was = d
		return
	}
	l.List = append(l.List, d)
}

// find returns the hook of a name, nil if there is none.
func (l *HookList) find(name string) *Definition {
	for i := range l.List {
		if l.List[i].Name == name {
			return &l.List[i]
		}
	}
	return nil
}

func stringKey(L *lua.LState) string {
	key, ok := L.Get(2).(lua.LString)
	if !ok {
		L.RaiseError("a path segment must be a string, not a %s", luaval.TypeName(L.Get(2)))
	}
	return string(key)
}

func nodeIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*Node)
	key := stringKey(L)
	if v := n.option(key); v != nil {
		L.Push(v)
		return 1
	}
	L.Push(n.get(L, key))
	return 1
}

// nodeCall is a rule of a node, api.login.limit{…}. What else is called is a mistake that the hints
// know as that of the language.
func nodeCall(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*Node)
	if n.Kind == route.Static && n.Parent != nil {
		if add := n.api.Rules[n.Name]; add != nil {
			n.api.checkOpen(L)
			L.Remove(1) // the script has written what follows only
			add(L, n.Parent)
			return 0
		}
	}
	if remedy := n.meantCall(); remedy != "" {
		L.RaiseError("%s", remedy)
	}
	L.RaiseError(hint.NotFunction)
	return 0
}

func (n *Node) get(L *lua.LState, key string) lua.LValue {
	switch key {
	case "before":
		return n.Before.value
	case "after":
		return n.After.value
	case "done":
		return n.Done.value
	case "ws":
		n.api.noteRead(L, misread{node: n, key: key})
		return lua.LNil
	}
	if m := route.MethodIndex(key); m >= 0 {
		n.api.noteRead(L, misread{node: n, key: key})
		if fn := n.Handlers[m].Fn; fn != nil {
			n.Handlers[m].read = true
			return fn
		}
		return lua.LNil
	}
	return n.child(L, key).value
}

func nodeNewIndex(L *lua.LState) int {
	luaval.CheckUserData(L, 1).Value.(*Node).set(L, stringKey(L), L.Get(3))
	return 0
}

func hooksIndex(L *lua.LState) int {
	l := luaval.CheckUserData(L, 1).Value.(*HookList)
	key := stringKey(L)
	l.node.api.noteRead(L, misread{node: l.node, list: l.kind, key: key})
	if d := l.find(key); d != nil {
		d.read = true
		L.Push(d.Fn)
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func hooksNewIndex(L *lua.LState) int {
	luaval.CheckUserData(L, 1).Value.(*HookList).set(L, stringKey(L), L.Get(3))
	return 0
}
