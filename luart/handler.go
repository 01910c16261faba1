package luart

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/static"
)

// tree is the route tree of a generation, made of the definitions under api.
type tree = route.Tree[*handler]

type routeMatch = route.Match[*handler]

// handler is a Lua function of the tree.
type handler struct {
	fn    *lua.LFunction
	name  string          // what it was assigned to: "get", "auth"
	where string          // file:line of its definition
	route string          // "GET /users/:id", or "before auth at /admin"
	quota eventloop.Quota // its requests that wait for the VM
	noCtx bool            // it takes no parameter, so that no ctx need be made
	stats *costs.Route    // of a route

	// Of a rule of a place, which has no fn: what it is called, and which of these it is.
	kind        string
	rule        rule
	static      *static.Mount
	concurrency *concurrencyRule
	cors        *corsRule

	quarantine quarantine
}

// newHook returns the handler of a hook, or of another function that decides about requests
// of all routes: of the places for what waits, some are kept for those.
func newHook(d api.Definition, route string) *handler {
	h := newHandler(d, route)
	h.quota.Reserved = true
	return h
}

func newHandler(d api.Definition, route string) *handler {
	h := &handler{fn: d.Fn, name: d.Name, where: d.Where, route: route}
	if p := d.Fn.Proto; p != nil {
		h.noCtx = p.NumParameters == 0 && p.IsVarArg == 0
	}
	return h
}

// newTree makes the tree of the definitions below root.
func newTree(root *api.Node) *tree { return route.New(newPlace(root, "")) }

// newPlace returns what is defined at and below a node; path is its pattern, "" of the root.
func newPlace(def *api.Node, path string) *route.Place[*handler] {
	p := &route.Place[*handler]{Kind: def.Kind, Name: def.Name, Pattern: path}
	if path == "" {
		p.Pattern = "/"
	}
	for i, d := range def.Handlers {
		if d.Fn != nil {
			p.Handlers[i] = newHandler(d, strings.ToUpper(route.MethodNames[i])+" "+p.Pattern)
		}
	}
	for _, d := range def.Before.List {
		p.Before = append(p.Before, newHook(d, "before "+d.Name+" at "+p.Pattern))
	}
	for _, d := range def.After.List {
		p.After = append(p.After, newHook(d, "after "+d.Name+" at "+p.Pattern))
	}
	for _, d := range def.Done.List {
		p.Done = append(p.Done, newHook(d, "done "+d.Name+" at "+p.Pattern))
	}
	for _, r := range def.Rules {
		h := &handler{name: r.Name, where: r.Where, route: r.Kind + " " + r.Name, kind: r.Kind}
		switch r := r.Rule.(type) {
		case rule:
			h.rule = r
		case *concurrencyRule:
			h.concurrency = r
		case *static.Mount:
			h.static = r
			p.Mount = h
			continue
		case *corsRule:
			h.cors = r
		default:
			panic(fmt.Sprintf("%s: nobody asks a rule that is a %T", h.where, r))
		}
		p.Rules = append(p.Rules, h)
	}
	for _, child := range def.Children {
		p.Children = append(p.Children, newPlace(child, path+child.Pattern()))
	}
	return p
}

// handlersOf returns every function of a tree.
func handlersOf(t *tree) (list []*handler) {
	t.Each(func(n *route.Node[*handler]) {
		list = slices.Concat(list, n.Before, n.After, n.Done)
		for _, h := range n.Rules {
			if h.cors != nil && h.cors.ask != nil {
				list = append(list, h.cors.ask)
			}
		}
	})
	eachRoute(t, func(h *handler) { list = append(list, h) })
	return list
}

// eachRoute calls f for every function that answers requests.
func eachRoute(t *tree, f func(*handler)) {
	t.Each(func(n *route.Node[*handler]) {
		for _, h := range n.Handlers {
			if h != nil {
				f(h)
			}
		}
	})
}
