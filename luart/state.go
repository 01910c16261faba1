package luart

import (
	"github.com/caddy-rover/rover/luart/luaval"

	lua "github.com/yuin/gopher-lua"
)

// state is rover.state(name[, default]): the VM's table of that name. All requests
// and generations share it. Where there is none yet, default becomes it ({} if not
// given). Errors: default is not a table, or has a metatable.
func (vm *VM) state(L *lua.LState) int {
	name := luaval.CheckString(L, 1)
	t := vm.states[name]
	if t == nil {
		t = luaval.OptTable(L, 2)
		if t == nil {
			t = L.NewTable()
		}
		if !luaval.Unmarked(t) && !luaval.IsJSONArray(t) {
			L.RaiseError("rover.state(%s): the default has a metatable; give one to the tables in it, or to a table of the script's own",
				luaval.Quote(name))
		}
		vm.keepState(name, t)
	}
	L.Push(t)
	return 1
}

// keepState makes t the table of a name.
func (vm *VM) keepState(name string, t *lua.LTable) {
	if t.Metatable == lua.LNil {
		t.Metatable = luaval.StateMeta
	}
	vm.states[name] = t
}
