package luart

import (
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/request"
)

// ctxRewrite is ctx:rewrite(path[, query]).
func ctxRewrite(L *lua.LState) int {
	x := checkCtx(L)
	x.move(request.Rewrite(L, x.r))
	return chain(L)
}

// ctxStripPrefix is ctx:strip_prefix(prefix): it returns whether the path began with that.
func ctxStripPrefix(L *lua.LState) int {
	x := checkCtx(L)
	u := request.StripPrefix(L, x.r)
	if u != nil {
		x.move(u)
	}
	L.Push(lua.LBool(u != nil))
	return 1
}

// ctxSetQuery is ctx:set_query(key, value).
func ctxSetQuery(L *lua.LState) int {
	x := checkCtx(L)
	x.setURL(request.SetQuery(L, x.r))
	return chain(L)
}

// move makes u, which has another path, the request's.
func (x *Exchange) move(u *url.URL) {
	if x.came == nil {
		x.came = x.r.URL
	}
	x.setURL(u)
	x.rewritten = true
	x.aimAtFile()
}

// setURL makes u the request's, as Caddy's rewrite does.
func (x *Exchange) setURL(u *url.URL) {
	x.r.URL = u
	x.r.RequestURI = u.RequestURI()
}
