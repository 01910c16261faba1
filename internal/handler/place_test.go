package handler

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The place of a handler is that of its site, not its number; of several in one place the order
// counts.
func TestPlaces(t *testing.T) {
	route := func(matchers caddyhttp.MatcherSet, handlers ...caddyhttp.MiddlewareHandler) caddyhttp.Route {
		r := caddyhttp.Route{Handlers: handlers}
		if matchers != nil {
			r.MatcherSets = caddyhttp.MatcherSets{matchers}
		}
		return r
	}
	host := func(name string) caddyhttp.MatcherSet { return caddyhttp.MatcherSet{caddyhttp.MatchHost{name}} }
	path := func(name string) caddyhttp.MatcherSet { return caddyhttp.MatcherSet{caddyhttp.MatchPath{name}} }
	both := func(a, b any) caddyhttp.MatcherSet { return caddyhttp.MatcherSet{a, b} } // in any order
	put, deep := caddyhttp.MatchMethod{"PUT"}, caddyhttp.MatchPath{"/deep"}
	sub := func(routes ...caddyhttp.Route) *caddyhttp.Subroute { return &caddyhttp.Subroute{Routes: routes} }
	handlers := map[string]*Handler{}
	h := func(name string) *Handler {
		handlers[name] = new(Handler)
		return handlers[name]
	}
	placesOf := func(server *caddyhttp.Server) map[string]string {
		p := places{map[string]int{}}
		p.server(server)
		list := map[string]string{}
		for name, h := range handlers {
			list[name] = h.script.Place
		}
		clear(handlers)
		return list
	}
	old := placesOf(&caddyhttp.Server{
		Listen: []string{":80", ":81"}, Routes: caddyhttp.RouteList{
			route(host("a.test"), sub(route(nil, h("a")), route(path("/x"), h("a x")), route(path("/x"), h("a x again")))),
			route(host("b.test"), sub(route(nil, h("b")), route(both(put, deep), h("b put")))),
			route(path("b.test"), sub(route(nil, h("path")))),
		}, Errors: &caddyhttp.HTTPErrorConfig{Routes: caddyhttp.RouteList{route(nil, h("errors"))}},
		NamedRoutes: map[string]*caddyhttp.Route{"n": {Handlers: []caddyhttp.MiddlewareHandler{h("named")}}},
	})
	seen := map[string]string{}
	for name, place := range old {
		if place == "" || seen[place] != "" {
			t.Errorf("%s: place %q, which %q has, too", name, place, seen[place])
		}
		seen[place] = name
	}
	now := placesOf(&caddyhttp.Server{Listen: []string{":81", ":80"}, Routes: caddyhttp.RouteList{
		route(host("c.test"), sub(route(nil, h("c")))),
		route(host("b.test"), sub(route(path("/new"), h("b new")), route(both(deep, put), h("b put")), route(nil, h("b")))),
		route(host("a.test"), sub(route(path("/x"), h("a x")), route(nil, h("a")), route(path("/x"), h("a x again")))),
		route(nil, unknownModule{h("inside")}),
	}})
	for _, name := range []string{"a", "a x", "a x again", "b", "b put"} {
		if now[name] != old[name] {
			t.Errorf("%s has moved from %q to %q", name, old[name], now[name])
		}
	}
	for _, name := range []string{"c", "b new"} {
		if other := seen[now[name]]; other != "" {
			t.Errorf("%s has the place of %s", name, other)
		}
	}
	if now["inside"] != "" {
		t.Errorf("a place in a module that nobody knows: %q", now["inside"])
	}
}

// unknownModule is a handler that has others.
type unknownModule struct{ inside *Handler }

func (unknownModule) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error {
	return nil
}
