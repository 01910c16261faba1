// Package proxy reads what a script says of where a request goes: the upstreams and the options of
// api.proxy, ctx:proxy, ctx:upstream and ctx:mirror. Requests are sent by others.
package proxy

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/resilience"
	"github.com/caddy-rover/rover/luart/resilience/option"
	"github.com/caddy-rover/rover/luart/urltext"
)

// To is what a script gave to api.proxy.
type To struct {
	Upstreams []string // tried in order; none only where there is Pick
	Timeout   float64  // seconds until the upstream's response head; 0: none of its own
	Tries     int      // how many upstreams to try; 0: all
	Path      string   // replaces the path; empty: unchanged
	Host      string   // replaces the Host header; empty: unchanged
	Header    http.Header
	Mirror    bool // it is a copy: whatever is answered is dropped

	Retry   *resilience.Policy   // when it is tried again; nil: as the proxy block says
	Breaker *resilience.Settings // that of each upstream is asked; nil: none is
	Guard   *resilience.Guard    // knows them; nil: only of this request

	// Pick returns the upstream of the next try, the attempt-th from 1, after those of
	// Upstreams; "" ends the tries, and so does an error. last is how the one before ended,
	// nil at first. One goroutine at a time may call it. nil: there is none.
	Pick         func(ctx context.Context, attempt int, last *TryError) (address string, err error)
	PickFunction *lua.LFunction // of the script; who has it called sets Pick
}

// TryError says how a try to hand a request over ended.
type TryError struct {
	Upstream string // its address
	Message  string
	Status   int // of a response that the server's configuration has retried; 0: there was none
}

// Table is the error as scripts get it; nil is nil.
func (e *TryError) Table(L *lua.LState) lua.LValue {
	if e == nil {
		return lua.LNil
	}
	t := L.CreateTable(0, 3)
	t.RawSetString("upstream", lua.LString(e.Upstream))
	t.RawSetString("message", lua.LString(e.Message))
	if e.Status != 0 {
		t.RawSetString("status", lua.LNumber(e.Status))
	}
	return t
}

// MaxUpstreams is how many upstreams one api.proxy or ctx:upstream may name.
const MaxUpstreams = 16

// Addresses returns argument n of f, an upstream or a list of them, as addresses. allowed says
// whether one may be used; nil: any may.
func Addresses(L *lua.LState, n int, f string, allowed func(address string) error) (addresses []string) {
	add := func(v lua.LValue) {
		s, ok := v.(lua.LString)
		if !ok {
			luaval.ArgError(L, n, "upstream address expected, got "+luaval.TypeName(v))
		}
		if allowed != nil {
			if err := allowed(string(s)); err != nil {
				L.RaiseError("%s: %s", f, err.Error())
			}
		}
		addresses = append(addresses, string(s))
	}
	switch v := L.Get(n).(type) {
	case *lua.LTable:
		count := v.Len()
		if count == 0 || count > MaxUpstreams {
			L.RaiseError("%s: a list names 1 to %d upstreams, this one %d", f, MaxUpstreams, count)
		}
		for i := 1; i <= count; i++ {
			add(v.RawGetInt(i))
		}
	default:
		add(v)
	}
	return addresses
}

// Check returns the arguments of api.proxy(to[, options]), or ctx:proxy, from argument n on.
// to may be nil with the option pick. guard is what is known of upstreams that fail.
func Check(L *lua.LState, n int, name string, allowed func(address string) error, guard *resilience.Guard) *To {
	to := &To{Guard: guard}
	if L.Get(n+1) != lua.LNil {
		proxyOptions.EachOf(L, luaval.CheckTable(L, n+1), name, func(key string, v lua.LValue) { SetOption(L, name, to, key, v) })
	}
	if to.Host != "" && to.Header["Host"] != nil {
		L.RaiseError("%s: option host and the header Host of option headers are both given: one counts", name)
	}
	if to.PickFunction == nil || L.Get(n) != lua.LNil {
		to.Upstreams = Addresses(L, n, name, allowed)
	}
	return to
}

// SetOption reads an option of what the script calls as name.
func SetOption(L *lua.LState, name string, to *To, key string, v lua.LValue) {
	ok := false
	switch key {
	case "timeout":
		var n lua.LNumber
		n, ok = v.(lua.LNumber)
		ok = ok && n > 0 && !math.IsInf(float64(n), 1)
		to.Timeout = float64(n)
	case "tries":
		var n lua.LNumber
		n, ok = v.(lua.LNumber)
		ok = ok && n >= 1 && n == lua.LNumber(int(n))
		to.Tries = int(n)
	case "path":
		if to.Path, ok = luaval.StringValue(v); ok {
			to.Path = checkProxyPath(L, name, to.Path)
		}
	case "host":
		to.Host, ok = luaval.StringValue(v)
		ok = ok && luaval.ValidHost(to.Host)
	case "headers":
		var t *lua.LTable
		if t, ok = v.(*lua.LTable); ok {
			to.Header = luaval.CheckRequestHeaders(L, t, func(why string) { L.RaiseError("%s: %s", name, why) })
			for _, header := range [...]string{"Proxy-Authorization", "Proxy-Authenticate", "Proxy-Connection"} {
				if to.Header[header] != nil {
					L.RaiseError("%s: %s is for one connection only: it is set by header_up in the proxy block", name, header)
				}
			}
		}
	case "retry":
		to.Retry, ok = option.Retry(L, v, func(why string) { L.RaiseError("%s: %s", name, why) }), true
	case "breaker":
		to.Breaker, ok = option.Breaker(L, v, func(why string) { L.RaiseError("%s: %s", name, why) }), true
	case "pick":
		to.PickFunction, ok = v.(*lua.LFunction)
	}
	if !ok {
		L.RaiseError("%s: option %s: %s expected, got %s", name, key, wanted[key], luaval.Show(v))
	}
}

// wanted is what options are to be.
var wanted = map[string]string{
	"timeout": "seconds above 0", "tries": "a whole number from 1", "path": "a path that begins with /", "host": "a host, with a port or without",
	"headers": "a table of headers", "pick": "a function",
}

// checkProxyPath returns the option path of f, "path[?query]", as it is sent.
func checkProxyPath(L *lua.LState, f, text string) string {
	if !strings.HasPrefix(text, "/") {
		L.RaiseError("%s: option path: a path that begins with / expected, got %s", f, text)
	}
	path, query, hasQuery := strings.Cut(text, "?")
	_, sent, err := urltext.ReadPath(path)
	if err == nil && hasQuery {
		if err = urltext.CheckQueryText(query); err != nil {
			err = fmt.Errorf("query: %w", err)
		}
		sent += "?" + query
	}
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, f+": option path: "+err.Error())
	}
	return sent
}

var proxyOptions = option.Among(luaval.NewOptions("timeout", "headers", "path", "host", "tries", "pick", "retry", "breaker")).
	Judged(func(L *lua.LState, f, name string, v lua.LValue) { SetOption(L, f, new(To), name, v) })

// Options are the options of the functions that hand requests over, by the function as scripts
// call it.
var Options = map[string]luaval.OptionsAt{"api.proxy": proxyOptions.At(2), "ctx:proxy": proxyOptions.At(2)}
