package luaval

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// CheckSelf returns the object that a method was called on.
func CheckSelf[T any](L *lua.LState, kind, example string) T {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if v, ok := ud.Value.(T); ok {
			return v
		}
	}
	ArgError(L, 1, kind+" expected, got "+TypeName(L.Get(1))+" (call "+example+" with a colon)")
	panic("ArgError returned")
}

// PushFailure returns nil and err's message to Lua.
func PushFailure(L *lua.LState, err error) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(err.Error()))
	return 2
}

// CheckReadSize returns argument n, how many bytes are wanted at once: from 1 to MaxStringBytes.
// otherwise is what it is where there is none; 0 says that it must be there.
func CheckReadSize(L *lua.LState, n, otherwise int) int {
	size := otherwise
	if otherwise == 0 || L.Get(n) != lua.LNil {
		size = CheckInt(L, n)
	}
	if size < 1 || size > MaxStringBytes {
		ArgError(L, n, fmt.Sprintf("number of bytes from 1 to %d expected, got %d", MaxStringBytes, size))
	}
	return size
}
