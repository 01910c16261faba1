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
)

// builder is api.json, api.text, …: called it makes a response, and it may have
// methods such as status.
type builder struct {
	gen    *Generation
	name   string
	colon  bool           // it is called with a colon
	call   lua.LGFunction // gets the builder first, as methods do
	method map[string]*lua.LFunction
}

// does says what the builder is for.
func (b *builder) does() string {
	if b.name == chunk.NodeBuilder {
		return "names a path"
	}
	return "builds responses"
}

func builderIndex(L *lua.LState) int {
	b := luaval.CheckUserData(L, 1).Value.(*builder)
	if fn := b.method[L.Get(2).String()]; fn != nil {
		L.Push(fn)
		return 1
	}
	key := L.Get(2).String()
	root := b.gen.api.Value.(*apiNode)
	L.RaiseError("api.%s%s: api.%[1]s %[3]s and has no such method%[4]s%[2]s", b.name, luaKey(key), b.does(), root.insteadOf(b.name))
	return 0
}

func builderCall(L *lua.LState) int { return luaval.CheckUserData(L, 1).Value.(*builder).call(L) }

// newBuilders makes the response builders of a generation. Only the holder may call it.
func newBuilders(g *Generation) map[string]*lua.LUserData {
	L := g.vm.main
	list := map[string]*lua.LUserData{}
	add := func(name string, call lua.LGFunction, methods map[string]lua.LGFunction) {
		b := &builder{gen: g, name: name, call: call, method: map[string]*lua.LFunction{}}
		for m, fn := range methods {
			b.method[m] = L.NewFunction(func(L *lua.LState) int {
				if ud, ok := L.Get(1).(*lua.LUserData); !ok || ud.Value != any(b) {
					L.RaiseError("call api.%s:%s(…) with a colon", name, m)
				}
				return fn(L)
			})
		}
		list[name] = luaval.NewObject(g.vm.types.builder, b)
	}
	// With content(at) a response's body, type and error come from argument at.
	simple := func(name string, content func(L *lua.LState, at int, r *response)) {
		add(name, func(L *lua.LState) int {
			r := &response{status: 200, byDefault: true}
			content(L, 2, r)
			return g.pushResponse(L, r)
		}, map[string]lua.LGFunction{"status": func(L *lua.LState) int {
			r := &response{status: checkStatus(L, 2)}
			content(L, 3, r)
			return g.pushResponse(L, r)
		}})
	}
	simple("json", func(L *lua.LState, at int, r *response) {
		body, err := jsonlua.Append(luaval.BudgetOf(L), nil, luaval.CheckAny(L, at))
		if err != nil {
			L.RaiseError("api.json: %s", err.Error())
		}
		r.body, r.ctype = body, typeJSON
	})
	simple("text", func(L *lua.LState, at int, r *response) {
		r.body, r.ctype = []byte(luaval.CheckText(L, at)), typeText
	})
	simple("raw", func(L *lua.LState, at int, r *response) {
		r.body, r.ctype = []byte(luaval.CheckString(L, at)), typeRaw
		if ctype := L.Get(at + 1); ctype != lua.LNil {
			r.ctype = checkContentType(L, at+1)
		}
	})
	add("html", func(L *lua.LState) int { return g.html(L, response{status: 200, byDefault: true}, 2) },
		map[string]lua.LGFunction{"status": func(L *lua.LState) int { return g.html(L, response{status: checkStatus(L, 2)}, 3) }})
	redirect := func(L *lua.LState, status, at int) int {
		if status < 300 || status > 399 {
			luaval.ArgError(L, 2, "status between 300 and 399 expected, got "+strconv.Itoa(status))
		}
		url := luaval.CheckString(L, at)
		if url == "" || strings.ContainsFunc(url, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			luaval.ArgError(L, at, "URL without control characters expected, got "+strconv.Quote(url))
		}
		r := &response{status: status}
		r.headerMap()["Location"] = []string{url}
		return g.pushResponse(L, r)
	}
	add("redirect", func(L *lua.LState) int { return redirect(L, 302, 2) }, map[string]lua.LGFunction{
		"permanent": func(L *lua.LState) int { return redirect(L, 301, 2) },
		"status":    func(L *lua.LState) int { return redirect(L, checkStatus(L, 2), 3) },
	})
	add("error", func(L *lua.LState) int {
		// api:error(status, message) arrives as (builder, api, status, message).
		if ud, ok := L.Get(2).(*lua.LUserData); !ok || ud.Metatable != g.vm.types.root {
			L.RaiseError("call api:error(status, message) with a colon")
		}
		r := errorResponse(checkStatus(L, 3), luaval.CheckText(L, 4))
		if handled(L, 5) {
			if r.status < 400 {
				luaval.ArgError(L, 3, "status between 400 and 599 expected for handle = true, got "+strconv.Itoa(r.status))
			}
			r.handled = &ScriptError{Status: r.status, Message: luaval.CheckText(L, 4), Deliberate: true, Handle: true}
		}
		return g.pushResponse(L, &r)
	}, nil)
	add(chunk.NodeBuilder, g.at, nil)
	for _, name := range [...]string{"error", chunk.NodeBuilder} {
		list[name].Value.(*builder).colon = true
	}
	streamBuilders(g, add)
	add("no_content", func(L *lua.LState) int { return g.pushResponse(L, &response{status: 204}) }, nil)
	add("pass", func(L *lua.LState) int { return g.pushResponse(L, &response{decision: Pass, status: 200}) }, nil)
	add("proxy", func(L *lua.LState) int {
		return g.pushResponse(L, &response{decision: Proxy, status: 200, proxy: g.checkProxy(L, "api.proxy")})
	}, nil)
	return list
}

// handled returns the option handle in argument n, a table or nil.
func handled(L *lua.LState, n int) (handle bool) {
	if L.Get(n) == lua.LNil {
		return false
	}
	errorOptions.EachOf(L, luaval.CheckTable(L, n), "api:error", func(_ string, v lua.LValue) {
		b, ok := v.(lua.LBool)
		if !ok {
			L.RaiseError("api:error: option handle can be true or false, not %s (%s)", luaval.TypeName(v), v.String())
		}
		handle = bool(b)
	})
	return handle
}

func (g *Generation) pushResponse(L *lua.LState, r *response) int {
	L.Push(luaval.NewObject(g.vm.types.response, r))
	return 1
}

// html is api.html(s), and api.html(data)[[template]].
func (g *Generation) html(L *lua.LState, r response, at int) int {
	r.ctype = typeHTML
	if data, ok := L.Get(at).(*lua.LTable); ok {
		L.Push(L.NewFunction(func(L *lua.LState) int {
			text, err := g.templates.Render(L, data, luaval.CheckString(L, 1))
			if err != nil {
				L.RaiseError("%s", err.Error())
			}
			r := r // the template may be filled in again
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

// checkAddresses returns value n of f's arguments, an upstream or a list of them, as
// addresses. Messages number it arg.
func (g *Generation) checkAddresses(L *lua.LState, n, arg int, f string) (addresses []string) {
	add := func(v lua.LValue) {
		s, ok := v.(lua.LString)
		if !ok {
			luaval.ArgError(L, arg, "upstream address expected, got "+luaval.TypeName(v))
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
		n := v.Len()
		if n == 0 || n > maxUpstreams {
			L.RaiseError("%s: a list names 1 to %d upstreams, this one %d", f, maxUpstreams, n)
		}
		for i := 1; i <= n; i++ {
			add(v.RawGetInt(i))
		}
	default:
		add(v)
	}
	return addresses
}

// checkProxy returns the arguments of api.proxy(to[, options]), or ctx:proxy. to may be nil
// with the option pick.
func (g *Generation) checkProxy(L *lua.LState, name string) *ProxyTo {
	to := &ProxyTo{}
	if L.Get(3) != lua.LNil {
		proxyOptions.EachOf(L, luaval.CheckTable(L, 3), name, func(key string, v lua.LValue) { setProxyOption(L, name, to, key, v) })
	}
	if to.pick == nil || L.Get(2) != lua.LNil {
		to.Upstreams = g.checkAddresses(L, 2, 1, name)
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
