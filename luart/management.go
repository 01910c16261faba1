package luart

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
)

// management is the document of the script on its own site: rover.server{ docs = true, … }.
type management struct {
	docs, open    bool
	prefix, token string

	site     *openapi.Site // nil: there is none
	document func() ([]byte, error)
}

// managementOption reads docs and the options of management; ok = false for another one.
func (g *Generation) managementOption(L *lua.LState, name string, v lua.LValue) (ok bool) {
	m := &g.management
	flag := func(to *bool) {
		if v != lua.LTrue && v != lua.LFalse {
			L.RaiseError("rover.server: %s should be a boolean, not a %s", name, luaval.TypeName(v))
		}
		*to = v == lua.LTrue
	}
	switch name {
	case "docs":
		flag(&m.docs)
	case "allow_unauthenticated_management":
		flag(&m.open)
	case "management_prefix":
		prefix, _ := v.(lua.LString)
		m.prefix = string(prefix)
		if !strings.HasPrefix(m.prefix, "/") {
			L.RaiseError("rover.server: management_prefix must start with '/'")
		}
		if wrong := health.CheckPath(m.prefix); wrong != "" {
			L.RaiseError("rover.server: management_prefix %s", wrong)
		}
	case "management_token":
		token, isText := v.(lua.LString)
		switch m.token = string(token); {
		case !isText:
			L.RaiseError("rover.server: management_token should be a string, not a %s", luaval.TypeName(v))
		case m.token == "":
			L.RaiseError("rover.server: management_token cannot be empty")
		case len(m.token) < openapi.MinToken:
			L.RaiseError("rover.server: management_token has %d bytes; at least %d keep it from being guessed", len(m.token), openapi.MinToken)
		}
	default:
		return false
	}
	return true
}

// openManagement completes what the options have said, in whatever order.
func (g *Generation) openManagement(L *lua.LState) {
	m := &g.management
	if !m.docs {
		return
	}
	if m.prefix == "" {
		m.prefix = openapi.DefaultPrefix
	}
	m.site = openapi.NewSite(m.prefix, m.token, m.open)
	m.document = sync.OnceValues(func() ([]byte, error) { return g.OpenAPI(openapi.Info{}) })
	if m.site.Locked() {
		g.logger.Warn("docs of rover.server are for nobody: there is no management_token", zap.String("at", luaval.CallerLine(L)))
	}
}

// Page returns which page of the script's document a URL names. Any goroutine may call it.
func (g *Generation) Page(u *url.URL) openapi.Page { return g.management.site.Asked(u) }

// ServePage answers with it. Any goroutine may call it, once the script has loaded.
func (g *Generation) ServePage(w http.ResponseWriter, r *http.Request, page openapi.Page) {
	g.management.site.Serve(w, r, page, g.management.document)
}
