package luart

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// definition is a function that a script assigned below api, and where.
type definition struct {
	name  string
	fn    *lua.LFunction
	where string // file:line
	read  bool   // the script has read it back: what it assigns then may wrap it
}

// apiNode is a place below api while the script defines its routes. When the script
// has loaded, the nodes are made into a tree and cannot be changed any more.
type apiNode struct {
	gen      *Generation
	parent   *apiNode
	kind     route.Kind
	name     string // the segment, or the parameter's name
	where    string // file:line of its first mention
	spelled  bool   // by api:at, whose segments are what they look like
	children []*apiNode
	handlers [route.MethodCount]definition
	before   hookList
	after    hookList
	done     hookList
	limits   []*limitRule
	ud       *lua.LUserData

	concurrency []*concurrencyRule
}

// hookList is api.before, api.admin.after, api.done, …: functions in the order of definition.
type hookList struct {
	node *apiNode
	kind string
	list []definition
	ud   *lua.LUserData
}

func newAPINode(g *Generation, parent *apiNode, name string) *apiNode {
	n := &apiNode{gen: g, parent: parent, name: name}
	t := &g.vm.types
	n.ud = luaval.NewObject(t.node, n)
	n.before = hookList{node: n, kind: "before", ud: luaval.NewObject(t.hooks, nil)}
	n.after = hookList{node: n, kind: "after", ud: luaval.NewObject(t.hooks, nil)}
	n.done = hookList{node: n, kind: "done", ud: luaval.NewObject(t.done, nil)}
	n.before.ud.Value, n.after.ud.Value, n.done.ud.Value = &n.before, &n.after, &n.done
	return n
}

// child returns the node for a key, made if need be; it raises for a mistake.
func (n *apiNode) child(L *lua.LState, key string) *apiNode {
	kind, name := route.Static, key
	if rest, ok := strings.CutPrefix(key, "p_"); ok {
		kind, name = route.Parameter, rest
	} else if rest, ok := strings.CutPrefix(key, "w_"); ok {
		kind, name = route.Wildcard, rest
	}
	return n.place(L, kind, name, n.lua()+luaKey(key))
}

// place returns the node of a segment below n, made if need be; it raises for a mistake in what
// the script has written.
func (n *apiNode) place(L *lua.LState, kind route.Kind, name, written string) *apiNode {
	for _, c := range n.children {
		if c.kind != kind {
			continue
		}
		if c.name == name {
			return c
		}
		if kind != route.Static {
			L.RaiseError("%s: this place already has the parameter %q (%s)", written, c.name, c.where)
		}
	}
	n.gen.checkOpen(L)
	switch {
	case n.kind == route.Wildcard && (name == "limit" || name == "concurrency") && kind == route.Static:
		return newAPINode(n.gen, n, name) // to be called; it is no place
	case n.kind == route.Wildcard || n.isOption():
		L.RaiseError("%s: a wildcard takes the rest of the path, nothing can follow it", written)
	case kind != route.Static && name == "":
		L.RaiseError("%s: the parameter needs a name", written)
	case strings.Contains(name, "/"):
		L.RaiseError("%s: a key is one segment of the path; it cannot contain a slash; a whole path is %s", written, AtCall("/…"))
	}
	c := newAPINode(n.gen, n, name)
	c.kind = kind
	c.where = luaval.CallerLine(L)
	n.children = append(n.children, c)
	return c
}

// isOption reports whether n is what is called in api.files.w_path.limit{…}: a wildcard has no
// places below it.
func (n *apiNode) isOption() bool { return n.parent != nil && n.parent.kind == route.Wildcard }

// checkPlace raises for what is assigned below such a one.
func (n *apiNode) checkPlace(L *lua.LState, key string) {
	if n.isOption() {
		L.RaiseError("%s%s: a wildcard takes the rest of the path, nothing can follow it", n.lua(), luaKey(key))
	}
}

// set is the assignment node[key] = value.
func (n *apiNode) set(L *lua.LState, key string, value lua.LValue) {
	n.gen.checkOpen(L)
	n.checkPlace(L, key)
	if key == "before" || key == "after" {
		list := &n.before
		if key == "after" {
			list = &n.after
		}
		switch v := value.(type) {
		case *lua.LFunction:
			list.set(L, key, v)
		case *lua.LTable:
			luaval.EachField(L, v, func(k string, v lua.LValue) { list.set(L, k, v) })
		default:
			L.RaiseError("%s.%s must be a function, not a %s%s", n.lua(), key, luaval.TypeName(value), n.meantPath(key, value))
		}
		return
	}
	if key == "done" {
		n.setDone(L, value)
		return
	}
	if key == "ws" {
		L.RaiseError("%s.ws: WebSocket handlers in Lua are not available; hand the request over with api.proxy or api.pass%s",
			n.lua(), n.insteadOf(key))
	}
	if m := route.MethodIndex(key); m >= 0 {
		fn, ok := value.(*lua.LFunction)
		if !ok {
			L.RaiseError("%s.%s must be a function, not a %s%s", n.lua(), key, luaval.TypeName(value), n.meantPath(key, value))
		}
		d := definition{name: key, fn: fn, where: luaval.CallerLine(L)}
		n.gen.override(n.handlers[m], d, n.lua()+"."+key)
		n.handlers[m] = d
		return
	}
	switch v := value.(type) {
	case *lua.LTable:
		c := n.child(L, key)
		luaval.EachField(L, v, func(k string, v lua.LValue) { c.set(L, k, v) })
	case *lua.LFunction:
		L.RaiseError("%s%s: %q is not a method; a handler is one of %s", n.lua(), luaKey(key), key, strings.Join(route.MethodNames[:], ", "))
	default:
		L.RaiseError("%s%s must be a function or a table, not a %s", n.lua(), luaKey(key), luaval.TypeName(value))
	}
}

// set is the assignment api.before[key] = fn. A second one of a name replaces the
// first, in its place.
func (l *hookList) set(L *lua.LState, key string, value lua.LValue) {
	l.node.gen.checkOpen(L)
	l.node.checkPlace(L, l.kind)
	fn, ok := value.(*lua.LFunction)
	if !ok {
		L.RaiseError("%s.%s%s must be a function, not a %s%s", l.node.lua(), l.kind, luaKey(key), luaval.TypeName(value), l.node.meantPath(l.kind, value))
	}
	d := definition{name: key, fn: fn, where: luaval.CallerLine(L)}
	if was := l.find(key); was != nil {
		l.node.gen.override(*was, d, l.node.lua()+"."+l.kind+"."+key)
		*was = d
		return
	}
	l.list = append(l.list, d)
}

// find returns the hook of a name, nil if there is none.
func (l *hookList) find(name string) *definition {
	for i := range l.list {
		if l.list[i].name == name {
			return &l.list[i]
		}
	}
	return nil
}

// checkOpen raises when the script has loaded: its routes are what they are.
func (g *Generation) checkOpen(L *lua.LState) {
	if g.tree != nil {
		L.RaiseError(hint.RoutesFixed)
	}
}

func stringKey(L *lua.LState) string {
	key, ok := L.Get(2).(lua.LString)
	if !ok {
		L.RaiseError("a path segment must be a string, not a %s", luaval.TypeName(L.Get(2)))
	}
	return string(key)
}

func nodeIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*apiNode)
	key := stringKey(L)
	L.Push(n.get(L, key))
	return 1
}

// nodeCall is api.login.limit{…}, api.login.concurrency{…}, or api.assets.static{…}, which Rover's
// own server has. What else is called is a mistake that the hints know as that of the language.
func nodeCall(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*apiNode)
	if n.kind == route.Static && n.parent != nil {
		switch n.name {
		case "limit":
			return n.parent.addLimit(L)
		case "concurrency":
			return n.parent.addConcurrency(L)
		}
	}
	if n.kind == route.Static && n.name == "static" {
		L.RaiseError("%s: static files are the job of Caddy's file_server behind rover: see docs/lua.md", n.lua())
	}
	L.RaiseError(hint.NotFunction)
	return 0
}

func (n *apiNode) get(L *lua.LState, key string) lua.LValue {
	switch key {
	case "before":
		return n.before.ud
	case "after":
		return n.after.ud
	case "done":
		return n.done.ud
	case "ws":
		n.gen.noteRead(L, misread{node: n, key: key})
		return lua.LNil
	}
	if m := route.MethodIndex(key); m >= 0 {
		n.gen.noteRead(L, misread{node: n, key: key})
		if fn := n.handlers[m].fn; fn != nil {
			n.handlers[m].read = true
			return fn
		}
		return lua.LNil
	}
	return n.child(L, key).ud
}

func nodeNewIndex(L *lua.LState) int {
	luaval.CheckUserData(L, 1).Value.(*apiNode).set(L, stringKey(L), L.Get(3))
	return 0
}

func hooksIndex(L *lua.LState) int {
	l := luaval.CheckUserData(L, 1).Value.(*hookList)
	key := stringKey(L)
	l.node.gen.noteRead(L, misread{node: l.node, list: l.kind, key: key})
	if d := l.find(key); d != nil {
		d.read = true
		L.Push(d.fn)
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func hooksNewIndex(L *lua.LState) int {
	luaval.CheckUserData(L, 1).Value.(*hookList).set(L, stringKey(L), L.Get(3))
	return 0
}

func rootIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*apiNode)
	key := stringKey(L)
	if b := n.gen.builders[key]; b != nil {
		L.Push(b)
		return 1
	}
	if hook := n.gen.lifeHooks[key]; hook != nil {
		L.Push(hook)
		return 1
	}
	L.Push(n.get(L, key))
	return 1
}

func rootNewIndex(L *lua.LState) int {
	n := luaval.CheckUserData(L, 1).Value.(*apiNode)
	key := stringKey(L)
	switch {
	case n.gen.builders[key] != nil:
		L.RaiseError("api.%s %s and cannot be assigned%s", key, n.gen.builders[key].Value.(*builder).does(), n.insteadOf(key))
	case n.gen.lifeHooks[key] != nil:
		fn, ok := L.Get(3).(*lua.LFunction)
		if !ok {
			L.RaiseError("api.%s must be a function, not a %s%s", key, luaval.TypeName(L.Get(3)), n.meantPath(key, L.Get(3)))
		}
		n.gen.setHook(L, key, fn, false)
	default:
		n.set(L, key, L.Get(3))
	}
	return 0
}
