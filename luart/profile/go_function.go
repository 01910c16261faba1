package profile

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
)

// goName returns what scripts call a built-in function: "rover.json.encode", or as the
// running one was called, "" if it has no name.
func (p *Recorder) goName(env *lua.LTable, fn *lua.LFunction, called string) string {
	names := p.goNames[env]
	if names == nil {
		names = map[*lua.LFunction]string{}
		collectNames(names, env, "", map[*lua.LTable]bool{})
		p.goNames[env] = names
	}
	if name := names[fn]; name != "" {
		return name
	}
	return called
}

// collectNames finds the built-in functions in a table and in those below it.
func collectNames(names map[*lua.LFunction]string, t *lua.LTable, prefix string, seen map[*lua.LTable]bool) {
	if seen[t] || len(seen) > 100 {
		return
	}
	seen[t] = true
	var below []string
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case *lua.LFunction:
			if v.IsG && names[v] == "" {
				names[v] = prefix + string(name)
			}
		case *lua.LTable:
			if string(name) != "_G" && string(name) != "package" {
				below = append(below, string(name))
			}
		}
	}
	for _, name := range below {
		collectNames(names, t.RawGetString(name).(*lua.LTable), prefix+name+".", seen)
	}
}

// justCalled returns the built-in function that Lua code at f has called in the instruction
// before, and by what name, nil if that was something else, or it is not known: a tick
// that comes while a built-in function runs is found right after it. Where control may have
// come from elsewhere it is not known. f is the innermost call in L.
func justCalled(L *lua.LState, f glua.Frame) (fn *lua.LFunction, name string) {
	code := f.Function.Proto.Code
	at := f.PC - 1
	if at < 0 || f.PC >= len(code) || glua.Opcode(code[at]) != lua.OP_CALL || glua.JumpsTo(code, f.PC) {
		return nil, ""
	}
	fn, ok := calledValue(L, f.Function, code, at, glua.ArgA(code[at]), 4).(*lua.LFunction)
	if !ok || !fn.IsG {
		return nil, ""
	}
	for _, call := range f.Function.Proto.DbgCalls {
		if call.Pc == at && call.Name != "?" {
			name = call.Name
		}
	}
	return fn, name
}

// calledValue returns what the instructions before at have put into a register, nil if it is
// not known. What they read may have changed since.
func calledValue(L *lua.LState, fn *lua.LFunction, code []uint32, at, register, depth int) lua.LValue {
	if depth == 0 {
		return nil
	}
	for at--; at >= 0; at-- {
		inst := code[at]
		if glua.ArgA(inst) != register {
			continue
		}
		switch glua.Opcode(inst) {
		case lua.OP_GETGLOBAL:
			return fn.Env.RawGet(fn.Proto.Constants[inst&0x3ffff])
		case lua.OP_GETUPVAL:
			if i := glua.ArgB(inst); i < len(fn.Upvalues) {
				return fn.Upvalues[i].Value()
			}
		case lua.OP_MOVE:
			return localValue(L, glua.ArgB(inst))
		case lua.OP_GETTABLEKS:
			key := glua.ArgC(inst)
			if key&256 == 0 { // not a constant
				return nil
			}
			t, ok := calledValue(L, fn, code, at, glua.ArgB(inst), depth-1).(*lua.LTable)
			if !ok {
				if t, ok = localValue(L, glua.ArgB(inst)).(*lua.LTable); !ok {
					return nil
				}
			}
			return t.RawGet(fn.Proto.Constants[key&255])
		}
		return nil
	}
	return nil
}

// localValue returns a register of the innermost call in L.
func localValue(L *lua.LState, register int) lua.LValue {
	dbg, ok := L.GetStack(0)
	if !ok {
		return nil
	}
	_, v := L.GetLocal(dbg, register+1)
	return v
}
