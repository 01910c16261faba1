package luart

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/route"
)

// override is a definition that took the place of another one.
type override struct {
	name     string // "api.users.get"
	was, now string // file:line
}

// override notes that now takes the place of was, for Check. A script that has read was may
// have made now of it. Only the holder may call it.
func (g *Generation) override(was, now definition, name string) {
	if was.fn != nil && was.fn != now.fn && !was.read && was.where != now.where {
		g.overrides = append(g.overrides, override{name, was.where, now.where})
	}
}

// funcLine is where a function begins.
type funcLine struct {
	file string
	line int
}

// routeOf is a route of a function.
type routeOf struct {
	method int
	params []string
	where  string
}

// addRoutes finds which functions answer which routes.
func (c *checker) addRoutes() {
	c.routes, c.hooks, c.funcs = map[funcLine][]routeOf{}, map[funcLine]bool{}, map[funcLine]int{}
	for _, f := range c.files {
		for _, s := range f.sightings {
			if fn, ok := s.node.(*function); ok {
				c.funcs[funcLine{f.Name, fn.expr.Line()}]++
			}
		}
	}
	if c.g.api == nil {
		return
	}
	at := func(d definition) funcLine { return funcLine{d.fn.Proto.SourceName, d.fn.Proto.LineDefined} }
	c.g.api.Value.(*apiNode).each(func(n *apiNode) {
		for i, d := range n.handlers {
			if d.fn != nil && d.fn.Proto != nil {
				c.routes[at(d)] = append(c.routes[at(d)], routeOf{i, n.paramNames(), d.where})
			}
		}
		for _, d := range slices.Concat(n.before.list, n.after.list) {
			if d.fn.Proto != nil {
				c.hooks[at(d)] = true
			}
		}
	})
}

// each calls f for n and all nodes below.
func (n *apiNode) each(f func(*apiNode)) {
	f(n)
	for _, child := range n.children {
		child.each(f)
	}
}

// paramNames are the parameters on the way to n.
func (n *apiNode) paramNames() (names []string) {
	for ; n.parent != nil; n = n.parent {
		if n.kind != route.Static {
			names = append(names, n.name)
		}
	}
	return names
}

// routesOf returns the routes of a function of the source, nil if that is not sure.
func (c *checker) routesOf(f *checkedFile, n *function) []routeOf {
	at := funcLine{f.Name, n.expr.Line()}
	if c.hooks[at] || c.funcs[at] != 1 {
		return nil
	}
	return c.routes[at]
}

// parameter is for ctx:param("x") of a route that has no parameter x.
func (c *checker) parameter(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if e.Method != "param" || len(e.Args) != 1 {
		return
	}
	name, ok := e.Args[0].(*ast.StringExpr)
	if !ok {
		return
	}
	line, column := f.place(e.Line(), e.Line()+20, 2, text(e.Receiver), ":", "param")
	c.noParameter(f, e.Receiver, name.Value, s, line, column)
}

// parameterField is for ctx:params().x, and for p.x after local p = ctx:params().
func (c *checker) parameterField(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	key, ok := e.Key.(*ast.StringExpr)
	if !ok || s.role == roleWritten {
		return
	}
	call, ok := c.hinter(f).origin(e.Object, s.scope).(*ast.FuncCallExpr)
	if !ok || call.Receiver == nil || call.Method != "params" || c.assigned[text(e)] || c.tested[text(e)] {
		return
	}
	line, column := f.place(key.Line(), key.Line(), 1, ".", key.Value)
	c.noParameter(f, call.Receiver, key.Value, s, line, column)
}

func (c *checker) noParameter(f *checkedFile, ctx ast.Expr, name string, s sighting, line, column int) {
	ident, ok := ctx.(*ast.IdentExpr)
	if !ok || !s.scope.Sure(ctx) {
		return
	}
	b := s.scope.Find(ident.Value)
	for in := s.in; in != nil; in = in.outer {
		if len(in.params) == 0 || in.params[0] != b {
			continue
		}
		routes := c.routesOf(f, in)
		if len(routes) == 0 {
			return
		}
		var known []string
		for _, r := range routes {
			if slices.Contains(r.params, name) {
				return
			}
			known = append(known, r.params...)
		}
		hint := strings.TrimPrefix(didYouMean(nearest(name, known)), "; ")
		if hint == "" && len(known) == 1 {
			hint = "did you mean " + known[0] + "?"
		}
		c.add(f.File, line, column, Error, "unknown-parameter", fmt.Sprintf("the route has no parameter %q", name), hint)
		return
	}
}

// addAt is add for "file:line". The column is that of the first thing on the line.
func (c *checker) addAt(where string, severity Severity, code, message, hint string) {
	f, line, _ := c.g.sources.Position(where + ": ")
	if f == nil {
		return
	}
	source := f.LineAt(line)
	c.add(f, line, len(source)-len(strings.TrimLeft(source, " \t"))+1, severity, code, message, hint)
}

// tree looks for mistakes in what the script has put below api.
func (c *checker) tree() {
	for _, o := range c.g.overrides {
		c.addAt(o.now, Error, "duplicate-definition", o.name+" is defined again: this takes the place of the one at "+o.was,
			"give one of them another name or path")
	}
	root := c.g.api.Value.(*apiNode)
	root.each(func(n *apiNode) {
		c.segment(n)
		c.lonely(n)
		c.hookNames(&n.before)
		c.hookNames(&n.after)
		if n.hasOther() && n.handlers[route.Any].fn != nil {
			c.addAt(n.handlers[route.Any].where, Warning, "covered-any",
				fmt.Sprintf("any of %s serves nothing but unusual methods: there is a handler for each of the others", n.lua()), "")
		}
	})
}

// hasOther reports whether n has a handler for each method but any.
func (n *apiNode) hasOther() bool {
	for i, d := range n.handlers {
		if d.fn == nil && i != route.Any && i != route.Head { // get serves HEAD
			return false
		}
	}
	return true
}

// segment is for segments that no request has, or that mean something elsewhere.
func (c *checker) segment(n *apiNode) {
	if n.parent == nil || !n.used() {
		return
	}
	if n.kind != route.Static {
		for up := n.parent; up.parent != nil; up = up.parent {
			if up.kind != route.Static && up.name == n.name {
				c.addAt(n.where, Error, "clashing-parameter", fmt.Sprintf("%s has two parameters %q", n.pathOf(), n.name), "give each a name of its own")
			}
		}
		return
	}
	name := n.name
	braced := strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}")
	report := func(message, hint string) { c.addAt(n.where, Error, "unreachable-route", message, hint) }
	switch {
	case name == "" && n.parent.parent == nil && n.hasHandlers():
		report(`the path / is api's own`, "write api, or "+atCall("/"))
	case n.spelled: // it is meant as it is
	case name == "." || name == "..":
		report(fmt.Sprintf("%q: clients resolve . and .. before they ask", name), "")
	case len(name) > 1 && name[0] == ':' || braced && len(name) > 2:
		report(fmt.Sprintf("%q is matched as it is written, and is no parameter", name), "write p_"+strings.Trim(name, ":{}"))
	case name == "*" || name == "**":
		report(fmt.Sprintf("%q is matched as it is written, and is no wildcard", name), "write w_rest")
	case strings.ContainsAny(name, "?#"):
		report(fmt.Sprintf("%q is no segment of a path", name), "the query is ctx:query()")
	case strings.Contains(name, "%") && unescaped(name) != name:
		hint := "a parameter, p_name, matches a segment that holds a slash"
		if meant := unescaped(name); !strings.Contains(meant, "/") {
			hint = "write " + (&apiNode{gen: n.gen, parent: n.parent, name: meant}).lua()
		}
		report(fmt.Sprintf("%q is compared with what is decoded already", name), hint)
	}
}

// hookNames is for hooks that are called like a method, or like a list of hooks: the function is
// hardly meant to run for everything here and below.
func (c *checker) hookNames(l *hookList) {
	for _, d := range l.list {
		if route.MethodIndex(d.name) < 0 && d.name != "ws" && d.name != "before" && d.name != "after" {
			continue
		}
		here := l.node.pathOf()
		path := here + "/" + l.kind
		c.addAt(d.where, Warning, "hook-named-like-method",
			fmt.Sprintf("%s.%s.%s is a hook called %[3]s, which runs for every method at %[4]s and below", l.node.lua(), l.kind, d.name, cmp.Or(here, "/")),
			fmt.Sprintf("give it another name; for the path %s write %s.%s", path, atCall(path), d.name))
	}
}

// unescaped is a segment without percent-encoding, as it is if it has none.
func unescaped(segment string) string {
	if decoded, err := url.PathUnescape(segment); err == nil {
		return decoded
	}
	return segment
}

// hasHandlers reports whether there is a route at n.
func (n *apiNode) hasHandlers() bool {
	return slices.ContainsFunc(n.handlers[:], func(d definition) bool { return d.fn != nil })
}

// routed reports whether there is a route at n or below.
func (n *apiNode) routed() (found bool) {
	n.each(func(n *apiNode) { found = found || n.hasHandlers() })
	return found
}

// used reports whether there is anything at n or below.
func (n *apiNode) used() (found bool) {
	n.each(func(n *apiNode) { found = found || len(n.before.list)+len(n.after.list) > 0 })
	return found || n.routed()
}

// lonely is for guards where nothing is routed, beside a name that is nearly the same and has
// routes.
func (c *checker) lonely(n *apiNode) {
	if n.parent == nil || n.kind != route.Static || n.routed() || !n.used() {
		return
	}
	var names []string
	for _, sibling := range n.parent.children {
		if sibling.kind == route.Static && sibling.routed() {
			names = append(names, sibling.name)
		}
	}
	near := nearest(n.name, names)
	guards := false
	n.each(func(n *apiNode) { guards = guards || len(n.before.list) > 0 })
	if near == "" || distance(n.name, near) > 1 || !guards {
		return
	}
	c.addAt(n.where, Warning, "guard-covers-nothing", fmt.Sprintf("nothing is routed at %s or below, where this guard stands", n.pathOf()),
		fmt.Sprintf("did you mean %s?", n.parent.pathOf()+"/"+near))
}
