package http

import (
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// The options of a request; of rover.http.request, where method and url are among them; and of
// rover.http.create.
var (
	ofRequest = luaval.NewOptions(
		"body", "form", "headers", "json", "max_body", "params", "redirects", "stream", "timeout", "timeout_ms",
	).Elsewhere(notOfRequest)

	ofWhole = luaval.NewOptions(append([]string{"method", "url"}, ofRequest.Names()...)...).Elsewhere(notOfRequest)

	ofClient = luaval.NewOptions(
		"base_url", "baseURL", "ca", "cert", "headers", "insecure", "key", "max_body", "redirects", "timeout", "timeout_ms",
	)
)

// notOfRequest says where to find what others have as options of a request.
var notOfRequest = map[string]string{
	"ca": ofCreate, "cert": ofCreate, "insecure": ofCreate, "key": ofCreate, "base_url": ofCreate, "baseURL": ofCreate,
	"method": ofWholeOnly, "url": ofWholeOnly,
	"query": "the query is params", "data": "a body is body, json or form",
}

const (
	ofCreate    = "it is one of rover.http.create"
	ofWholeOnly = "it is one of rover.http.request"
)

// optionsOf are the options of the functions of rover.http, and of the methods of its clients.
func optionsOf() map[string]luaval.OptionsAt {
	all := map[string]luaval.OptionsAt{"create": ofClient.At(1)}
	for name := range verbs {
		at := ofRequest.At(2)
		switch name {
		case "post", "put", "patch":
			at = ofRequest.At(2, 3)
		case "request":
			at = ofWhole.At(1)
		}
		all[name], all["HTTP client:"+name] = at, at
	}
	return all
}

// checkMeant raises for argument n when it is a table of options none of which there is: it is
// what somebody wants to send.
func checkMeant(L *lua.LState, n int, t *lua.LTable) {
	const instead = "; to send a table as JSON write { json = … }"
	why := ""
	var p luaval.Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		name, ok := k.(lua.LString)
		switch {
		case v == lua.LNil:
		case !ok:
			why = "options by name expected, got a " + luaval.TypeName(k) + " as a name"
		case slices.Contains(ofRequest.Names(), string(name)) || notOfRequest[string(name)] != "":
			return
		default:
			why = ofRequest.Unknown(string(name))
		}
	}
	if why != "" {
		luaval.ArgError(L, n, why+instead)
	}
}

// timeLimit is a timeout while the options are read, one of which may say it.
type timeLimit struct{ option string }

// read returns v, the option name in argument n: timeout in seconds, or timeout_ms.
func (l *timeLimit) read(L *lua.LState, n int, name string, v lua.LValue) time.Duration {
	if l.option != "" {
		luaval.ArgError(L, n, "options timeout and timeout_ms: one of the two expected, got both")
	}
	l.option = name
	unit, units := time.Second, "seconds"
	if name == "timeout_ms" {
		unit, units = time.Millisecond, "milliseconds"
	}
	most := float64(maxTimeout / unit)
	t, ok := v.(lua.LNumber)
	if !ok || !(t > 0 && float64(t) <= most) {
		luaval.ArgError(L, n, fmt.Sprintf("option %s: %s above 0, up to %.0f, expected, got %s", name, units, most, v))
	}
	return max(time.Duration(float64(t)*float64(unit)), 1)
}
