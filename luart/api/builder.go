package api

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Builder is api.json, api.text, …: called it makes a response, and it may have
// methods such as status.
type Builder struct {
	Value   *lua.LUserData
	Colon   bool // it must be called with a colon
	Methods map[string]*lua.LFunction

	api   *API
	name  string
	usage string         // how it is called, where that must be with a colon; "": with a dot, too
	call  lua.LGFunction // gets what the script wrote in the parentheses
}

// AddBuilder gives api what the script calls as api.<name>(…). call gets what stands in the
// parentheses, and so do methods.
func (a *API) AddBuilder(name string, call lua.LGFunction, methods map[string]lua.LGFunction) {
	b := &Builder{api: a, name: name, call: call, Methods: map[string]*lua.LFunction{}}
	for m, fn := range methods {
		b.Methods[m] = luaval.NewStrippedMethod(a.main, func(L *lua.LState) int {
			if ud, ok := L.Get(1).(*lua.LUserData); !ok || ud.Value != any(b) {
				L.RaiseError("call api.%s:%s(…) with a colon", name, m)
			}
			L.Remove(1)
			return fn(L)
		})
	}
	b.Value = luaval.NewObject(a.types.builder, b)
	a.builders[name] = b
}

// AddColonBuilder is AddBuilder for what must be called with a colon: as usage says.
func (a *API) AddColonBuilder(name, usage string, call lua.LGFunction) {
	a.AddBuilder(name, call, nil)
	a.builders[name].Colon, a.builders[name].usage = true, usage
}

// does says what the builder is for.
func (b *Builder) does() string {
	if b.name == chunk.NodeBuilder {
		return "names a path"
	}
	if b.name == "idempotent" {
		return "makes handlers"
	}
	return "builds responses"
}

func builderIndex(L *lua.LState) int {
	b := luaval.CheckUserData(L, 1).Value.(*Builder)
	if fn := b.Methods[L.Get(2).String()]; fn != nil {
		L.Push(fn)
		return 1
	}
	key := L.Get(2).String()
	L.RaiseError("api.%s%s: api.%[1]s %[3]s and has no such method%[4]s%[2]s", b.name, luaKey(key), b.does(), b.api.Root.InsteadOf(b.name))
	return 0
}

// builderCall is api.json(…), and api:json(…): what stands before the parentheses is no argument.
func builderCall(L *lua.LState) int {
	b := luaval.CheckUserData(L, 1).Value.(*Builder)
	L.Remove(1)
	if ud, ok := L.Get(1).(*lua.LUserData); ok && ud.Metatable == b.api.types.root {
		L.Remove(1)
	} else if b.Colon {
		L.RaiseError("call %s with a colon", b.usage)
	}
	return b.call(L)
}
