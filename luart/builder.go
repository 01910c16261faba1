package luart

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/urltext"
)

// addBuilders gives the script what makes responses. Only the holder may call it.
func (g *Generation) addBuilders() {
	add := g.api.AddBuilder
	// With content(at) a response's body, type and error come from argument at, and what of the
	// arguments from more on says of the response is its status and headers.
	simple := func(name string, more int, content func(L *lua.LState, at int, r *response)) {
		add(name, func(L *lua.LState) int {
			r := &response{status: 200, byDefault: true}
			content(L, 1, r)
			r.checkMore(L, more)
			return g.pushResponse(L, r)
		}, map[string]lua.LGFunction{"status": func(L *lua.LState) int {
			r := &response{status: checkStatus(L, 1)}
			content(L, 2, r)
			return g.pushResponse(L, r)
		}})
	}
	simple("json", 2, func(L *lua.LState, at int, r *response) {
		body, err := jsonlua.Append(luaval.BudgetOf(L), nil, luaval.CheckAny(L, at))
		if err != nil {
			L.RaiseError("api.json: %s", err.Error())
		}
		r.body, r.ctype = body, typeJSON
	})
	simple("text", 2, func(L *lua.LState, at int, r *response) {
		r.body, r.ctype = []byte(luaval.CheckText(L, at)), typeText
	})
	simple("raw", 3, func(L *lua.LState, at int, r *response) {
		r.body, r.ctype = []byte(luaval.CheckString(L, at)), typeRaw
		switch L.Get(at + 1).(type) {
		case *lua.LNilType:
		case lua.LNumber:
			luaval.ArgError(L, at+1, "content type expected, got number; the status comes behind it")
		default:
			r.ctype = checkContentType(L, at+1)
		}
	})
	add("html", func(L *lua.LState) int { return g.html(L, response{status: 200, byDefault: true}, 1, 2) },
		map[string]lua.LGFunction{"status": func(L *lua.LState) int { return g.html(L, response{status: checkStatus(L, 1)}, 2, 0) }})
	redirect := func(status func(*lua.LState) int, at, more int) lua.LGFunction {
		return func(L *lua.LState) int {
			r := &response{status: status(L)}
			url := luaval.CheckString(L, at)
			if url == "" || strings.ContainsFunc(url, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
				luaval.ArgError(L, at, "URL without control characters expected, got "+strconv.Quote(url))
			}
			r.headerMap()["Location"] = []string{urltext.EscapeReference(url)}
			if more > 0 {
				if L.Get(more) != lua.LNil {
					r.status = checkRedirect(L, more)
				}
				r.checkMoreHeaders(L, more+1)
			}
			return g.pushResponse(L, r)
		}
	}
	always := func(status int) func(*lua.LState) int { return func(*lua.LState) int { return status } }
	add("redirect", redirect(always(302), 1, 2), map[string]lua.LGFunction{
		"permanent": redirect(always(301), 1, 0),
		"status":    redirect(func(L *lua.LState) int { return checkRedirect(L, 1) }, 2, 0),
	})
	g.api.AddColonBuilder("error", "api:error(status, message)", func(L *lua.LState) int {
		status := checkStatus(L, 1)
		message, headers := checkErrorValue(L, 2)
		var faults []byte
		if raised, ok := L.Get(2).(*lua.LTable); ok {
			faults = scripterror.Faults(g.vm.budget, raised)
		}
		r := faultsResponse(status, message, faults)
		if headers != nil {
			r.setAll(headers)
		}
		if r.checkErrorOptions(L, 3) {
			if r.status < 400 {
				luaval.ArgError(L, 1, "status between 400 and 599 expected for handle = true, got "+strconv.Itoa(r.status))
			}
			r.handled = &ScriptError{Status: r.status, Message: message, Deliberate: true, Handle: true}
		}
		return g.pushResponse(L, &r)
	})
	g.api.AddColonBuilder(chunk.NodeBuilder, "api:at(pattern)", g.api.At)
	streamBuilders(g, add)
	add("no_content", func(L *lua.LState) int { return g.pushResponse(L, &response{status: 204}) }, nil)
	add("pass", func(L *lua.LState) int { return g.pushResponse(L, &response{decision: Pass, status: 200}) }, nil)
	add("idempotent", g.newIdempotent, nil)
	add("proxy", func(L *lua.LState) int {
		return g.pushResponse(L, &response{decision: Proxy, status: 200, proxy: g.checkProxy(L, 1, "api.proxy")})
	}, nil)
}

func (g *Generation) pushResponse(L *lua.LState, r *response) int {
	L.Push(luaval.NewObject(g.vm.types.response, r))
	return 1
}

// html is api.html(s), and api.html(data)[[template]]. Status and headers are what the arguments from
// more on say, if that is not 0.
func (g *Generation) html(L *lua.LState, r response, at, more int) int {
	r.ctype = typeHTML
	if more > 0 {
		r.checkMore(L, more)
	}
	if data, ok := L.Get(at).(*lua.LTable); ok {
		L.Push(L.NewFunction(func(L *lua.LState) int {
			text, err := g.templates.Render(L, data, luaval.CheckString(L, 1))
			if err != nil {
				L.RaiseError("%s", err.Error())
			}
			r := r // the template may be filled in again
			r.header = r.header.Clone()
			r.body = []byte(text)
			return g.pushResponse(L, &r)
		}))
		return 1
	}
	text, ok := html.Text(L.Get(at))
	if !ok {
		text = luaval.CheckText(L, at)
	}
	r.body = []byte(text)
	return g.pushResponse(L, &r)
}

// maxUpstreams is how many upstreams one api.proxy or ctx:upstream may name.
const maxUpstreams = 16

// checkAddresses returns argument n of f, an upstream or a list of them, as addresses.
func (g *Generation) checkAddresses(L *lua.LState, n int, f string) (addresses []string) {
	add := func(v lua.LValue) {
		s, ok := v.(lua.LString)
		if !ok {
			luaval.ArgError(L, n, "upstream address expected, got "+luaval.TypeName(v))
		}
		if g.checkUpstream != nil {
			if err := g.checkUpstream(string(s)); err != nil {
				L.RaiseError("%s: %s", f, err.Error())
			}
		}
		addresses = append(addresses, string(s))
	}
	switch v := L.Get(n).(type) {
	case *lua.LTable:
		count := v.Len()
		if count == 0 || count > maxUpstreams {
			L.RaiseError("%s: a list names 1 to %d upstreams, this one %d", f, maxUpstreams, count)
		}
		for i := 1; i <= count; i++ {
			add(v.RawGetInt(i))
		}
	default:
		add(v)
	}
	return addresses
}

// checkProxy returns the arguments of api.proxy(to[, options]), or ctx:proxy, from argument n on.
// to may be nil with the option pick.
func (g *Generation) checkProxy(L *lua.LState, n int, name string) *ProxyTo {
	to := &ProxyTo{}
	if L.Get(n+1) != lua.LNil {
		proxyOptions.EachOf(L, luaval.CheckTable(L, n+1), name, func(key string, v lua.LValue) { setProxyOption(L, name, to, key, v) })
	}
	if to.pick == nil || L.Get(n) != lua.LNil {
		to.Upstreams = g.checkAddresses(L, n, name)
	}
	return to
}

func setProxyOption(L *lua.LState, name string, to *ProxyTo, key string, v lua.LValue) {
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
		}
	case "pick":
		to.pick, ok = v.(*lua.LFunction)
	}
	if !ok {
		L.RaiseError("%s: option %s cannot be a %s (%s)", name, key, luaval.TypeName(v), v.String())
	}
}
