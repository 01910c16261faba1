package luart

import (
	"slices"
	"strings"

	"github.com/caddy-rover/rover/luart/route"
)

// Route is a function that answers requests, as people and tools are told of it.
type Route struct {
	// "GET", "POST", …; "ANY" for every method that no other route of the pattern serves.
	Method  string `json:"method"`
	Pattern string `json:"pattern"` // "/users/:id", "/files/*rest"
	At      string `json:"at"`      // file:line of the definition
	Before  []Hook `json:"before"`  // in the order in which they run
	After   []Hook `json:"after"`   // in the order in which they run: the innermost first
	Done    []Hook `json:"done"`    // the same
}

// Hook is a before, after or done hook, or a rule of a place.
type Hook struct {
	Kind    string `json:"kind"`    // "before", "after", "done", or what the rule is called: "limit", "auth", …
	Name    string `json:"name"`    // what it was assigned to: auth of api.before.auth
	Pattern string `json:"pattern"` // where it stands: "/admin" for /admin and everything below
	At      string `json:"at"`      // file:line of the definition
}

// IsRule reports whether it is a rule of a place, and no hook.
func (h Hook) IsRule() bool { return h.Kind != "before" && h.Kind != "after" && h.Kind != "done" }

// OfOnePath reports whether it is a rule of the path itself, and not of what is below.
func (h Hook) OfOnePath() bool { return h.Kind == "expect" }

// Name is the route in logs and metrics: "GET /users/:id".
func (r Route) Name() string { return r.Method + " " + r.Pattern }

// Routes returns what the script routes, in the order in which it is tried: segment by
// segment what is written out, by name, before the parameter before the wildcard; at one
// place methods before any. The hooks of a route are those that stand on its way; a request
// may pass others, of a path that is written out, on its way to a parameter. Any goroutine
// may call it.
func (g *Generation) Routes() []Route {
	list := []Route{}
	g.tree.Each(func(n *route.Node[*handler]) {
		for i, h := range n.Handlers {
			if h == nil {
				continue
			}
			r := Route{Method: strings.ToUpper(route.MethodNames[i]), Pattern: n.Pattern, At: h.where, Before: []Hook{}, After: []Hook{}, Done: []Hook{}}
			for _, on := range n.Path {
				r.Before = append(r.Before, hooksOf("before", on, on.Before)...)
				r.After = append(r.After, hooksOf("after", on, on.After)...)
				r.Done = append(r.Done, hooksOf("done", on, on.Done)...)
			}
			slices.Reverse(r.After)
			slices.Reverse(r.Done)
			list = append(list, r)
		}
	})
	return list
}

// Hooks returns the before, after and done hooks and the rules of the script, each once, in the order of
// Routes: also those that stand where nothing is routed. Any goroutine may call it.
func (g *Generation) Hooks() []Hook {
	list := []Hook{}
	g.tree.Each(func(n *route.Node[*handler]) {
		list = append(list, hooksOf("before", n, n.Before)...)
		list = append(list, hooksOf("after", n, n.After)...)
		list = append(list, hooksOf("done", n, n.Done)...)
		for _, h := range n.Rules {
			list = append(list, Hook{h.kind, h.name, n.Pattern, h.where})
		}
	})
	return list
}

// hooksOf describes a node's hooks of a kind, in the order of definition.
func hooksOf(kind string, n *route.Node[*handler], hooks []*handler) (list []Hook) {
	for _, h := range hooks {
		list = append(list, Hook{kind, h.name, n.Pattern, h.where})
	}
	return list
}
