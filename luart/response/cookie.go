package response

import (
	"math"
	"net/http"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/luaval"
)

// The first and the last second that Expires can say: the years 1601 to 9999.
const (
	firstExpires = -11_644_473_600
	lastExpires  = 253_402_300_799
)

// checkCookie returns argument n, a table, as a cookie: name and value (required), path ("/" where it
// is left out, "" for none), domain, max_age (whole seconds; 0 deletes), expires (seconds since the
// epoch), secure, http_only, same_site ("lax", "strict" or "none"). A cookie that browsers would drop
// without a word is an error. It may also be a builder of rover.cookie, or the text of a Set-Cookie.
func checkCookie(L *lua.LState, n int) *http.Cookie {
	switch v := L.Get(n).(type) {
	case *lua.LUserData:
		if c, ok := v.Value.(*http.Cookie); ok {
			if wrong := cookie.Wrong(c); wrong != "" {
				luaval.ArgError(L, n, wrong)
			}
			return c
		}
	case lua.LString:
		c, err := cookie.ParseSet(string(v))
		if err != nil {
			luaval.ArgError(L, n, err.Error())
		}
		return c
	}
	t := luaval.CheckTable(L, n)
	c := &http.Cookie{Path: "/"}
	cookieOptions.EachOf(L, t, "res:set_cookie", func(key string, v lua.LValue) {
		if wrong := setCookieField(c, key, v); wrong != "" {
			luaval.ArgError(L, n, "cookie field "+key+wrong)
		}
	})
	if wrong := cookie.Wrong(c); wrong != "" {
		luaval.ArgError(L, n, wrong)
	}
	return c
}

// setCookieField sets a field of a cookie. wrong says why v is none.
func setCookieField(c *http.Cookie, key string, v lua.LValue) (wrong string) {
	ok := false
	number, isNumber := v.(lua.LNumber)
	seconds := float64(number)
	switch key {
	case "name":
		c.Name, ok = luaval.StringValue(v)
	case "value":
		c.Value, ok = luaval.StringValue(v)
	case "path":
		c.Path, ok = luaval.StringValue(v)
		if ok && c.Path != "" && c.Path[0] != '/' {
			return ": a path begins with /, not " + luaval.Quote(c.Path)
		}
	case "domain":
		c.Domain, ok = luaval.StringValue(v)
	case "max_age":
		if ok = isNumber; ok && seconds != math.Trunc(seconds) || math.IsInf(seconds, 0) {
			return ": whole seconds expected, got " + luaval.ExactString(number)
		}
		if c.MaxAge = int(min(seconds, math.MaxInt32)); seconds <= 0 { // 68 years are for good
			c.MaxAge = -1 // how Go says Max-Age=0
		}
	case "expires":
		if ok = isNumber; !ok {
			break
		}
		if !(seconds >= firstExpires && seconds <= lastExpires) {
			return ": seconds since 1970, up to the year 9999, expected, got " + luaval.ExactString(number) +
				"; divide milliseconds by 1000"
		}
		c.Expires = luaval.UnixTime(seconds)
	case "secure":
		c.Secure, ok = lua.LVAsBool(v), v.Type() == lua.LTBool
	case "http_only":
		c.HttpOnly, ok = lua.LVAsBool(v), v.Type() == lua.LTBool
	case "same_site":
		text, _ := luaval.StringValue(v)
		c.SameSite, ok = cookie.SameSite(text)
	}
	if !ok {
		return " cannot be a " + luaval.TypeName(v) + " " + v.String()
	}
	return ""
}
