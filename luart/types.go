package luart

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// types are the metatables and functions that all generations of a VM share. None
// can be changed by a script.
type types struct {
	ctx, body, response *lua.LTable
	part                *lua.LTable
	node, hooks, root   *lua.LTable
	builder, timer      *lua.LTable
	lifeHook            *lua.LTable
	answer              *lua.LTable // the body of a response
	cache, semaphore    *lua.LTable
	channel             *lua.LTable

	httpClient, httpResponse *lua.LTable

	metrics map[string]*lua.LTable
}

func newTypes(vm *VM) types {
	L := vm.main
	t := types{}
	t.ctx = newType(L, "ctx", ctxMethods(vm), ctxField)
	t.body = newType(L, "body", bodyMethods(vm), nil)
	t.part = newType(L, "part", partMethods(vm), partField)
	t.answer = newType(L, "response body", answerBodyMethods, nil)
	t.response = newType(L, "response", responseBodyMethods(vm), responseField)
	t.response.RawSetString("__newindex", L.NewFunction(setResponseField))
	t.timer = newType(L, "timer", timerMethods, nil)
	t.cache = newType(L, "cache", cacheMethods(vm), nil)
	t.semaphore = newType(L, "lock", semaphoreMethods(vm), nil)
	t.channel = newType(L, "channel", channelMethods(vm), nil)
	t.channel.RawSetString("__len", L.NewFunction(channelLen))
	t.httpClient = newType(L, "HTTP client", httpClientMethods(), nil)
	t.httpResponse = newType(L, "HTTP response", httpResponseMethods, httpResponseField)
	t.node = newType(L, "api node", nil, nodeIndex)
	t.node.RawSetString("__newindex", L.NewFunction(nodeNewIndex))
	t.root = newType(L, "api", nil, rootIndex)
	t.root.RawSetString("__newindex", L.NewFunction(rootNewIndex))
	t.hooks = newType(L, "hook list", nil, hooksIndex)
	t.hooks.RawSetString("__newindex", L.NewFunction(hooksNewIndex))
	t.builder = newType(L, "response builder", nil, builderIndex)
	t.builder.RawSetString("__newindex", L.NewFunction(builderIndex))
	t.builder.RawSetString("__call", L.NewFunction(builderCall))
	t.lifeHook = newType(L, "hook", nil, noHookField)
	t.lifeHook.RawSetString("__newindex", L.NewFunction(noHookField))
	t.lifeHook.RawSetString("__call", L.NewFunction(addHook))
	t.metrics = newMetricTypes(vm)
	return t
}

// newType returns a metatable for userdata. A field of it is a method, or what field
// pushes for (ud, name); an unknown one is nil.
func newType(L *lua.LState, name string, methods map[string]lua.LGFunction, field lua.LGFunction) *lua.LTable {
	mt := L.NewTable()
	noteType(L, name, methods)
	fns := make(map[string]*lua.LFunction, len(methods))
	for m, fn := range methods {
		fns[m] = L.NewFunction(fn)
	}
	mt.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		if key, ok := L.Get(2).(lua.LString); ok {
			if fn := fns[string(key)]; fn != nil {
				L.Push(fn)
				return 1
			}
		}
		if field != nil {
			return field(L)
		}
		L.Push(lua.LNil)
		return 1
	}))
	mt.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		L.RaiseError("%s has no field %q that can be set", name, L.Get(2).String())
		return 0
	}))
	mt.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(name))
		return 1
	}))
	mt.RawSetString("__metatable", lua.LFalse)
	return mt
}

// typesKey is where the VM keeps the names of the methods of each type: no script gets at the
// registry. A test compares them with what is written for editors in types/.
const typesKey = "rover types"

func noteType(L *lua.LState, name string, methods map[string]lua.LGFunction) {
	known, ok := L.G.Registry.RawGetString(typesKey).(*lua.LTable)
	if !ok {
		known = L.NewTable()
		L.G.Registry.RawSetString(typesKey, known)
	}
	names := L.NewTable()
	for _, m := range slices.Sorted(maps.Keys(methods)) {
		names.Append(lua.LString(m))
	}
	known.RawSetString(name, names)
}

func newObject(mt *lua.LTable, value any) *lua.LUserData {
	return &lua.LUserData{Value: value, Metatable: mt}
}
