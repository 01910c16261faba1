package luaval

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// CallerLine returns "file:line" of the code that has called a function of Go.
func CallerLine(L *lua.LState) string { return strings.TrimSuffix(strings.TrimSpace(L.Where(1)), ":") }

// LuaLine returns "file:line" of the innermost Lua code that runs in L.
func LuaLine(L *lua.LState) string {
	for at := L; at != nil; at = at.Parent {
		for level := 0; ; level++ {
			where := at.Where(level)
			if where == "" {
				break
			}
			if !strings.HasPrefix(where, "[G]") {
				return strings.TrimSuffix(strings.TrimSpace(where), ":")
			}
		}
	}
	return "?"
}
