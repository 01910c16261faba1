// Package cookie is rover.cookie: cookies as text, and builders of them.
package cookie

import (
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

//go:embed cookie.lua
var stubs string

// Library is rover.cookie.
var Library = &lib.Library{
	Name: "cookie", Stubs: stubs,
	Makes:    makes(),
	Options:  map[string]luaval.OptionsAt{"delete": deleteOptions.At(2)},
	NewState: func(vm lib.VM) any { return &state{luaval.NewType(vm.L(), "cookie", methods, nil)} },
	Open:     open,
}

// makes says that set, and all methods of what it returns, return that.
func makes() map[string]string {
	all := map[string]string{"set": "cookie"}
	for _, method := range []string{"path", "domain", "max_age", "expires", "secure", "http_only", "same_site"} {
		all["cookie:"+method] = "cookie"
	}
	return all
}

// state is the type of builders in a VM. What a builder holds is an *http.Cookie, which
// res:set_cookie takes.
type state struct{ meta *lua.LTable }

var deleteOptions = luaval.NewOptions("path", "domain", "secure")

func open(s *lib.Scope) lua.LValue {
	meta := s.State.(*state).meta
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		"parse":            parse,
		"parse_set_cookie": parseSetCookie,
		"delete":           remove,
		// rover.cookie.set(name, value): a builder.
		"set": func(L *lua.LState) int {
			c := &http.Cookie{Name: luaval.CheckText(L, 1), Value: luaval.CheckText(L, 2), Path: "/"}
			if err := c.Valid(); err != nil {
				luaval.ArgError(L, 1, err.Error())
			}
			if wrong := cookie.WrongValue(c); wrong != "" {
				luaval.ArgError(L, 2, wrong)
			}
			L.Push(luaval.NewObject(meta, c))
			return 1
		},
	})
	return t
}

// parse is rover.cookie.parse(header): the values by name, the last of a name; nothing is decoded.
func parse(L *lua.LState) int {
	t := L.NewTable()
	var p luaval.Pace
	n := 0
	cookie.EachIn(luaval.CheckText(L, 1), func(name, value string) bool {
		p.Step(L)
		if n++; n > urltext.MaxPairs {
			luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("more than %d cookies", urltext.MaxPairs))
		}
		t.RawSetString(name, lua.LString(value))
		return true
	})
	L.Push(t)
	return 1
}

// parseSetCookie is rover.cookie.parse_set_cookie(text): name, value, and the attributes by their
// names in lower case, as they stand there; one without a value is "true". nil: it is no cookie.
func parseSetCookie(L *lua.LState) int {
	parts := strings.Split(luaval.CheckText(L, 1), ";")
	name, value, found := strings.Cut(parts[0], "=")
	if name = trim(name); !found || name == "" {
		L.Push(lua.LNil)
		return 1
	}
	t := L.NewTable()
	var p luaval.Pace
	for _, part := range parts[1:] {
		p.Step(L)
		key, value, found := strings.Cut(part, "=")
		if key = strings.ToLower(trim(key)); key == "" || key == "name" || key == "value" {
			continue
		}
		if value = trim(value); !found {
			value = "true"
		}
		t.RawSetString(key, lua.LString(value))
	}
	t.RawSetString("name", lua.LString(name))
	t.RawSetString("value", lua.LString(trim(value)))
	L.Push(t)
	return 1
}

func trim(s string) string { return strings.Trim(s, " \t") }

// remove is rover.cookie.delete(name[, options]): the text of a Set-Cookie that deletes a cookie.
func remove(L *lua.LState) int {
	c := &http.Cookie{Name: luaval.CheckText(L, 1), Path: "/"}
	if t := luaval.OptTable(L, 2); t != nil {
		deleteOptions.Each(L, t, 2, func(name string, v lua.LValue) {
			if name == "secure" {
				if v != lua.LTrue && v != lua.LFalse {
					luaval.CheckOption(L, 2, name, v, "a boolean")
				}
				c.Secure = v == lua.LTrue
				return
			}
			text, ok := v.(lua.LString)
			if !ok {
				luaval.CheckOption(L, 2, name, v, "a string")
			}
			if name == "path" {
				c.Path = string(text)
			} else {
				c.Domain = string(text)
			}
		})
	}
	if strings.HasPrefix(strings.ToLower(c.Name), "__") { // browsers look at __Host- and __Secure-
		c.Secure = true
	}
	cookie.Expire(c)
	checkWhole(L, c)
	L.Push(lua.LString(c.String()))
	return 1
}

// checkWhole raises where browsers would not take a cookie, or it is none.
func checkWhole(L *lua.LState, c *http.Cookie) {
	if wrong := cookie.Wrong(c); wrong != "" {
		L.RaiseError("cookie %q: %s", c.Name, wrong)
	}
}

// methods are those of a builder. Each returns another builder, which is changed.
var methods = map[string]lua.LGFunction{
	"path": change("path(p)", func(L *lua.LState, c *http.Cookie) string {
		if c.Path = luaval.CheckText(L, 2); c.Path != "" && c.Path[0] != '/' {
			return "a path begins with /"
		}
		return ""
	}),
	"domain": change("domain(d)", func(L *lua.LState, c *http.Cookie) string {
		c.Domain = luaval.CheckText(L, 2)
		return ""
	}),
	"max_age": change("max_age(seconds)", func(L *lua.LState, c *http.Cookie) string {
		n := luaval.CheckNumber(L, 2)
		if n != math.Trunc(n) || math.IsInf(n, 0) {
			return "whole seconds expected"
		}
		if c.MaxAge = int(min(n, math.MaxInt32)); n <= 0 {
			c.MaxAge = -1 // how Go says Max-Age=0
		}
		return ""
	}),
	"expires": change("expires(date)", func(L *lua.LState, c *http.Cookie) string {
		at, err := http.ParseTime(luaval.CheckText(L, 2))
		if err != nil {
			return "a date as in HTTP expected: Thu, 01 Jan 2026 00:00:00 GMT"
		}
		c.Expires = at
		return ""
	}),
	"secure":    change("secure()", func(L *lua.LState, c *http.Cookie) string { c.Secure = flag(L); return "" }),
	"http_only": change("http_only()", func(L *lua.LState, c *http.Cookie) string { c.HttpOnly = flag(L); return "" }),
	"same_site": change(`same_site("lax")`, func(L *lua.LState, c *http.Cookie) string {
		mode, ok := cookie.SameSite(luaval.CheckText(L, 2))
		if c.SameSite = mode; !ok {
			return `"lax", "strict" or "none" expected`
		}
		return ""
	}),

	// c:build(): the text of a Set-Cookie.
	"build": func(L *lua.LState) int {
		c := luaval.CheckSelf[*http.Cookie](L, "cookie", "c:build()")
		checkWhole(L, c)
		L.Push(lua.LString(c.String()))
		return 1
	},
}

// flag is an argument that is true where it is left out.
func flag(L *lua.LState) bool {
	if L.GetTop() < 2 {
		return true
	}
	luaval.CheckTypes(L, 2, lua.LTBool)
	return L.Get(2) == lua.LTrue
}

// change makes a method of what changes a copy of the cookie, or says what is wrong with the argument.
func change(example string, do func(L *lua.LState, c *http.Cookie) (wrong string)) lua.LGFunction {
	return func(L *lua.LState) int {
		old := L.Get(1)
		c := *luaval.CheckSelf[*http.Cookie](L, "cookie", "c:"+example)
		wrong := do(L, &c)
		if wrong == "" {
			if err := c.Valid(); err != nil {
				wrong = err.Error()
			}
		}
		if wrong != "" {
			luaval.ArgError(L, 2, wrong)
		}
		L.Push(luaval.NewObject(old.(*lua.LUserData).Metatable.(*lua.LTable), &c))
		return 1
	}
}
