package luart

import (
	"fmt"
	"maps"
	"net/http"
	"net/textproto"
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

// ctxHeader is ctx:header(name): the first value of that name, in any case, or nil.
func ctxHeader(L *lua.LState) int {
	x := checkCtx(L)
	name := http.CanonicalHeaderKey(L.CheckString(2))
	if name == "Host" {
		L.Push(lua.LString(x.r.Host))
		return 1
	}
	values := x.r.Header[name]
	checkSingle(L, name, values)
	if name == "Cookie" {
		values = oneCookieHeader(values)
	}
	L.Push(luaval.FirstValue(values))
	return 1
}

// ctxHeaders is ctx:headers().
func ctxHeaders(L *lua.LState) int {
	x := checkCtx(L)
	h := x.r.Header
	for name := range single {
		checkSingle(L, name, h[name])
	}
	if _, ok := h["Host"]; !ok && x.r.Host != "" {
		h = maps.Clone(h)
		h["Host"] = []string{x.r.Host}
	}
	if cookies := h["Cookie"]; len(cookies) > 1 {
		h = maps.Clone(h)
		h["Cookie"] = oneCookieHeader(cookies)
	}
	L.Push(luaval.HeaderTable(L, h))
	return 1
}

// oneCookieHeader returns several Cookie headers as one, which says the same, as net/http
// does for HTTP/2: who looks for a cookie in the first would miss those of the others.
func oneCookieHeader(values []string) []string {
	if len(values) < 2 {
		return values
	}
	return []string{strings.Join(values, "; ")}
}

// dropConnectionHeaders removes the headers that Connection names, and Connection itself but
// for an upgrade: they were for the connection of the client. A proxy behind the script does
// that later, and would take away what the script has set under such a name.
//
// TE and what frames the body stay: they go on whatever Connection says.
func dropConnectionHeaders(h http.Header) {
	lines := h["Connection"]
	if len(lines) == 0 {
		return
	}
	upgrade := false
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = http.CanonicalHeaderKey(textproto.TrimString(name)); name {
			case "Upgrade":
				upgrade = true
			case "Te", "Trailer", "Content-Length", "Transfer-Encoding":
			default:
				delete(h, name)
			}
		}
	}
	if !upgrade || len(h["Upgrade"]) == 0 || upgradesToHTTP(h["Upgrade"]) {
		delete(h, "Connection")
		delete(h, "Upgrade")
		delete(h, "Http2-Settings")
		return
	}
	h["Connection"] = []string{"Upgrade"}
}

// upgradesToHTTP reports whether an Upgrade offers HTTP again (h2c, HTTP/2.0, TLS/1.0 with HTTP in
// it). What is behind would take requests through the tunnel that no hook has seen; a server may
// always answer such an offer as if it had not been made.
func upgradesToHTTP(upgrade []string) bool {
	for _, line := range upgrade {
		for protocol := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(strings.ToLower(textproto.TrimString(protocol)), "/")
			switch name {
			case "h2c", "h2", "h3", "http", "https", "tls":
				return true
			}
		}
	}
	return false
}

// withoutConnectionHeaders is r as the upstream gets it. r itself, which is not the caller's,
// stays as it is.
func withoutConnectionHeaders(r *http.Request) *http.Request {
	if len(r.Header["Connection"]) == 0 {
		return r
	}
	c := *r
	c.Header = maps.Clone(r.Header)
	dropConnectionHeaders(c.Header)
	return &c
}
