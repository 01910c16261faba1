package luart

import (
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// ctxChanges are the methods of ctx that change the request before it goes on. They
// return ctx, so that they can be chained.
var ctxChanges = map[string]lua.LGFunction{
	"set_header": func(L *lua.LState) int {
		x := checkCtx(L)
		name, value := luaval.CheckHeader(L, 2)
		if name == "Host" {
			if !luaval.ValidHost(value) {
				luaval.ArgError(L, 3, strconv.Quote(value)+" is not a host")
			}
			x.r.Host = value
		} else {
			luaval.CheckFraming(L, 2, name)
			x.warnForwarded(L, name)
			x.decided(name)
			x.r.Header[name] = []string{value}
		}
		return chain(L)
	},
	"add_header": func(L *lua.LState) int {
		x := checkCtx(L)
		name, value := luaval.CheckHeader(L, 2)
		luaval.CheckFraming(L, 2, name)
		if name == "Host" {
			luaval.ArgError(L, 2, "a request has one Host: use set_host")
		}
		x.warnForwarded(L, name)
		x.decided(name)
		x.r.Header[name] = append(x.r.Header[name], value)
		return chain(L)
	},
	"remove_header": func(L *lua.LState) int {
		x := checkCtx(L)
		name := luaval.CheckHeaderName(L, 2)
		luaval.CheckFraming(L, 2, name)
		if name == "Host" {
			luaval.ArgError(L, 2, "a request has a Host: use set_host")
		}
		x.decided(name)
		delete(x.r.Header, name)
		return chain(L)
	},
	"set_method": func(L *lua.LState) int {
		x := checkCtx(L)
		method := luaval.CheckString(L, 2)
		if !httpguts.ValidHeaderFieldName(method) {
			luaval.ArgError(L, 2, strconv.Quote(method)+" is not a method")
		}
		x.r.Method = strings.ToUpper(method)
		return chain(L)
	},
	"rewrite":      ctxRewrite,
	"strip_prefix": ctxStripPrefix,
	"set_query":    ctxSetQuery,
	"set_host": func(L *lua.LState) int {
		x := checkCtx(L)
		host := luaval.CheckString(L, 2)
		if !luaval.ValidHost(host) {
			luaval.ArgError(L, 2, strconv.Quote(host)+" is not a host")
		}
		x.r.Host = host
		return chain(L)
	},
	// upstream(to): the upstreams that a reverse_proxy with dynamic rover uses, if the
	// request is passed on to one, also by ctx:next. A later call replaces them.
	"upstream": func(L *lua.LState) int {
		x := checkCtx(L)
		if x.outcome.replied {
			L.RaiseError("ctx:upstream: there is a response already: call it before")
		}
		to := proxy.Addresses(L, 2, "ctx:upstream", x.gen.checkUpstream)
		x.checkPlace(L, nil)
		for _, address := range to[1:] {
			if a, b := addressScheme(to[0]), addressScheme(address); a != b {
				L.RaiseError("ctx:upstream: the upstreams of a list have one scheme, these have %q and %q", a, b)
			}
		}
		x.forward.upstreams = to
		return chain(L)
	},
	"set_body": func(L *lua.LState) int {
		x := checkCtx(L)
		x.setBody([]byte(luaval.CheckString(L, 2)))
		return chain(L)
	},
}

// setBody makes b the request's body. What headers say of the old one goes.
func (x *Exchange) setBody(b []byte) {
	r := x.r
	s := &reqbody.Spool{Mem: b, Size: int64(len(b))}
	r.Body = s.Body(nil)
	r.ContentLength = int64(len(b))
	r.TransferEncoding = nil
	r.Header["Content-Length"] = []string{strconv.Itoa(len(b))}
	for _, name := range [...]string{"Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		delete(r.Header, name)
	}
	x.upload.body = &body{x: x, bytes: b, loaded: true, kept: s}
	x.upload.bodies = append(x.upload.bodies, x.upload.body)
}

// SetByCaddy reports whether reverse_proxy sets a header of the request itself, whatever it was.
// Any goroutine may call it.
func SetByCaddy(header string) bool {
	switch http.CanonicalHeaderKey(strings.TrimSpace(header)) {
	case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host":
		return true
	}
	return false
}

// warnForwarded logs, once, that a header will not come through that a script sets. It is for
// reverse_proxy to say who is trusted to set it: ctx cannot know who the request goes on to.
func (x *Exchange) warnForwarded(L *lua.LState, header string) {
	if x.gen.warnedForwarded || !SetByCaddy(header) {
		return
	}
	x.gen.warnedForwarded = true
	x.log().Warn("reverse_proxy sets this header itself, and drops what the script has put there",
		zap.String("header", header), zap.String("at", luaval.CallerLine(L)),
		zap.String("remedy", "give it to api.proxy in the option headers, or set it by header_up in the Caddyfile"))
}

// unlessAsked is a method of ctx that a matcher or a policy cannot use: the server asks
// one as often as it likes, and the answer must not depend on that.
func unlessAsked(name string, method lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		if x := checkCtx(L); x.asked != nil {
			L.RaiseError("ctx:%s cannot be used in a %s: do that in the script of a rover directive", name, x.asked.what)
		}
		return method(L)
	}
}

func chain(L *lua.LState) int {
	L.SetTop(1)
	return 1
}

// addressScheme returns "http" or "https", "" for an address that leaves it to the server.
func addressScheme(address string) string {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return ""
	}
	return strings.TrimPrefix(scheme, "srv+")
}
