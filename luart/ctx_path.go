package luart

import (
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// raisePathError answers with a 400: most often it was a client's bytes that made the path.
func raisePathError(L *lua.LState, what string, err error) {
	luaval.RaiseStatus(L, http.StatusBadRequest, what+": "+err.Error())
}

// setPath makes path, escaped as in a URL, and query the request's.
func (x *Exchange) setPath(L *lua.LState, what, path, query string) {
	decoded, sent, err := urltext.ReadPath(path)
	if err != nil {
		raisePathError(L, what, err)
	}
	u := *x.r.URL
	u.Opaque, u.RawQuery = "", query
	u.Path, u.RawPath = decoded, ""
	if u.EscapedPath() != sent {
		u.RawPath = sent
	}
	x.setURL(&u)
	x.rewritten = true
}

// ctxRewrite is ctx:rewrite(path[, query]): path is escaped as in a URL; query without "?".
// Without query the old one stays. A path or a query that cannot be read in one way raises
// a 400.
func ctxRewrite(L *lua.LState) int {
	x := checkCtx(L)
	path := luaval.CheckString(L, 2)
	if !strings.HasPrefix(path, "/") {
		luaval.ArgError(L, 2, "path beginning with / expected, got "+strconv.Quote(path)+" (ctx:strip_prefix takes a prefix off)")
	}
	query := x.r.URL.RawQuery
	if L.Get(3) != lua.LNil {
		query = luaval.CheckString(L, 3)
		if err := urltext.CheckQueryText(query); err != nil {
			luaval.RaiseStatus(L, http.StatusBadRequest, "ctx:rewrite: query: "+err.Error())
		}
	}
	x.setPath(L, "ctx:rewrite", path, query)
	return chain(L)
}

// ctxStripPrefix is ctx:strip_prefix(prefix): it takes whole segments off the beginning of
// the path, however they are escaped, and returns true; false, and nothing has changed,
// where the path does not begin with them. The rest stays as it is escaped.
func ctxStripPrefix(L *lua.LState) int {
	x := checkCtx(L)
	prefix := strings.TrimSuffix(luaval.CheckString(L, 2), "/")
	if !strings.HasPrefix(prefix, "/") {
		luaval.ArgError(L, 2, "prefix beginning with / and a segment expected, got "+strconv.Quote(luaval.CheckString(L, 2)))
	}
	rest, ok := "", x.r.URL.Opaque == ""
	if ok {
		rest, ok = urltext.StripPrefix(x.r.URL.EscapedPath(), prefix)
	}
	if ok {
		x.setPath(L, "ctx:strip_prefix", rest, x.r.URL.RawQuery)
	}
	L.Push(lua.LBool(ok))
	return 1
}
