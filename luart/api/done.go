package api

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// api.done, api.admin.Done, … hold functions as before and after do. But scripts had routes at
// /done and below before there were such hooks, and those stay: what is assigned to a method
// (api.jobs.done.get = f), or is no function, belongs to the segment "done". No function could
// be assigned to any other key there.

// isDoneHook reports whether value, assigned to a key of node.done, is a hook.
func isDoneHook(key string, value lua.LValue) bool {
	return value.Type() == lua.LTFunction && route.MethodIndex(key) < 0 && key != "before" && key != "after" && key != "ws"
}

// setDone is the assignment node.done = value.
func (n *Node) setDone(L *lua.LState, value lua.LValue) {
	if value.Type() == lua.LTFunction {
		n.Done.set(L, "done", value)
		return
	}
	t, ok := value.(*lua.LTable)
	if !ok {
		L.RaiseError("%s.done must be a function or a table, not a %s", n.Lua(), luaval.TypeName(value))
	}
	luaval.EachField(L, t, func(key string, v lua.LValue) { n.Done.assign(L, key, v) })
}

// assign is the assignment node.done[key] = value.
func (l *HookList) assign(L *lua.LState, key string, value lua.LValue) {
	if isDoneHook(key, value) {
		l.set(L, key, value)
	} else {
		l.node.child(L, "done").set(L, key, value)
	}
}

// doneIndex is node.done[key]: the hook of that name, or else what is at the segment "done".
func doneIndex(L *lua.LState) int {
	l := luaval.CheckUserData(L, 1).Value.(*HookList)
	key := stringKey(L)
	if d := l.find(key); d != nil {
		d.read = true
		L.Push(d.Fn)
	} else {
		L.Push(l.node.child(L, "done").get(L, key))
	}
	return 1
}

func doneNewIndex(L *lua.LState) int {
	l := luaval.CheckUserData(L, 1).Value.(*HookList)
	l.node.api.checkOpen(L)
	l.assign(L, stringKey(L), L.Get(3))
	return 0
}
