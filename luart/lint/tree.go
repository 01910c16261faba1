package lint

import (
	"slices"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/route"
)

// each calls f for n and all nodes below.
func each(n *api.Node, f func(*api.Node)) {
	f(n)
	for _, child := range n.Children {
		each(child, f)
	}
}

// paramNames are the parameters on the way to n.
func paramNames(n *api.Node) (names []string) {
	for ; n.Parent != nil; n = n.Parent {
		if n.Kind != route.Static {
			names = append(names, n.Name)
		}
	}
	return names
}

// hasOther reports whether n has a handler for each method but any.
func hasOther(n *api.Node) bool {
	for i, d := range n.Handlers {
		if d.Where == "" && i != route.Any && i != route.Head { // get serves HEAD
			return false
		}
	}
	return true
}

// hasHandlers reports whether there is a route at n.
func hasHandlers(n *api.Node) bool {
	return slices.ContainsFunc(n.Handlers[:], func(d api.Definition) bool { return d.Where != "" })
}

// routed reports whether there is a route at n or below.
func routed(n *api.Node) (found bool) {
	each(n, func(n *api.Node) { found = found || hasHandlers(n) })
	return found
}

// used reports whether there is anything at n or below.
func used(n *api.Node) (found bool) {
	each(n, func(n *api.Node) { found = found || len(n.Before.List)+len(n.After.List)+len(n.Done.List) > 0 })
	return found || routed(n)
}
