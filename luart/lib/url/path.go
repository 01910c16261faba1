package url

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/urltext"
)

// joinPath is rover.url.path(base, part, …).
func joinPath(L *lua.LState) int {
	if base := luaval.CheckText(L, 1); !strings.HasPrefix(base, "/") {
		luaval.ArgError(L, 1, "path beginning with / expected, got "+strconv.Quote(base))
	}
	n := L.GetTop()
	size := 0
	parts := make([]string, n)
	for i := range parts {
		parts[i] = luaval.CheckText(L, i+1)
		if i < n-1 {
			parts[i] = strings.TrimSuffix(parts[i], "/") // one more slash comes
		}
		size += len(parts[i]) + 1
	}
	luaval.CheckSize(L, 3*size)
	path := strings.Join(parts, "/")
	if why := urltext.LeadsElsewhere(path); why != "" {
		luaval.RaiseStatus(L, http.StatusBadRequest, "rover.url.path: "+why)
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	L.Push(lua.LString(strings.Join(segments, "/")))
	return 1
}
