package luaval

import lua "github.com/yuin/gopher-lua"

// Texts returns a text, or the texts of a list that has at least so many. ok is false for anything
// else, and for a list with names or holes.
func Texts(v lua.LValue, least int) (list []string, ok bool) {
	switch v := v.(type) {
	case lua.LString:
		return []string{string(v)}, true
	case *lua.LTable:
		n := v.Len()
		list = make([]string, 0, n)
		for i := 1; i <= n; i++ {
			text, ok := v.RawGetInt(i).(lua.LString)
			if !ok {
				return nil, false
			}
			list = append(list, string(text))
		}
		more := 0
		v.ForEach(func(lua.LValue, lua.LValue) { more++ })
		return list, more == n && n >= least
	}
	return nil, false
}

// CallMethod calls a method of argument n. Its results are on the stack.
func CallMethod(L *lua.LState, n int, name string, results int, args ...lua.LValue) {
	self := L.Get(n)
	L.Push(L.GetField(self, name))
	L.Push(self)
	for _, arg := range args {
		L.Push(arg)
	}
	L.Call(1+len(args), results)
}
