package luaval

import (
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"
)

// CheckHeader returns arguments n and n+1 as a header's canonical name and value.
func CheckHeader(L *lua.LState, n int) (name, value string) {
	name = CheckHeaderName(L, n)
	value, ok := StringValue(L.Get(n + 1))
	if !ok {
		ArgTypeError(L, n+1, "string")
	}
	if !httpguts.ValidHeaderFieldValue(value) || strings.ContainsAny(value, "\r\n\x00") {
		ArgError(L, n+1, "header "+name+": CR, LF, NUL and other control characters are not allowed in "+strconv.Quote(value))
	}
	if value != strings.Trim(value, " \t") {
		ArgError(L, n+1, "header "+name+": "+strconv.Quote(value)+" begins or ends with a blank, which gets lost on the way: trim it")
	}
	return name, value
}

func CheckHeaderName(L *lua.LState, n int) string {
	name := CheckString(L, n)
	if !httpguts.ValidHeaderFieldName(name) {
		ArgError(L, n, strconv.Quote(name)+" is not a header name")
	}
	return http.CanonicalHeaderKey(name)
}

// CheckFraming refuses headers that say how a message is framed: they follow from
// the body, in Go.
func CheckFraming(L *lua.LState, n int, name string) {
	if IsFraming(name) {
		ArgError(L, n, name+" follows from the message and cannot be changed")
	}
}
