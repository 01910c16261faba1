package request

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// single are the headers of which a request has one: servers choose different ones of
// several, and what a script has judged may not be what the upstream takes. Those that frame
// a request, and Host, are net/http's to refuse.
var single = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Content-Type": true, "Origin": true, "Referer": true,
}

// checkSingle raises a 400 for a header that is there several times and may not be.
func checkSingle(L *lua.LState, name string, values []string) {
	if len(values) > 1 && single[name] {
		luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("%d %s headers: a request has one", len(values), name))
	}
}

// Header is ctx:header(name): the first value of that name, in any case, or nil.
func Header(L *lua.LState, r *http.Request) lua.LValue {
	name := http.CanonicalHeaderKey(luaval.CheckString(L, 2))
	values := headerValues(r, name)
	checkSingle(L, name, values)
	return luaval.FirstValue(values)
}

// HeaderOnce returns the value of a header whose name is in its canonical form; ok is false where
// there is none. It is not clear where others can read another value: it is there several times,
// and not always the same.
func HeaderOnce(r *http.Request, name string) (value string, ok, isClear bool) {
	values := headerValues(r, name)
	if len(values) == 0 {
		return "", false, true
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return "", false, false
		}
	}
	return values[0], true, true
}

// HeaderValues are the values of a header whose name is in its canonical form. A request has several of
// one that it may have once where nobody has refused it yet.
func HeaderValues(r *http.Request, name string) []string {
	if values := headerValues(r, name); len(values) > 1 || len(values) == 1 && (name != "Host" || values[0] != "") {
		return values
	}
	return nil
}

// headerValues are those of a header of a request, whose name is in its canonical form.
func headerValues(r *http.Request, name string) []string {
	switch name {
	case "Host":
		return []string{r.Host}
	case "Cookie":
		return oneCookieHeader(r.Header[name])
	}
	return r.Header[name]
}

// Headers is ctx:headers(). methods are those of the table, beside all.
func Headers(L *lua.LState, r *http.Request, methods ...luaval.Method) lua.LValue {
	h := r.Header
	for name := range single {
		checkSingle(L, name, h[name])
	}
	if _, ok := h["Host"]; !ok && r.Host != "" {
		h = maps.Clone(h)
		h["Host"] = []string{r.Host}
	}
	if cookies := h["Cookie"]; len(cookies) > 1 {
		h = maps.Clone(h)
		h["Cookie"] = oneCookieHeader(cookies)
	}
	return luaval.HeaderTable(L, h, methods...)
}

// oneCookieHeader returns several Cookie headers as one, which says the same, as net/http
// does for HTTP/2: who looks for a cookie in the first would miss those of the others.
func oneCookieHeader(values []string) []string {
	if len(values) < 2 {
		return values
	}
	return []string{strings.Join(values, "; ")}
}
