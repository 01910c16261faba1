package lint

import (
	"slices"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/route"
)

// each calls f for n and all nodes below.
func each(n *luart.APINode, f func(*luart.APINode)) {
	f(n)
	for _, child := range n.Children {
		each(child, f)
	}
}

// paramNames are the parameters on the way to n.
func paramNames(n *luart.APINode) (names []string) {
	for ; n.Parent != nil; n = n.Parent {
		if n.Kind != route.Static {
			names = append(names, n.Name)
		}
	}
	return names
}

// hasOther reports whether n has a handler for each method but any.
func hasOther(n *luart.APINode) bool {
	for i, d := range n.Handlers {
		if d.At == "" && i != route.Any && i != route.Head { // get serves HEAD
			return false
		}
	}
	return true
}

// hasHandlers reports whether there is a route at n.
func hasHandlers(n *luart.APINode) bool {
	return slices.ContainsFunc(n.Handlers[:], func(d luart.Definition) bool { return d.At != "" })
}

// routed reports whether there is a route at n or below.
func routed(n *luart.APINode) (found bool) {
	each(n, func(n *luart.APINode) { found = found || hasHandlers(n) })
	return found
}

// used reports whether there is anything at n or below.
func used(n *luart.APINode) (found bool) {
	each(n, func(n *luart.APINode) { found = found || len(n.Before)+len(n.After)+len(n.Done) > 0 })
	return found || routed(n)
}
