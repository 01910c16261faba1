package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// types are the metatables and functions that all generations of a VM share. None
// can be changed by a script.
type types struct {
	ctx, body, response *lua.LTable
	part                *lua.LTable
	node, hooks, done   *lua.LTable
	root                *lua.LTable
	builder, timer      *lua.LTable
	lifeHook            *lua.LTable
	answer              *lua.LTable // the body of a response
}

func newTypes(vm *VM) types {
	L := vm.main
	t := types{}
	t.ctx = luaval.NewType(L, "ctx", ctxMethods(vm), ctxField)
	t.body = luaval.NewType(L, "body", bodyMethods(vm), nil)
	addTextEvents(L, t.body)
	t.part = luaval.NewType(L, "part", partMethods(vm), partField)
	luaval.NoteFields(L, "part", "name", "filename", "data", "content_type", "type", "headers", "size")
	t.answer = luaval.NewType(L, "response body", answerBodyMethods, nil)
	addTextEvents(L, t.answer)
	t.response = luaval.NewType(L, "response", responseBodyMethods(vm), responseField)
	t.response.RawSetString("__newindex", L.NewFunction(setResponseField))
	t.timer = luaval.NewType(L, "timer", timerMethods, nil)
	t.node = luaval.NewType(L, "api node", nil, nodeIndex)
	t.node.RawSetString("__newindex", L.NewFunction(nodeNewIndex))
	t.node.RawSetString("__call", L.NewFunction(nodeCall))
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
	return t
}
