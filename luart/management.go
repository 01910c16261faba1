package luart

import (
	"net/http"
	"net/url"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
	"github.com/caddy-rover/rover/luart/openapi/option"
)

// management is the document of the script on its own site: rover.server{ docs = true, … }.
type management struct {
	option.Management

	site     *openapi.Site // nil: there is none
	document func() ([]byte, error)
}

// openManagement completes what the options have said, in whatever order.
func (g *Generation) openManagement(L *lua.LState) {
	m := &g.management
	if m.site = m.Site(); m.site == nil {
		return
	}
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
