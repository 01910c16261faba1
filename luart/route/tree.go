// Package route matches requests with a tree of routes and of the hooks that cover them. It knows no
// Lua: what serves a request, and what a hook is, is a value of any type H, the zero value of which
// is none.
//
// Routes match the path as it came. Hooks cover a place and everything below, by every reading of
// the path that a server may have (see readings.go).
package route

import (
	"maps"
	"slices"
)

// Kind says what a segment of a pattern matches.
type Kind int

// Kinds of segments: one that is written out, any one (p_name), and all that are left (w_name).
const (
	Static Kind = iota
	Parameter
	Wildcard
)

// Place is a place of a tree as it is defined.
type Place[H comparable] struct {
	Kind     Kind
	Name     string // the segment, or the name of the parameter or the wildcard; "" of the root
	Pattern  string // from the root to here, for people: "/users/:id"
	Handlers [MethodCount]H
	Before   []H // hooks, in the order in which they run
	After    []H
	Done     []H
	Rules    []H // what is asked before any hook runs
	Mount    H   // what has the files here and below that no route has; the zero value: nothing
	Children []*Place[H]
}

// Tree is made of places and does not change. Any goroutine may match against it.
type Tree[H comparable] struct {
	root      *Node[H]
	deepHooks bool // there is a hook below the root
	hasDone   bool // there is a done hook
	hasMounts bool
}

// Node is a place of a tree.
type Node[H comparable] struct {
	Place[H]
	Path []*Node[H] // from the root to this node

	hasRoutes bool
	static    map[string]*Node[H]
	children  []*Node[H] // the static ones, in the order of definition
	param     *Node[H]
	wildcard  *Node[H]

	// For looking up hooks (coverage): whether there are any here or below, the static children
	// where there are, by their names folded, and the place in the order in which hooks run.
	covers bool
	folded map[string][]*Node[H]
	rank   int
}

// New makes the tree of the places at and below root, which must not change any more.
func New[H comparable](root *Place[H]) *Tree[H] {
	t := &Tree[H]{root: newNode(root, nil)}
	t.deepHooks = t.root.hasCoveringChildren()
	var none H
	t.Each(func(n *Node[H]) {
		t.hasDone = t.hasDone || len(n.Done) > 0
		t.hasMounts = t.hasMounts || n.Mount != none
	})
	t.rank()
	return t
}

func newNode[H comparable](place *Place[H], parents []*Node[H]) *Node[H] {
	n := &Node[H]{Place: *place}
	n.Path = append(append([]*Node[H](nil), parents...), n)
	var none H
	n.hasRoutes = slices.ContainsFunc(n.Handlers[:], func(h H) bool { return h != none })
	n.covers = len(n.Before)+len(n.After)+len(n.Done)+len(n.Rules) > 0
	for _, child := range place.Children {
		c := newNode(child, n.Path)
		switch child.Kind {
		case Static:
			if n.static == nil {
				n.static = map[string]*Node[H]{}
			}
			n.static[child.Name] = c
			n.children = append(n.children, c)
			if c.covers {
				if n.folded == nil {
					n.folded = map[string][]*Node[H]{}
				}
				name := fold(child.Name)
				n.folded[name] = append(n.folded[name], c)
			}
		case Parameter:
			n.param = c
		case Wildcard:
			n.wildcard = c
		}
		n.covers = n.covers || c.covers
	}
	return n
}

// hasCoveringChildren reports whether there are hooks below n.
func (n *Node[H]) hasCoveringChildren() bool {
	return len(n.folded) > 0 || n.param != nil && n.param.covers || n.wildcard != nil && n.wildcard.covers
}

// rank numbers the nodes in the order in which their hooks run: by depth, and at one depth
// statics before parameters before wildcards, as coverage.walk finds them.
func (t *Tree[H]) rank() {
	rank := 0
	for level := []*Node[H]{t.root}; len(level) > 0; {
		var static, param, wildcard []*Node[H]
		for _, n := range level {
			n.rank = rank
			rank++
			static = append(static, n.children...)
			if n.param != nil {
				param = append(param, n.param)
			}
			if n.wildcard != nil {
				wildcard = append(wildcard, n.wildcard)
			}
		}
		level = slices.Concat(static, param, wildcard)
	}
}

// HasDone reports whether there is a done hook anywhere.
func (t *Tree[H]) HasDone() bool { return t.hasDone }

// Each calls f for all nodes, in the order of matching: segment by segment what is written out, by
// name, before the parameter before the wildcard.
func (t *Tree[H]) Each(f func(*Node[H])) { t.root.each(f) }

func (n *Node[H]) each(f func(*Node[H])) {
	f(n)
	for _, name := range slices.Sorted(maps.Keys(n.static)) {
		n.static[name].each(f)
	}
	for _, c := range [...]*Node[H]{n.param, n.wildcard} {
		if c != nil {
			c.each(f)
		}
	}
}

// handler returns what serves a method here: its own handler, get for HEAD, or any.
func (n *Node[H]) handler(method int) (h H, ok bool) {
	var none H
	if h := n.Handlers[method]; h != none {
		return h, true
	}
	if method == Head {
		if h := n.Handlers[Get]; h != none {
			return h, true
		}
	}
	h = n.Handlers[Any]
	return h, h != none
}
