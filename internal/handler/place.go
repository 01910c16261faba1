package handler

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart/files"
)

// optionsOf returns what stands for all that a directive says: as long as it is the same, and the
// script's files are, what the script has loaded goes on in the next config. set, explain, folders and
// geo have no placeholders any more. It is empty, like no other, where libraries of others are given:
// Caddy closes them with the config that they belong to.
func (h *Handler) optionsOf(path string, set map[string]string, folders files.Grants, geo []string) string {
	if len(h.LibrariesRaw) > 0 || h.fakes != nil {
		return ""
	}
	c := h.Config
	c.Script, c.Set, c.Explain = path, set, h.explainKey
	c.AllowFS = slices.Clone(c.AllowFS)
	c.Geo = geo
	for i := range c.AllowFS {
		c.AllowFS[i].Dir = folders[i].Dir
	}
	text, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text) // it may have secrets
	return hex.EncodeToString(sum[:])
}

// places finds the handlers of a config, and tells each where it stands: the addresses of its
// server, and the matchers of the routes around it. Those of a subroute are found; those in
// modules that Rover does not know have no place.
type places struct{ seen map[string]int }

// markPlaces notes in the handlers of a config where they stand.
func markPlaces(ctx caddy.Context) {
	app, err := ctx.AppIfConfigured("http")
	if err != nil {
		return // there is none
	}
	servers, ok := app.(*caddyhttp.App)
	if !ok {
		return
	}
	p := places{map[string]int{}}
	for _, server := range servers.Servers {
		p.server(server)
	}
}

func (p places) server(server *caddyhttp.Server) {
	// Servers are numbered in a Caddyfile: the addresses stay where one is added.
	listen := strings.Join(slices.Sorted(slices.Values(server.Listen)), ",")
	p.routes(listen, server.Routes)
	if server.Errors != nil {
		p.routes(listen+" errors", server.Errors.Routes)
	}
	for name, route := range server.NamedRoutes {
		p.routes(listen+" route "+name, caddyhttp.RouteList{*route})
	}
}

func (p places) routes(at string, routes caddyhttp.RouteList) {
	for _, route := range routes {
		inside := at + "/" + textOf(route.MatcherSets)
		for _, h := range route.Handlers {
			switch h := h.(type) {
			case *caddyhttp.Subroute:
				p.routes(inside, h.Routes)
				if h.Errors != nil {
					p.routes(inside+" errors", h.Errors.Routes)
				}
			case *Handler:
				place := inside + " " + h.script.Options
				p.seen[place]++ // the first, the second that matches alike
				h.script.Place = fmt.Sprint(place, " ", p.seen[place])
			}
		}
	}
}

// textOf returns a text that differs where the matchers of a route do.
func textOf(sets caddyhttp.MatcherSets) string {
	var text strings.Builder
	for _, set := range sets {
		matchers := make([]string, 0, len(set))
		for _, matcher := range set {
			settings, err := json.Marshal(matcher)
			if err != nil {
				settings = fmt.Appendf(nil, "%#v", matcher)
			}
			matchers = append(matchers, fmt.Sprintf("%T%s", matcher, settings))
		}
		slices.Sort(matchers) // Caddy has them in any order
		fmt.Fprintf(&text, "%q", matchers)
	}
	return text.String()
}
