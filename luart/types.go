package luart

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/formdata"
	"github.com/caddy-rover/rover/luart/luaval"
)

// types are the metatables and functions that all generations of a VM share. None
// can be changed by a script.
type types struct {
	ctx, body, response *lua.LTable
	part                *lua.LTable
	timer               *lua.LTable
	answer              *lua.LTable // the body of a response
	api                 *api.Types
}

func newTypes(vm *VM) types {
	L := vm.main
	t := types{}
	t.ctx = luaval.NewType(L, "ctx", ctxMethods(vm), ctxField)
	t.body = luaval.NewType(L, "body", bodyMethods(vm), nil)
	addTextEvents(L, t.body)
	t.part = formdata.NewType(L)
	t.answer = luaval.NewType(L, "response body", answerBodyMethods, nil)
	addTextEvents(L, t.answer)
	t.response = luaval.NewType(L, "response", responseBodyMethods(vm), responseField)
	t.response.RawSetString("__newindex", L.NewFunction(setResponseField))
	t.timer = luaval.NewType(L, "timer", timerMethods, nil)
	t.api = api.NewTypes(L)
	return t
}
