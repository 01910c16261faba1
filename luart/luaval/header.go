package luaval

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"
)

// CheckHeaders returns a table of name = value, or name = {values}, as headers.
func CheckHeaders(L *lua.LState, t *lua.LTable) http.Header {
	h := http.Header{}
	EachField(L, t, func(name string, v lua.LValue) {
		if err := addHeader(h, name, v, func() { CheckBurst(L) }); err != nil {
			L.RaiseError("%s", err.Error())
		}
	})
	return h
}

// MaxHeaders of a table are read where nothing bounds the time that takes.
const MaxHeaders = 1000

// Headers is CheckHeaders where nothing can be raised: the headers of an error that has been.
func Headers(t *lua.LTable) (http.Header, error) {
	h := http.Header{}
	n := 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if err := addHeader(h, lua.LVAsString(k), v, func() { n++ }); err != nil {
			return nil, err
		}
		if n > MaxHeaders {
			return nil, fmt.Errorf("more than %d headers", MaxHeaders)
		}
	}
	return h, nil
}

// addHeader adds a header, v, or each of v. look is called before each value, which may be long.
func addHeader(h http.Header, name string, v lua.LValue, look func()) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q is not a header name", name)
	}
	add := func(v lua.LValue) error {
		look()
		value, ok := StringValue(v)
		if !ok || !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("header %s: value %q is not allowed", name, v.String())
		}
		if value != strings.Trim(value, " \t") {
			return fmt.Errorf("header %s: %q begins or ends with a blank, which gets lost on the way: trim it", name, value)
		}
		h.Add(name, value)
		return nil
	}
	list, isList := v.(*lua.LTable)
	if !isList {
		return add(v)
	}
	for i, n := 1, min(list.Len(), MaxHeaders+1); i <= n; i++ {
		if err := add(list.RawGetInt(i)); err != nil {
			return err
		}
	}
	return nil
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

// FramingIn returns a header of those that say how a message is framed, "" for none.
func FramingIn(headers http.Header) string {
	for name := range headers {
		if IsFraming(name) {
			return fmt.Sprintf("%s follows from the message and cannot be changed", name)
		}
	}
	return ""
}

// ValidHost reports whether host can be the Host of a request.
func ValidHost(host string) bool { return host != "" && httpguts.ValidHostHeader(host) }

// anyCase finds a header by its name in any case of letters.
var anyCase = newAnyCase()

func newAnyCase() *lua.LTable {
	meta := newJSONMeta("headers")
	meta.RawSetString("__index", &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		t, isTable := L.Get(1).(*lua.LTable)
		name, isName := L.Get(2).(lua.LString)
		if !isTable || !isName {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(t.RawGetString(http.CanonicalHeaderKey(string(name))))
		return 1
	}})
	return meta
}

// PlainHeaderTable returns headers as CheckHeaders reads them: a string, or a list of strings.
func PlainHeaderTable(h http.Header) *lua.LTable {
	t := &lua.LTable{Metatable: anyCase}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if values := h[name]; len(values) == 1 {
			t.RawSetString(name, lua.LString(values[0]))
		} else {
			list := &lua.LTable{Metatable: lua.LNil}
			for _, value := range values {
				list.Append(lua.LString(value))
			}
			t.RawSetString(name, list)
		}
	}
	return t
}
