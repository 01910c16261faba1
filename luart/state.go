package luart

import lua "github.com/yuin/gopher-lua"

// stateMeta is the metatable of each table of rover.state that has no other: a script that put one
// of its own there would have its functions called by every script that shares the table. Every VM
// of the process shares it; nothing may write to it.
var stateMeta = newJSONMeta("rover.state")

// unmarked reports whether a table has no metatable but what rover.state gives.
func unmarked(t *lua.LTable) bool {
	return t.Metatable == lua.LNil || t.Metatable == lua.LValue(stateMeta)
}

// state is rover.state(name[, default]): the VM's table of that name. All requests
// and generations share it. Where there is none yet, default becomes it ({} if not
// given). Errors: default is not a table, or has a metatable.
func (vm *VM) state(L *lua.LState) int {
	name := L.CheckString(1)
	t := vm.states[name]
	if t == nil {
		t = L.OptTable(2, nil)
		if t == nil {
			t = L.NewTable()
		}
		if !unmarked(t) && !isJSONArray(t) {
			L.RaiseError("rover.state(%s): the default has a metatable; give one to the tables in it, or to a table of the script's own",
				luaString(name))
		}
		vm.keepState(name, t)
	}
	L.Push(t)
	return 1
}

// keepState makes t the table of a name.
func (vm *VM) keepState(name string, t *lua.LTable) {
	if t.Metatable == lua.LNil {
		t.Metatable = stateMeta
	}
	vm.states[name] = t
}
