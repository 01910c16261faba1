package request

import (
	"fmt"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// Cookie is ctx:cookie(name): the first value of that name, or nil.
func Cookie(L *lua.LState, r *http.Request) lua.LValue {
	if value, ok := FirstCookie(r, luaval.CheckString(L, 2)); ok {
		return lua.LString(value)
	}
	return lua.LNil
}

// FirstCookie returns the first value of a cookie.
func FirstCookie(r *http.Request, wanted string) (value string, ok bool) {
	cookie.Each(r.Header, func(name, v string) bool {
		if ok = name == wanted; ok {
			value = v
		}
		return !ok
	})
	return value, ok
}

// CookieOnce is HeaderOnce for a cookie.
func CookieOnce(r *http.Request, wanted string) (value string, ok, isClear bool) {
	isClear = true
	cookie.Each(r.Header, func(name, v string) bool {
		if name == wanted {
			isClear = !ok || v == value
			value, ok = v, true
		}
		return isClear
	})
	return value, ok, isClear
}

// Cookies is ctx:cookies(). It raises a 400 where there are more than urltext.MaxPairs.
func Cookies(L *lua.LState, r *http.Request) lua.LValue {
	values := map[string][]string{}
	n := 0
	cookie.Each(r.Header, func(name, value string) bool {
		if n++; n > urltext.MaxPairs {
			luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("more than %d cookies", urltext.MaxPairs))
		}
		values[name] = append(values[name], value)
		return true
	})
	return luaval.ValuesTable(L, values)
}
