package luart

import (
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/route"
)

// Functions send requests on by what they return, and by methods of ctx. All of them ask leavesPlace:
// what is sent on must be in the place of the function for whoever gets it, so that a place says what
// of a server may be reached.

// leavesPlace reports whether the request, sent on by h, may be for another place than that of h. to
// is where it goes, nil to the next handler. A path that the script itself gives may be anywhere, if
// nobody can read it as another one; but most are made of what the client has sent, which must be
// below the place of h, if any of it is. Only the holder may call it.
func (x *Exchange) leavesPlace(h *handler, to *proxy.To) bool {
	came, given := x.r.URL, ""
	if x.came != nil {
		came, given = x.came, x.r.URL.EscapedPath()
	}
	if to != nil && to.Path != "" {
		given, _, _ = strings.Cut(to.Path, "?")
	}
	switch {
	case h == x.match.Handler: // its path has been looked at when it was found
		return false
	case given != "":
		return route.MayHaveDots(given) || x.match.HookUnclear(h, came)
	}
	return x.match.HookLeaves(h, came)
}

// checkPlace raises a 400 in L if leavesPlace says so of the function that runs. Only the holder may
// call it.
func (x *Exchange) checkPlace(L *lua.LState, to *proxy.To) {
	if x.leavesPlace(x.running, to) {
		luaval.RaiseStatus(L, http.StatusBadRequest, manyReadings)
	}
}
