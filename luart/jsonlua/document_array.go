package jsonlua

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// The metatables of arrays in documents. Every VM of the process shares them.
var (
	requestArray  = newArrayMeta(http.StatusBadRequest, "request body: ")
	responseArray = newArrayMeta(http.StatusBadGateway, "response body: ")
)

func newArrayMeta(status int, what string) *lua.LTable {
	return luaval.NewArrayMeta("json.array", func(L *lua.LState) int {
		t, key := L.Get(1).(*lua.LTable), L.Get(2) // scripts do not reach it
		if n, ok := key.(lua.LNumber); ok && n >= 1 && n == lua.LNumber(int64(n)) {
			t.RawSet(key, L.Get(3))
			return 0
		}
		luaval.RaiseStatus(L, status, what+"an array stands where an object is expected")
		return 0
	})
}
