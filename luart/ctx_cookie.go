package luart

import (
	"fmt"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// ctxCookie is ctx:cookie(name): the first value of that name, or nil.
func ctxCookie(L *lua.LState) int {
	x, wanted := checkCtx(L), luaval.CheckString(L, 2)
	if value, ok := firstCookie(x.r, wanted); ok {
		L.Push(lua.LString(value))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// firstCookie returns the first value of a cookie.
func firstCookie(r *http.Request, wanted string) (value string, ok bool) {
	cookie.Each(r.Header, func(name, v string) bool {
		if ok = name == wanted; ok {
			value = v
		}
		return !ok
	})
	return value, ok
}

// ctxCookies is ctx:cookies(). It raises a 400 where there are more than urltext.MaxPairs.
func ctxCookies(L *lua.LState) int {
	values := map[string][]string{}
	n := 0
	cookie.Each(checkCtx(L).r.Header, func(name, value string) bool {
		if n++; n > urltext.MaxPairs {
			luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("more than %d cookies", urltext.MaxPairs))
		}
		values[name] = append(values[name], value)
		return true
	})
	L.Push(luaval.ValuesTable(L, values))
	return 1
}
