package response

import (
	"net/http"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// This file is what can be said of a response in passing: api.text(s, 201, headers) and return s, 201,
// headers.

// statusOf returns v as the status of an answer. wrong says what it is instead.
func statusOf(v lua.LValue) (status int, wrong string) {
	n, ok := v.(lua.LNumber)
	status = int(n)
	switch {
	case !ok:
		return 0, "status expected, got " + luaval.TypeName(v)
	case status < 200 || status > 599 || lua.LNumber(status) != n:
		return 0, "status between 200 and 599 expected, got " + luaval.ExactString(n)
	}
	return status, ""
}

// onlyFirst is what to do about a value that was not meant as a status: most often it is the second
// of a call such as s:gsub(…), which gives two.
const onlyFirst = "; a call in parentheses gives its first value only"

// CheckStatus returns argument n as the status of an answer.
func CheckStatus(L *lua.LState, n int) int {
	if L.Get(n).Type() != lua.LTNumber {
		luaval.ArgTypeError(L, n, "number")
	}
	status, wrong := statusOf(L.Get(n))
	if wrong != "" {
		luaval.ArgError(L, n, wrong)
	}
	return status
}

// checkRedirect returns argument n as the status of a redirect.
func checkRedirect(L *lua.LState, n int) int {
	status := CheckStatus(L, n)
	if status < 300 || status > 399 {
		luaval.ArgError(L, n, "status between 300 and 399 expected, got "+strconv.Itoa(status))
	}
	return status
}

// checkMore reads argument n, a status, and n+1, headers; nil for either is for none.
func (r *Response) checkMore(L *lua.LState, n int) {
	if v := L.Get(n); v != lua.LNil {
		status, wrong := statusOf(v)
		if wrong != "" {
			luaval.ArgError(L, n, wrong+onlyFirst)
		}
		r.Status, r.ByDefault = status, false
	}
	r.checkMoreHeaders(L, n+1)
}

func (r *Response) checkMoreHeaders(L *lua.LState, n int) {
	if L.Get(n) == lua.LNil {
		return
	}
	if L.Get(n).Type() != lua.LTTable {
		luaval.ArgError(L, n, "headers expected, a table, got "+luaval.TypeName(L.Get(n)))
	}
	r.addHeaders(L, n)
}

// checkErrorValue returns argument n as the message of api:error: a text, or what was raised as an
// error. A text is taken as it is, also where error or the VM has put the place before it: scripts
// choose what clients are told.
func checkErrorValue(L *lua.LState, n int) (message string, headers http.Header) {
	switch v := L.Get(n).(type) {
	case *lua.LTable:
		headers, err := scripterror.Headers(v)
		if err != nil {
			luaval.ArgError(L, n, err.Error())
		}
		if text, ok := luaval.StringValue(v.RawGetString("message")); ok {
			return text, headers
		}
		if L.GetMetaField(v, "__tostring") != lua.LNil {
			return luaval.ToString(L, v), headers
		}
		luaval.ArgError(L, n, "message or error expected, got a table without a message")
	case lua.LBool:
		return luaval.ExactText(v), nil
	}
	return luaval.CheckText(L, n), nil
}

// checkErrorOptions reads argument n, the options of api:error: headers, and handle.
func checkErrorOptions(L *lua.LState, n int) (headers http.Header, handle bool) {
	if L.Get(n) == lua.LNil {
		return nil, false
	}
	errorOptions.EachOf(L, luaval.CheckTable(L, n), "api:error", func(key string, v lua.LValue) {
		ok := false
		switch key {
		case "handle":
			handle, ok = lua.LVAsBool(v), v.Type() == lua.LTBool
		case "headers":
			var t *lua.LTable
			if t, ok = v.(*lua.LTable); ok {
				headers = luaval.CheckHeaders(L, t)
				if why := luaval.FramingIn(headers); why != "" {
					L.RaiseError("api:error: %s", why)
				}
			}
		}
		if !ok {
			want := map[string]string{"handle": "a boolean", "headers": "a table of headers"}[key]
			L.RaiseError("api:error: option %s: %s expected, got %s", key, want, luaval.Show(v))
		}
	})
	return headers, handle
}

// SetAll sets the headers of a response.
func (r *Response) SetAll(headers http.Header) {
	h := r.HeaderMap()
	for name, values := range headers {
		h[name] = values
	}
}

// addHeaders sets the headers in argument n, a table.
func (r *Response) addHeaders(L *lua.LState, n int) {
	added := luaval.CheckHeaders(L, luaval.CheckTable(L, n))
	h := r.HeaderMap()
	for name, values := range added {
		luaval.CheckFraming(L, n, name)
		h[name] = values
	}
}
