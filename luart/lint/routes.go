package lint

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// funcLine is where a function begins.
type funcLine struct {
	file string
	line int
}

// routeOf is a route of a function.
type routeOf struct {
	method int
	params []string
	path   string
	where  string
}

// addRoutes finds which functions answer which routes.
func (c *checker) addRoutes() {
	c.routes, c.hooks, c.funcs = map[funcLine][]routeOf{}, map[funcLine]bool{}, map[funcLine]int{}
	c.params = map[funcLine]int{}
	for _, f := range c.files {
		for _, s := range f.sightings {
			if fn, ok := s.node.(*function); ok {
				at := funcLine{f.Name, fn.expr.Line()}
				c.funcs[at]++
				c.params[at] = max(c.params[at], len(fn.params))
			}
		}
	}
	if c.o.API == nil {
		return
	}
	each(c.o.API, func(n *api.Node) {
		for i, d := range n.Handlers {
			if at := sourceOf(d); at.file != "" {
				c.routes[at] = append(c.routes[at], routeOf{i, paramNames(n), n.Path(), d.Where})
			}
		}
		for _, d := range slices.Concat(n.Before.List, n.After.List, n.Done.List) {
			if at := sourceOf(d); at.file != "" {
				c.hooks[at] = true
			}
		}
	})
}

func sourceOf(d api.Definition) funcLine {
	file, line := d.Source()
	return funcLine{file, line}
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
	line, column := f.place(e.Line(), e.Line()+20, 2, hint.Text(e.Receiver), ":", "param")
	c.noParameter(f, e.Receiver, name.Value, s, line, column)
}

// parameterField is for ctx:params().x, and for p.x after local p = ctx:params().
func (c *checker) parameterField(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	key, ok := e.Key.(*ast.StringExpr)
	if !ok || s.role == roleWritten {
		return
	}
	call, ok := c.finder(f).Origin(e.Object, s.scope).(*ast.FuncCallExpr)
	if !ok || call.Receiver == nil || call.Method != "params" || c.assigned[hint.Text(e)] || c.tested[hint.Text(e)] {
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
		segment := false // a fixed one has the name
		for _, r := range routes {
			if slices.Contains(r.params, name) {
				return
			}
			known = append(known, r.params...)
			segment = segment || slices.Contains(strings.Split(r.path, "/"), name)
		}
		remedy := spelling.DidYouMean(spelling.Nearest(name, known))
		if segment && len(known) == 0 {
			remedy = fmt.Sprintf("write p_%s for a segment that is a parameter: %[1]s stands for itself", name)
		}
		if remedy == "" && len(known) == 1 {
			remedy = spelling.DidYouMean(known[0])
		}
		c.add(f.File, line, column, Error, "unknown-parameter", fmt.Sprintf("the route has no parameter %q", name), remedy)
		return
	}
}

// addAt is add for "file:line". The column is that of the first thing on the line.
func (c *checker) addAt(where string, severity Severity, code, message, remedy string) {
	f, line, _ := c.o.Files.Position(where + ": ")
	if f == nil {
		return
	}
	source := f.LineAt(line)
	c.add(f, line, len(source)-len(strings.TrimLeft(source, " \t"))+1, severity, code, message, remedy)
}

// tree looks for mistakes in what the script has put below api.
func (c *checker) tree() {
	for _, o := range c.o.Overrides {
		c.addAt(o.At, Error, "duplicate-definition", o.Name+" is defined again: this takes the place of the one at "+o.Was,
			"give one of them another name or path")
	}
	each(c.o.API, func(n *api.Node) {
		c.segment(n)
		c.lonely(n)
		c.hookNames(n, "before", n.Before.List)
		c.hookNames(n, "after", n.After.List)
		c.doneRoutes(n)
		if hasOther(n) && n.Handlers[route.Any].Where != "" {
			c.addAt(n.Handlers[route.Any].Where, Warning, "covered-any",
				fmt.Sprintf("any of %s serves nothing but unusual methods: there is a handler for each of the others", n.Lua()), "")
		}
	})
}

// segment is for segments that no request has, or that mean something elsewhere.
func (c *checker) segment(n *api.Node) {
	if n.Parent == nil || !used(n) {
		return
	}
	if n.Kind != route.Static {
		for up := n.Parent; up.Parent != nil; up = up.Parent {
			if up.Kind != route.Static && up.Name == n.Name {
				c.addAt(n.Where, Error, "clashing-parameter", fmt.Sprintf("%s has two parameters %q", n.Path(), n.Name), "give each a name of its own")
			}
		}
		return
	}
	name := n.Name
	braced := strings.HasPrefix(name, "{") && strings.HasSuffix(name, "}")
	report := func(message, remedy string) { c.addAt(n.Where, Error, "unreachable-route", message, remedy) }
	switch {
	case name == "" && n.Parent.Parent == nil && hasHandlers(n):
		report(`the path / is api's own`, "write api, or "+api.AtCall("/"))
	case n.Spelled: // it is meant as it is
	case name == "." || name == "..":
		report(fmt.Sprintf("%q: clients resolve . and .. before they ask", name), "")
	case len(name) > 1 && name[0] == ':' || braced && len(name) > 2:
		report(fmt.Sprintf("%q is matched as it is written, and is no parameter", name), "write p_"+strings.Trim(name, ":{}"))
	case name == "*" || name == "**":
		report(fmt.Sprintf("%q is matched as it is written, and is no wildcard", name), "write w_rest")
	case strings.ContainsAny(name, "?#"):
		report(fmt.Sprintf("%q is no segment of a path", name), "the query is ctx:query()")
	case strings.Contains(name, "%") && unescaped(name) != name:
		remedy := "a parameter, p_name, matches a segment that holds a slash"
		if meant := unescaped(name); !strings.Contains(meant, "/") {
			remedy = "write " + n.Parent.ChildLua(meant)
		}
		report(fmt.Sprintf("%q is compared with what is decoded already", name), remedy)
	}
}

// hookNames is for hooks that are called like a method, or like a list of hooks: the function is
// hardly meant to run for everything here and below.
func (c *checker) hookNames(n *api.Node, kind string, list []api.Definition) {
	for _, d := range list {
		if route.MethodIndex(d.Name) < 0 && d.Name != "ws" && d.Name != "before" && d.Name != "after" {
			continue
		}
		path := n.Path() + "/" + kind
		if d.Name == kind { // function api.before(ctx)
			c.addAt(d.Where, Warning, "hook-named-like-method", fmt.Sprintf("this %s hook has no name of its own; it runs for every method at %s and below", kind, cmp.Or(n.Path(), "/")),
				fmt.Sprintf("a hook needs a name: function %s.%s.NAME(ctx); for the path %s write %s", n.Lua(), kind, path, api.AtCall(path)))
			continue
		}
		c.addAt(d.Where, Warning, "hook-named-like-method",
			fmt.Sprintf("%s.%s.%s is a hook called %[3]s, which runs for every method at %[4]s and below", n.Lua(), kind, d.Name, cmp.Or(n.Path(), "/")),
			fmt.Sprintf("give it another name; for the path %s write %s.%s", path, api.AtCall(path), d.Name))
	}
}

// doneRoutes is for routes at the segment "done" that take what a done hook takes: a hook cannot be
// called like a method.
func (c *checker) doneRoutes(n *api.Node) {
	if n.Kind != route.Static || n.Name != "done" || n.Spelled {
		return
	}
	for _, d := range n.Handlers {
		if at := sourceOf(d); at.file != "" && c.params[at] == 2 {
			c.addAt(d.Where, Warning, "hook-named-like-method",
				fmt.Sprintf("%s.%s is a route, %s %s, and no done hook", n.Lua(), d.Name, strings.ToUpper(d.Name), n.Path()), "give the hook another name")
		}
	}
}

// unescaped is a segment without percent-encoding, as it is if it has none.
func unescaped(segment string) string {
	if decoded, err := url.PathUnescape(segment); err == nil {
		return decoded
	}
	return segment
}

// lonely is for guards where nothing is routed, beside a name that is nearly the same and has
// routes.
func (c *checker) lonely(n *api.Node) {
	if n.Parent == nil || n.Kind != route.Static || routed(n) || !used(n) {
		return
	}
	var names []string
	for _, sibling := range n.Parent.Children {
		if sibling.Kind == route.Static && routed(sibling) {
			names = append(names, sibling.Name)
		}
	}
	near := spelling.Nearest(n.Name, names)
	guards := false
	each(n, func(n *api.Node) { guards = guards || len(n.Before.List) > 0 })
	if near == "" || spelling.Distance(n.Name, near) > 1 || !guards {
		return
	}
	c.addAt(n.Where, Warning, "guard-covers-nothing", fmt.Sprintf("nothing is routed at %s or below, where this guard stands", n.Path()),
		spelling.DidYouMean(n.Parent.Path()+"/"+near))
}
