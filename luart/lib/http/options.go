package http

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/resilience"
	"github.com/caddy-rover/rover/luart/resilience/option"
)

// The options of a request; of rover.http.request, where method and url are among them; and of
// rover.http.create.
var (
	ofRequest = option.Among(luaval.NewOptions(
		"body", "breaker", "form", "headers", "json", "max_body", "params", "redirects", "retry", "stream", "timeout", "timeout_ms",
	)).Elsewhere(notOfRequest)

	ofWhole = option.Among(luaval.NewOptions(append([]string{"method", "url"}, ofRequest.Names()...)...)).Elsewhere(notOfRequest)

	ofClient = option.Among(luaval.NewOptions(
		"base_url", "baseURL", "breaker", "ca", "cert", "headers", "insecure", "key", "max_body", "redirects", "retry", "timeout", "timeout_ms",
	)).Narrowing("ca")
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

// withData are the options of functions that send a body.
var withData = luaval.OptionsAt{Options: ofRequest, Args: []int{2, 3}, Else: "to send a table as JSON write { json = … }"}

// optionsOf are the options of the functions of rover.http, and of the methods of its clients.
func optionsOf() map[string]luaval.OptionsAt {
	all := map[string]luaval.OptionsAt{"create": ofClient.At(1)}
	for name := range verbs {
		at := ofRequest.At(2)
		switch name {
		case "post", "put", "patch":
			at = withData
		case "request":
			at = ofWhole.At(1)
		}
		all[name], all["HTTP client:"+name] = at, at
	}
	return all
}

// checkMeant raises for argument n, which comes last, when it is a table of options none of which
// there is: it is what somebody wants to send.
func checkMeant(L *lua.LState, n int, t *lua.LTable) {
	why := ""
	var names []string
	var p luaval.Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		if name, ok := k.(lua.LString); ok && v != lua.LNil {
			names = append(names, string(name))
			why = ofRequest.Unknown(string(name))
		} else if v != lua.LNil {
			why = "options by name expected, got a " + luaval.TypeName(k) + " as a name"
		}
	}
	if meant := withData.Meant(2, names); why != "" && meant != "" {
		luaval.ArgError(L, n, why+"; "+meant)
	}
}

// readFailing reads the option retry or breaker in argument n.
func readFailing(L *lua.LState, n int, key string, v lua.LValue, retry **resilience.Policy, breaker **resilience.Settings) {
	fail := func(why string) { luaval.ArgError(L, n, why) }
	if key == "retry" {
		*retry = option.Retry(L, v, fail)
		return
	}
	*breaker = option.Breaker(L, v, fail)
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
		luaval.ArgError(L, n, fmt.Sprintf("option %s: %s above 0, up to %.0f, expected, got %s", name, units, most, luaval.Show(v)))
	}
	return max(time.Duration(float64(t)*float64(unit)), 1)
}
