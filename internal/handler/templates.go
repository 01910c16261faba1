package handler

import (
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/templates"
	"go.uber.org/zap"
)

// warnOfTemplates logs which scripts have templates around them, which runs what Lua answers: a
// text with {{ … }} that a client has sent reads files and the environment. The order of
// directives prevents it in one block, and nothing does in a block around.
func (a *App) warnOfTemplates() {
	app, err := a.config.AppIfConfigured("http")
	if err != nil { // handlers may stand elsewhere
		return
	}
	warned := map[string]bool{}
	for _, server := range app.(*caddyhttp.App).Servers {
		underTemplates(server.Routes, false, func(h *Handler) {
			if !warned[h.script.Path()] {
				warned[h.script.Path()] = true
				a.logger.Warn("templates stands around a script, and runs its text and HTML as templates, with what clients have sent in them; "+
					"put it behind rover", zap.String("script", h.script.Path()))
			}
		})
	}
}

// underTemplates calls found for each handler of ours that templates stands around. around says
// that one does before the routes begin; it returns whether one does behind them.
func underTemplates(routes caddyhttp.RouteList, around bool, found func(*Handler)) bool {
	groups := map[string]bool{} // whose routes have it; of one group a request runs one route
	for _, route := range routes {
		inside := around
		for group, has := range groups {
			inside = inside || has && group != route.Group
		}
		before := inside
		for _, h := range route.Handlers {
			switch h := h.(type) {
			case *templates.Templates:
				inside = true
			case *Handler:
				if inside {
					found(h)
				}
			case *caddyhttp.Subroute:
				inside = underTemplates(h.Routes, inside, found)
			}
		}
		switch {
		case before || !inside, len(route.MatcherSets) > 0: // what matches may keep the two apart
		case route.Terminal: // nothing comes behind
		case route.Group == "":
			around = true
		default:
			groups[route.Group] = true
		}
	}
	for _, has := range groups {
		around = around || has
	}
	return around
}
