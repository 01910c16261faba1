package response

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Methods are the methods of a response that read and change its headers. of returns
// argument 1 as one. Those that change it return it, so that they can be chained.
func Methods(of func(L *lua.LState) *Response) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"header": func(L *lua.LState) int {
			r := of(L)
			name := luaval.CheckHeaderName(L, 2)
			if r.Header == nil && name == "Content-Type" && r.Type != "" {
				L.Push(lua.LString(r.Type))
			} else {
				L.Push(luaval.FirstValue(r.Header[name]))
			}
			return 1
		},
		"headers": func(L *lua.LState) int {
			L.Push(luaval.HeaderTable(L, of(L).HeaderMap()))
			return 1
		},
		"set_header": func(L *lua.LState) int {
			r := of(L)
			name, value := luaval.CheckHeader(L, 2)
			luaval.CheckFraming(L, 2, name)
			r.HeaderMap()[name] = []string{value}
			L.SetTop(1)
			return 1
		},
		"add_header": func(L *lua.LState) int {
			r := of(L)
			name, value := luaval.CheckHeader(L, 2)
			luaval.CheckFraming(L, 2, name)
			h := r.HeaderMap()
			h[name] = append(h[name], value)
			L.SetTop(1)
			return 1
		},
		"remove_header": func(L *lua.LState) int {
			r := of(L)
			name := luaval.CheckHeaderName(L, 2)
			luaval.CheckFraming(L, 2, name)
			// Without values it is not sent: neither what an earlier handler has set, such as Caddy's Server, nor
			// the Content-Type that net/http would guess.
			r.HeaderMap()[name] = nil
			L.SetTop(1)
			return 1
		},
		"set_cookie": func(L *lua.LState) int {
			r := of(L)
			c := checkCookie(L, 2)
			h := r.HeaderMap()
			h["Set-Cookie"] = append(h["Set-Cookie"], c.String())
			L.SetTop(1)
			return 1
		},
	}
}
