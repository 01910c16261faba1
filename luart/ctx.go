package luart

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/request"
)

// checkCtx returns argument 1 as ctx.
func checkCtx(L *lua.LState) *Exchange { return checkCtxAt(L, 1) }

// checkCtxAt returns argument n as ctx.
func checkCtxAt(L *lua.LState, n int) *Exchange {
	ud, ok := L.Get(n).(*lua.LUserData)
	if ok {
		switch x := ud.Value.(type) {
		case *Exchange:
			return x
		case nil:
			L.RaiseError("the request is over: ctx is valid until its handler returns")
		}
	}
	hint := ""
	if n == 1 {
		hint = " (call ctx:method() with a colon)"
	}
	luaval.ArgError(L, n, "ctx expected, got "+luaval.TypeName(L.Get(n))+hint)
	return nil
}

// ctxField is ctx.name for what is not a method. Nothing is converted before a script
// asks for it.
func ctxField(L *lua.LState) int {
	x := checkCtx(L)
	name, _ := L.Get(2).(lua.LString)
	r := x.r
	v := lua.LNil
	switch name {
	case "method":
		v = lua.LString(request.Method(r))
	case "path":
		v = lua.LString(r.URL.Path)
	case "raw_path":
		v = lua.LString(r.URL.EscapedPath())
	case "host":
		v = lua.LString(r.Host)
	case "scheme":
		v = lua.LString(request.Scheme(r))
	case "protocol":
		v = lua.LString(x.protocol())
	case "proto":
		v = lua.LString(request.Proto(r))
	case "uri":
		v = lua.LString(r.URL.RequestURI())
	case "remote_addr", "client_ip":
		v = addressValue(x.peer().clientIP)
	case "direct_remote_addr":
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			host = r.RemoteAddr
		}
		v = addressValue(host)
	case "tls":
		if r.TLS != nil {
			v = request.TLS(L, r.TLS)
		}
	}
	L.Push(v)
	return 1
}

// addressValue is an IP address, or nil for the peer of a unix socket, which has none.
func addressValue(ip string) lua.LValue {
	if ip == "" || ip == "@" {
		return lua.LNil
	}
	return lua.LString(ip)
}

// protocol is what the client speaks.
func (x *Exchange) protocol() string {
	return request.Protocol(x.r, func() bool { return x.peer().trusted })
}

// requestID returns the request's id, the same each time.
func (x *Exchange) requestID() string {
	if x.id == "" {
		x.id = request.ID(x.r)
	}
	return x.id
}

// reads is a method of ctx that reads of the request what read does.
func reads(read func(L *lua.LState, r *http.Request) lua.LValue) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(read(L, checkCtx(L).r))
		return 1
	}
}

// ctxMethods are the methods of ctx. Methods that change the request are in
// ctx_change.go, the body in ctx_body.go.
func ctxMethods(vm *VM) map[string]lua.LGFunction {
	m := map[string]lua.LGFunction{
		"next":     unlessAsked("next", unlessPicked("next", vm.next)),
		"proxy":    unlessAsked("proxy", unlessPicked("proxy", vm.proxy)),
		"header":   reads(request.Header),
		"headers":  ctxHeaders,
		"expected": vm.ctxExpected,
		"query":    ctxQuery,
		"params": func(L *lua.LState) int {
			x := checkCtx(L)
			t := L.CreateTable(0, len(x.match.Params))
			t.Metatable = paramsMeta
			for _, p := range x.match.Params {
				t.RawSetString(p.Name, lua.LString(p.Value))
			}
			L.Push(t)
			return 1
		},
		"param": func(L *lua.LState) int {
			x := checkCtx(L)
			name := luaval.CheckString(L, 2)
			for _, p := range x.match.Params {
				if p.Name == name {
					L.Push(lua.LString(p.Value))
					return 1
				}
			}
			L.Push(lua.LNil)
			return 1
		},
		"cookie":  reads(request.Cookie),
		"cookies": reads(request.Cookies),
		"request_id": func(L *lua.LState) int {
			L.Push(lua.LString(checkCtx(L).requestID()))
			return 1
		},
		"get": func(L *lua.LState) int {
			x := checkCtx(L)
			key := luaval.CheckAny(L, 2)
			v := lua.LNil
			if x.luaCtx.values != nil {
				v = x.luaCtx.values.RawGet(key)
			}
			if v == lua.LNil && len(x.facts) > 0 {
				v = x.toldFact(L, key)
			}
			L.Push(v)
			return 1
		},
		"set": func(L *lua.LState) int {
			x := checkCtx(L)
			key, value := luaval.CheckAny(L, 2), luaval.CheckAny(L, 3)
			if key == lua.LNil {
				luaval.ArgError(L, 2, "a key cannot be nil")
			}
			x.setValue(L, key, value)
			return 0
		},
		"var": func(L *lua.LState) int {
			x := checkCtx(L)
			name := luaval.CheckString(L, 2)
			x.gen.checkVar(L, name)
			v, ok := x.host.Var(x.r, name)
			if !ok {
				L.Push(lua.LNil)
				return 1
			}
			L.Push(goValue(v))
			return 1
		},
		"set_var": func(L *lua.LState) int {
			x := checkCtx(L)
			x.host.SetVar(x.r, luaval.CheckString(L, 2), scalarArgument(L, 3))
			x.decidedOutside()
			return 0
		},
		"log": func(L *lua.LState) int {
			x := checkCtx(L)
			x.log().Info(luaval.CheckString(L, 2), loglimit.Fields(L, 3)...)
			return 0
		},
		"log_field": func(L *lua.LState) int {
			x := checkCtx(L)
			x.logField(luaval.CheckString(L, 2), scalarArgument(L, 3))
			return 0
		},
	}
	for name, fn := range ctxChanges {
		m[name] = unlessAsked(name, unlessPicked(name, fn))
	}
	m["mirror"] = unlessAsked("mirror", unlessPicked("mirror", vm.mirror))
	m["body"] = unlessAsked("body", unlessUnread("body", vm.ctxBody))
	m["multipart"] = unlessAsked("multipart", unlessUnread("multipart", vm.ctxMultipart))
	m["edit_json"] = unlessAsked("edit_json", unlessPicked("edit_json", vm.ctxEditJSON))
	for name := range ReadsAll {
		m[name] = withoutName(name, m[name])
	}
	for name, method := range m {
		if !ofDone[name] {
			m[name] = unlessDone(name, method)
		}
	}
	return m
}

// checkVar raises for a placeholder that says what the script has no grant for: the config may
// read the environment and files by one.
func (g *Generation) checkVar(L *lua.LState, name string) {
	switch {
	case strings.HasPrefix(name, "env.") && !g.allowEnv:
		L.RaiseError(`ctx:var(%q): environment access is not allowed: add "allow env" to the rover block of the Caddyfile`, name)
	case strings.HasPrefix(name, "file."):
		L.RaiseError("ctx:var(%q): scripts read no files: give them what they need with set, for example set key {%s}", name, name)
	}
}

// goValue makes a Lua value of a placeholder's.
func goValue(v any) lua.LValue {
	switch v := v.(type) {
	case nil:
		return lua.LNil
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int:
		return lua.LNumber(v)
	case int64:
		return lua.LNumber(v)
	case uint64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LString(fmt.Sprint(v))
}

// scalarArgument returns argument n, a string, number, boolean or nil, as a Go value.
func scalarArgument(L *lua.LState, n int) any {
	v, ok := luaval.Scalar(L.Get(n))
	if !ok {
		luaval.ArgError(L, n, "string, number, boolean or nil expected, got "+luaval.TypeName(L.Get(n)))
	}
	return v
}

// logField adds a field to the request's line in the access log, with the limits of one entry.
// Only the holder may call it.
func (x *Exchange) logField(key string, value any) {
	if x.luaCtx.logged.full {
		return
	}
	n, took := loglimit.Width(key, loglimit.MaxKeyBytes)
	whole := n == len(key)
	key = loglimit.Cut(key, loglimit.MaxKeyBytes)
	room := max(loglimit.MaxBytes-x.luaCtx.logged.bytes-took, 0)
	if text, ok := value.(string); ok {
		n, width := loglimit.Width(text, room)
		took += width
		whole = whole && n == len(text)
		value = loglimit.Cut(text, room)
	}
	if x.luaCtx.logged.fields++; x.luaCtx.logged.fields <= loglimit.MaxFields {
		x.luaCtx.logged.bytes += took
		x.host.LogField(x.r, key, value)
	} else {
		whole = false
	}
	if !whole {
		x.luaCtx.logged.full = x.luaCtx.logged.fields > loglimit.MaxFields || x.luaCtx.logged.bytes >= loglimit.MaxBytes-utf8.UTFMax
		if !x.luaCtx.logged.cut {
			x.luaCtx.logged.cut = true
			x.host.LogField(x.r, loglimit.TruncatedField, true)
		}
	}
}

// openLog makes rover.log: debug, info, warn and error (message[, fields]).
func (g *Generation) openLog(L *lua.LState) *lua.LTable {
	t := L.NewTable()
	for name, write := range map[string]func(*zap.Logger, string, ...zap.Field){
		"debug": (*zap.Logger).Debug,
		"info":  (*zap.Logger).Info,
		"warn":  (*zap.Logger).Warn,
		"error": (*zap.Logger).Error,
	} {
		t.RawSetString(name, L.NewFunction(func(L *lua.LState) int {
			write(g.vm.cur.log(), luaval.CheckText(L, 1), append(loglimit.Fields(L, 2), zap.String("at", luaval.CallerLine(L)))...)
			return 0
		}))
	}
	return t
}

// luaCtx is what scripts know of a request as ctx. It is the holder's.
type luaCtx struct {
	ud     *lua.LUserData // made when a function wants it
	values *lua.LTable    // ctx:set
	logged struct {       // by ctx:log_field
		fields, bytes int
		cut, full     bool // something is missing; nothing more is added
	}
}

// invalidate has every use of ctx raise that the request is over. keep is for what done hooks
// get of it.
func (c *luaCtx) invalidate(keep bool) {
	if c.ud != nil {
		c.ud.Value = nil
		c.ud = nil
	}
	if !keep {
		c.values = nil
	}
}

// ctxValue returns ctx. Only the holder may call it.
func (x *Exchange) ctxValue() lua.LValue {
	if x.luaCtx.ud == nil {
		x.luaCtx.ud = luaval.NewObject(x.gen.vm.types.ctx, x)
	}
	return x.luaCtx.ud
}
