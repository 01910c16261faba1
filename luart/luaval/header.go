package luaval

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"
)

// CheckHeaders returns a table of name = value, or name = {values}, as headers.
func CheckHeaders(L *lua.LState, t *lua.LTable) http.Header {
	h := http.Header{}
	EachField(L, t, func(name string, v lua.LValue) {
		list, ok := v.(*lua.LTable)
		if !ok {
			list = L.CreateTable(1, 0)
			list.Append(v)
		}
		if !httpguts.ValidHeaderFieldName(name) {
			L.RaiseError("%q is not a header name", name)
		}
		for i := 1; i <= list.Len(); i++ {
			CheckBurst(L) // a value may be long
			value, ok := StringValue(list.RawGetInt(i))
			if !ok || !httpguts.ValidHeaderFieldValue(value) {
				L.RaiseError("header %s: value %q is not allowed", name, list.RawGetInt(i).String())
			}
			h.Add(name, value)
		}
	})
	return h
}

// CheckRequestHeaders is CheckHeaders for a request's: none says how it is framed. fail
// raises.
func CheckRequestHeaders(L *lua.LState, t *lua.LTable, fail func(string)) http.Header {
	h := CheckHeaders(L, t)
	for name := range h {
		if IsFraming(name) {
			fail(name + " follows from the message and cannot be changed")
		}
	}
	if host := h["Host"]; host != nil && (len(host) != 1 || !ValidHost(host[0])) {
		fail("option headers: a request has one Host")
	}
	return h
}

// IsFraming reports whether a header says how its message is framed: nobody but the server sets it.
func IsFraming(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Trailer", "Te":
		return true
	}
	return false
}

// ValidHost reports whether host can be the Host of a request.
func ValidHost(host string) bool { return host != "" && httpguts.ValidHostHeader(host) }
