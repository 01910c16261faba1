package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// judge looks for mistakes in what was seen.
func (c *checker) judge(f *checkedFile, s sighting) {
	switch n := s.node.(type) {
	case *function:
		c.function(f, n)
	case *ast.IdentExpr:
		c.global(f, n, s)
	case *ast.AttrGetExpr:
		c.field(f, n, s)
		c.granted(f, n, s)
		c.setting(f, n, s)
		c.parameterField(f, n, s)
		c.index(f, n, s)
		c.bodyField(f, n, s)
	case *ast.FuncDefStmt:
		c.lateRoute(f, n.Name.Func, s)
	case *ast.AssignStmt:
		c.assignedStatus(f, n, s)
		for _, lhs := range n.Lhs {
			c.lateRoute(f, lhs, s)
		}
	case *ast.FuncCallExpr:
		c.call(f, n, s)
		c.secondParameter(f, n, s)
		c.headerTable(f, n, s)
		c.proxyAddress(f, n, s)
	case *ast.ArithmeticOpExpr:
		c.addedString(f, n)
	case *ast.RelationalOpExpr:
		c.neverEqual(f, n, s)
	}
}

// finder looks for what is meant by names in f.
func (c *checker) finder(f *checkedFile) *hint.Finder {
	return &hint.Finder{Names: c.o.Names, Sites: f.sites}
}

// global is for a name that is no local variable.
func (c *checker) global(f *checkedFile, e *ast.IdentExpr, s sighting) {
	env := c.o.Names.Env
	if s.scope.Find(e.Value) != nil || env == nil || c.foreign || env.Metatable != lua.LNil ||
		e.Value == "arg" || env.RawGetString(e.Value) != lua.LNil {
		return
	}
	at := func() (int, int) { return f.place(e.Line(), e.Line(), 0, e.Value) }
	switch {
	case s.role == roleWritten:
		if s.in == nil || c.failed { // the top level ends before the assignment, if it is in an if
			return
		}
		line, column := at()
		c.add(f.File, line, column, Warning, "global-write",
			fmt.Sprintf("%s is assigned to and is no local variable: all requests share it, and a reload forgets it", e.Value),
			"write local "+e.Value+"; for what requests share, rover.state")
	case c.assigned[e.Value] || c.tested[e.Value]:
	case c.failed && hint.Elsewhere[e.Value] == "": // what would have been defined is not known
	default:
		line, column := at()
		remedy := hint.Elsewhere[e.Value]
		if remedy == "" && (e.Value == "ctx" || e.Value == "res") {
			remedy = "the function has no parameter of that name"
		} else if remedy == "" {
			remedy = spelling.DidYouMean(c.finder(f).Meant(e.Value, s.scope))
		}
		c.add(f.File, line, column, Error, "undefined-global", "undefined global "+e.Value, remedy)
	}
}

// field is for x.y, and what is done with it.
func (c *checker) field(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	key, ok := e.Key.(*ast.StringExpr)
	if !ok {
		return
	}
	kind := s.scope.KindOf(e.Object)
	report := func(code, message, remedy string) {
		words := []string{".", key.Value}
		if object := wordsOf(e.Object); object != nil {
			words = append(object, words...)
		}
		line, column := f.place(min(e.Line(), key.Line()), key.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Error, code, message, remedy)
	}
	object := hint.Text(e.Object)
	if kind == chunk.KindAPI || !s.scope.Sure(e.Object) {
		if kind == "" {
			c.libraryField(f, e.Object, key.Value, s, report)
		}
		return
	}
	names, fields := c.o.Names.Methods[kind], c.o.Names.Fields[chunk.KindCtx]
	settable := []string(nil)
	if kind == chunk.KindRes {
		fields, settable = c.o.Names.Fields[chunk.KindRes], []string{"status"}
	}
	isMethod, isField := slices.Contains(names, key.Value), slices.Contains(fields, key.Value)
	switch {
	case s.role == roleWritten:
		if slices.Contains(settable, key.Value) {
			return
		}
		remedy := ""
		switch {
		case isMethod && kind == chunk.KindRes && strings.HasPrefix(key.Value, "header"):
			remedy = "headers are set with " + object + ":set_header(name, value)"
		case slices.Contains(names, "set_"+key.Value):
			remedy = fmt.Sprintf("write %s:set_%s(…)", object, key.Value)
		case kind == chunk.KindCtx && key.Value == "path":
			remedy = "write " + object + ":rewrite(path)"
		case kind == chunk.KindCtx && !isMethod && !isField:
			remedy = fmt.Sprintf("what belongs to the request is kept with %s:set(%q, value)", object, key.Value)
		}
		report("read-only-field", fmt.Sprintf("%s.%s cannot be set", object, key.Value), remedy)
	case !isMethod && !isField:
		if !c.tested[object+"."+key.Value] {
			report("unknown-field", fmt.Sprintf("%s has no field or method %s", object, key.Value),
				spelling.DidYouMean(spelling.Nearest(key.Value, append(slices.Clone(names), fields...))))
		}
	case isMethod && (s.role == roleIndexed || s.role == roleOperand):
		report("method-as-field", fmt.Sprintf("%s.%s is a method, and is used as a value", object, key.Value),
			fmt.Sprintf("call it: %s:%s(…)", object, key.Value))
	case isField && !isMethod && s.role == roleCalled:
		report("field-called", fmt.Sprintf("%s.%s is a field, and is called", object, key.Value), "leave out the parentheses")
	}
}

// isConfig reports whether an expression is api.config.readiness.dependencies.<name>, which a script
// sets while it serves. What it must not set there says the script itself.
func isConfig(e ast.Expr, s sighting) bool {
	path := []string{}
	for {
		get, ok := e.(*ast.AttrGetExpr)
		if !ok {
			break
		}
		name := "" // of a dependency that is found at run time
		if key, ok := get.Key.(*ast.StringExpr); ok {
			name = key.Value
		}
		path = append(path, name)
		e = get.Object
	}
	return len(path) == 4 && slices.Equal(path[1:], []string{"dependencies", "readiness", "config"}) && s.scope.KindOf(e) == chunk.KindAPI
}

// lateRoute is for a definition below api in a function that runs for requests.
func (c *checker) lateRoute(f *checkedFile, to ast.Expr, s sighting) {
	get, ok := to.(*ast.AttrGetExpr)
	if !ok || !s.in.late() || isConfig(to, s) {
		return
	}
	line, root := get.Line(), ast.Expr(get)
	for more := true; more; {
		switch e := root.(type) {
		case *ast.AttrGetExpr:
			root = e.Object
		case *ast.FuncCallExpr: // api:at("/x")
			if more = chunk.IsAtCall(e); more {
				root = e.Receiver
			}
		default:
			more = false
		}
	}
	if s.scope.KindOf(root) != chunk.KindAPI || !s.scope.Sure(root) {
		return
	}
	line, column := f.place(line, line, 0, hint.Text(root))
	c.add(f.File, line, column, Error, "late-route", "routes and hooks cannot be defined while requests are served",
		"define them at the top level of the script, when it loads")
}

// libraryField is for a field of rover, of rover.json, of string …
func (c *checker) libraryField(f *checkedFile, object ast.Expr, key string, s sighting, report func(code, message, remedy string)) {
	if c.o.Names.Env == nil || s.role == roleWritten {
		return
	}
	h := c.finder(f)
	owner, known := h.Value(object, s.scope)
	table, isTable := owner.(*lua.LTable)
	name := hint.Text(object)
	if !known || !isTable || !c.o.Names.FromLibrary(object, s.scope) || hint.MayHaveMore(table) || table.RawGetString(key) != lua.LNil {
		return
	}
	if rover, ok := c.o.Names.Env.RawGetString("rover").(*lua.LTable); !ok || owner == rover.RawGetString("config") {
		return // what is not set is nil
	}
	if c.tested[name+"."+key] || c.assigned[name+"."+key] {
		return
	}
	what := c.o.Names.LibraryNotGiven(table, key)
	if what == "" {
		what = hint.Instead(key, hint.Keys(table))
	}
	report("unknown-field", fmt.Sprintf("%s has no %s", name, key), what)
}

// call is for calls of what belongs to api, ctx, res and the libraries.
func (c *checker) call(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if s.role == roleDropped {
		c.dropped(f, e, s)
	}
	if e.Receiver != nil {
		c.methodCall(f, e, s)
		c.parameter(f, e, s)
		c.ctxCall(f, e, s)
	} else if get, ok := e.Func.(*ast.AttrGetExpr); ok {
		c.plainCall(f, e, get, s)
	}
	c.arguments(f, e, s)
	c.options(f, e, s)
	c.words(f, e, s)
	c.returnedChange(f, e, s)
	c.raised(f, e, s)
	c.jsonHeaders(f, e, s)
	c.firstStatus(f, e, s)
	c.producer(f, e, s)
}

// methodCall is for x:y(…).
func (c *checker) methodCall(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	report := func(code, message, remedy string) {
		words := append(wordsOf(e.Receiver), ":", e.Method)
		line, column := f.place(e.Line(), e.LastLine()+e.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Error, code, message, remedy)
	}
	object := hint.Text(e.Receiver)
	kind := s.scope.KindOf(e.Receiver)
	switch {
	case kind == chunk.KindAPI:
		c.apiCall(e.Method, true, object, report)
	case kind != "" && s.scope.Sure(e.Receiver):
		if slices.Contains(c.o.Names.Methods[kind], e.Method) {
			return
		}
		fields := c.o.Names.Fields[chunk.KindCtx]
		if kind == chunk.KindRes {
			fields = c.o.Names.Fields[chunk.KindRes]
		}
		if slices.Contains(fields, e.Method) {
			report("field-called", fmt.Sprintf("%s.%s is a field, and is called", object, e.Method), fmt.Sprintf("write %s.%s", object, e.Method))
			return
		}
		remedy := spelling.DidYouMean(spelling.Nearest(e.Method, c.o.Names.Methods[kind]))
		if kind == chunk.KindCtx && slices.Contains(c.o.Names.TypeMethods["body"], e.Method) {
			remedy = fmt.Sprintf("write %s:body():%s()", object, e.Method)
		}
		report("unknown-field", fmt.Sprintf("%s has no method %s", object, e.Method), remedy)
	case kind == "":
		if get, ok := e.Receiver.(*ast.AttrGetExpr); ok && s.scope.KindOf(get.Object) == chunk.KindAPI {
			if key, ok := get.Key.(*ast.StringExpr); ok && c.builder(key.Value) != nil {
				c.builderMethod(key.Value, e.Method, object, report)
			}
			return
		}
		c.libraryField(f, e.Receiver, e.Method, s, report)
		c.objectCall(f, e, s, report)
	}
}

// plainCall is for x.y(…).
func (c *checker) plainCall(f *checkedFile, e *ast.FuncCallExpr, get *ast.AttrGetExpr, s sighting) {
	key, ok := get.Key.(*ast.StringExpr)
	if !ok {
		return
	}
	object := hint.Text(get.Object)
	report := func(code, message, remedy string) {
		words := append(wordsOf(get.Object), ".", key.Value)
		line, column := f.place(e.Line(), key.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Error, code, message, remedy)
	}
	kind := s.scope.KindOf(get.Object)
	if kind == chunk.KindAPI {
		c.apiCall(key.Value, false, object, report)
		return
	}
	if inner, ok := get.Object.(*ast.AttrGetExpr); ok && s.scope.KindOf(inner.Object) == chunk.KindAPI {
		name, ok := inner.Key.(*ast.StringExpr)
		if ok && c.builder(name.Value) != nil && slices.Contains(c.builder(name.Value).Methods, key.Value) {
			report("dot-call", fmt.Sprintf("%s.%s is called with a dot", object, key.Value), fmt.Sprintf("write %s:%s(…) with a colon", object, key.Value))
		}
		return
	}
	if kind == "" {
		c.objectDot(f, e, get, key.Value, s, report)
		return
	}
	if !s.scope.Sure(get.Object) || !slices.Contains(c.o.Names.Methods[kind], key.Value) {
		return
	}
	if len(e.Args) == 0 || isLiteral(e.Args[0]) {
		report("dot-call", fmt.Sprintf("%s.%s is called with a dot", object, key.Value), fmt.Sprintf("write %s:%s(…) with a colon", object, key.Value))
	}
}

// builder returns a builder by its name, nil if there is none.
func (c *checker) builder(name string) *hint.Builder { return c.o.Names.Builders[name] }

// apiCall is for api.x(…) and api:x(…).
func (c *checker) apiCall(name string, colon bool, object string, report func(code, message, remedy string)) {
	switch {
	case c.o.Names.Env == nil || slices.Contains(c.o.Hooks, name):
	case c.builder(name) == nil:
		if _, rule := c.o.Options["node."+name]; rule || route.MethodIndex(name) >= 0 || name == "before" || name == "after" || name == "done" {
			return
		}
		names := append(slices.Collect(maps.Keys(c.o.Names.Builders)), c.o.Hooks...)
		report("unknown-field", fmt.Sprintf("%s has no builder and no hook %s", object, name), spelling.DidYouMean(spelling.Nearest(name, names)))
	case c.builder(name).Colon && !colon:
		report("dot-call", fmt.Sprintf("%s.%s is called with a dot", object, name), fmt.Sprintf("write %s:%s(…) with a colon", object, name))
	}
}

// builderMethod is for api.json:x(…).
func (c *checker) builderMethod(name, method, object string, report func(code, message, remedy string)) {
	b := c.builder(name)
	if slices.Contains(b.Methods, method) {
		return
	}
	report("unknown-field", fmt.Sprintf("%s has no method %s", object, method),
		spelling.DidYouMean(spelling.Nearest(method, b.Methods)))
}

// neverEqual is for res.status == "200".
func (c *checker) neverEqual(f *checkedFile, e *ast.RelationalOpExpr, s sighting) {
	for _, pair := range [...][2]ast.Expr{{e.Lhs, e.Rhs}, {e.Rhs, e.Lhs}} {
		get, ok := pair[0].(*ast.AttrGetExpr)
		value, isString := pair[1].(*ast.StringExpr)
		if !ok || !isString || s.scope.KindOf(get.Object) != chunk.KindRes || !s.scope.Sure(get.Object) {
			continue
		}
		if key, ok := get.Key.(*ast.StringExpr); ok && key.Value == "status" {
			object := hint.Text(get.Object)
			line, column := f.place(get.Line(), key.Line(), 2, object, ".", "status")
			c.add(f.File, line, column, Error, "never-equal", object+".status is a number, and is compared with a string",
				"leave out the quotes: "+value.Value)
		}
	}
}
