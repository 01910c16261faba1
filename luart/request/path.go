package request

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// withPath returns the URL of r with a path, escaped as in a URL, and a query. What cannot be read in
// one way raises a 400: most often it was a client's bytes that made it.
func withPath(L *lua.LState, r *http.Request, what, path, query string) *url.URL {
	decoded, sent, err := urltext.ReadPath(path)
	if err != nil {
		luaval.RaiseStatus(L, http.StatusBadRequest, what+": "+err.Error())
	}
	u := *r.URL
	u.Opaque, u.RawQuery = "", query
	u.Path, u.RawPath = decoded, ""
	if u.EscapedPath() != sent {
		u.RawPath = sent
	}
	return &u
}

// Rewrite returns the URL of r as ctx:rewrite(path[, query]) says: path is escaped as in a URL; query
// without "?".
// Without query the old one stays. A path or a query that cannot be read in one way raises
// a 400.
func Rewrite(L *lua.LState, r *http.Request) *url.URL {
	path := luaval.CheckString(L, 2)
	if !strings.HasPrefix(path, "/") {
		luaval.ArgError(L, 2, "path beginning with / expected, got "+strconv.Quote(path)+" (ctx:strip_prefix takes a prefix off)")
	}
	query := r.URL.RawQuery
	if L.Get(3) != lua.LNil {
		query = luaval.CheckString(L, 3)
		if err := urltext.CheckQueryText(query); err != nil {
			luaval.RaiseStatus(L, http.StatusBadRequest, "ctx:rewrite: query: "+err.Error())
		}
	}
	return withPath(L, r, "ctx:rewrite", path, query)
}

// StripPrefix returns the URL of r as ctx:strip_prefix(prefix) says: without whole segments at the
// beginning of the path, however they are escaped; nil where it does not begin with them. The rest
// stays as it is escaped.
func StripPrefix(L *lua.LState, r *http.Request) *url.URL {
	prefix := strings.TrimSuffix(luaval.CheckString(L, 2), "/")
	if !strings.HasPrefix(prefix, "/") {
		luaval.ArgError(L, 2, "prefix beginning with / and a segment expected, got "+strconv.Quote(luaval.CheckString(L, 2)))
	}
	rest, ok := "", r.URL.Opaque == ""
	if ok {
		rest, ok = urltext.StripPrefix(r.URL.EscapedPath(), prefix)
	}
	if !ok {
		return nil
	}
	return withPath(L, r, "ctx:strip_prefix", rest, r.URL.RawQuery)
}
