package luart

import (
	"net/http"
	"slices"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
)

// tree is the immutable route tree of a generation, made of the definitions under
// api. Any goroutine may match against it.
type tree struct {
	root      *node
	deepHooks bool // there is a before or after below the root
}

// node is one segment of the tree.
type node struct {
	static   map[string]*node
	children []*node // the static ones, in the order of definition
	param    *node   // p_name
	wildcard *node   // w_name
	name     string
	kind     nodeKind

	// For looking up hooks (coverage): whether there are any here or below, the static children
	// where there are, by their names folded, and the place in the order in which hooks run.
	covers bool
	folded map[string][]*node
	rank   int

	path      []*node // from the root to this node
	route     string  // "/users/:id"
	handlers  [methodCount]*handler
	hasRoutes bool
	before    []*handler
	after     []*handler
}

// handler is a Lua function of the tree.
type handler struct {
	fn    *lua.LFunction
	name  string          // what it was assigned to: "get", "auth"
	where string          // file:line of its definition
	route string          // "GET /users/:id", or "before auth at /admin"
	share eventloop.Share // its requests that wait for the VM
	noCtx bool            // it takes no parameter, so that no ctx need be made
	stats *routeStats     // of a route

	quarantine quarantine
}

// handlers returns every function of the tree.
func (t *tree) handlers() (list []*handler) {
	todo := []*node{t.root}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		list = append(append(list, n.before...), n.after...)
		for _, h := range n.handlers {
			if h != nil {
				list = append(list, h)
			}
		}
		for _, c := range n.static {
			todo = append(todo, c)
		}
		for _, c := range []*node{n.param, n.wildcard} {
			if c != nil {
				todo = append(todo, c)
			}
		}
	}
	return list
}

// The methods that a route can have.
const (
	methodGet = iota
	methodPost
	methodPut
	methodPatch
	methodDelete
	methodHead
	methodOptions
	methodAny
	methodCount
)

var methodNames = [methodCount]string{"get", "post", "put", "patch", "delete", "head", "options", "any"}

// methodIndex returns the index of a Lua method name, -1 if it is none.
func methodIndex(name string) int {
	for i, n := range methodNames {
		if n == name {
			return i
		}
	}
	return -1
}

// requestMethod returns the index for a request's method: that of GET for an extended CONNECT,
// methodAny for those that only an any handler can serve.
func requestMethod(r *http.Request) int {
	if isExtendedConnect(r) {
		return methodGet
	}
	switch r.Method {
	case http.MethodGet:
		return methodGet
	case http.MethodPost:
		return methodPost
	case http.MethodPut:
		return methodPut
	case http.MethodPatch:
		return methodPatch
	case http.MethodDelete:
		return methodDelete
	case http.MethodHead:
		return methodHead
	case http.MethodOptions:
		return methodOptions
	}
	return methodAny
}

// handler returns what serves a method here: its own handler, get for HEAD, or any.
func (n *node) handler(method int) *handler {
	if h := n.handlers[method]; h != nil {
		return h
	}
	if method == methodHead {
		if h := n.handlers[methodGet]; h != nil {
			return h
		}
	}
	return n.handlers[methodAny]
}

// allow returns the value of an Allow header for the nodes that match a path.
func allow(nodes []*node) string {
	var has [methodCount]bool
	for _, n := range nodes {
		for i, h := range n.handlers {
			if h != nil {
				has[i] = true
			}
		}
	}
	if has[methodGet] {
		has[methodHead] = true
	}
	has[methodOptions] = true
	var names []string
	for i, name := range methodNames {
		if i == methodAny || !has[i] {
			continue
		}
		names = append(names, strings.ToUpper(name))
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// newTree makes the tree of the definitions below root.
func newTree(root *apiNode) *tree {
	t := &tree{}
	t.root = t.add(root, nil, "")
	t.deepHooks = t.root.hasCoveringChildren()
	t.rank()
	return t
}

// hasCoveringChildren reports whether there are hooks below n.
func (n *node) hasCoveringChildren() bool {
	return len(n.folded) > 0 || n.param != nil && n.param.covers || n.wildcard != nil && n.wildcard.covers
}

// rank numbers the nodes in the order in which their hooks run: by depth, and at one depth
// statics before parameters before wildcards, as coverage.walk finds them.
func (t *tree) rank() {
	rank := 0
	for level := []*node{t.root}; len(level) > 0; {
		var static, param, wildcard []*node
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

func (t *tree) add(def *apiNode, parents []*node, route string) *node {
	n := &node{route: route, name: def.name, kind: def.kind}
	if route == "" {
		n.route = "/"
	}
	n.path = append(append([]*node(nil), parents...), n)
	for i, d := range def.handlers {
		if d.fn != nil {
			n.hasRoutes = true
			n.handlers[i] = newHandler(d, strings.ToUpper(methodNames[i])+" "+n.route)
		}
	}
	for _, d := range def.before.list {
		n.before = append(n.before, newHook(d, "before "+d.name+" at "+n.route))
	}
	for _, d := range def.after.list {
		n.after = append(n.after, newHook(d, "after "+d.name+" at "+n.route))
	}
	n.covers = len(n.before)+len(n.after) > 0
	for _, child := range def.children {
		c := t.add(child, n.path, route+child.pattern())
		switch child.kind {
		case kindStatic:
			if n.static == nil {
				n.static = map[string]*node{}
			}
			n.static[child.name] = c
			n.children = append(n.children, c)
			if c.covers {
				if n.folded == nil {
					n.folded = map[string][]*node{}
				}
				name := fold(child.name)
				n.folded[name] = append(n.folded[name], c)
			}
		case kindParam:
			n.param = c
		case kindWildcard:
			n.wildcard = c
		}
		n.covers = n.covers || c.covers
	}
	return n
}

// newHook returns the handler of a hook, or of another function that decides about requests
// of all routes: of the places for what waits, some are kept for those.
func newHook(d definition, route string) *handler {
	h := newHandler(d, route)
	h.share.Reserved = true
	return h
}

func newHandler(d definition, route string) *handler {
	h := &handler{fn: d.fn, name: d.name, where: d.where, route: route}
	if p := d.fn.Proto; p != nil {
		h.noCtx = p.NumParameters == 0 && p.IsVarArg == 0
	}
	return h
}
