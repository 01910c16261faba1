package luart

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// eachCookie calls f with the cookies of a request, in order, until it returns false. Names
// and values are the bytes that the upstream gets, without the spaces around them: what
// net/http leaves out (a quote, a comma, a byte beyond ASCII) others read. What has no "="
// is a name with an empty value.
func eachCookie(h http.Header, f func(name, value string) bool) {
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
			if name == "" && value == "" {
				continue
			}
			if !f(name, value) {
				return
			}
		}
	}
}

// ctxCookie is ctx:cookie(name): the first value of that name, or nil.
func ctxCookie(L *lua.LState) int {
	x, wanted := checkCtx(L), luaval.CheckString(L, 2)
	found := lua.LNil
	eachCookie(x.r.Header, func(name, value string) bool {
		if name == wanted {
			found = lua.LString(value)
		}
		return name != wanted
	})
	L.Push(found)
	return 1
}

// ctxCookies is ctx:cookies(). It raises a 400 where there are more than urltext.MaxPairs.
func ctxCookies(L *lua.LState) int {
	values := map[string][]string{}
	n := 0
	eachCookie(checkCtx(L).r.Header, func(name, value string) bool {
		if n++; n > urltext.MaxPairs {
			luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("more than %d cookies", urltext.MaxPairs))
		}
		values[name] = append(values[name], value)
		return true
	})
	L.Push(luaval.ValuesTable(L, values))
	return 1
}
