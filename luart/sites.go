package luart

import "github.com/yuin/gopher-lua/ast"

// gopher-lua's messages do not say what was called or indexed. sites are the places in a file where that happens, by
// line; which of them failed is found by leaving out those that cannot have.
type sites struct {
	calls   map[int][]site
	indexes map[int][]site
	foreign bool // some function may have other globals: setfenv is there
}

// site is a value that is called, or indexed. Not safe for concurrent use.
type site struct {
	expr  ast.Expr // the value; of x:f() an index like that of x.f
	scope *binding // what is visible there
	args  []ast.Expr
	colon bool   // x:f()
	key   string // of an index
	keyed bool   // the key is a constant
	write bool   // an assignment to the index
	used  bool   // the index is called or indexed itself
	loop  bool   // the call is that of a for loop
}

// sitesOf finds the sites of a file. Any goroutine may call it.
func (f *sourceFile) sitesOf() *sites {
	stmts := f.stmts()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sites == nil {
		w := siteWalk{sites: &sites{calls: map[int][]site{}, indexes: map[int][]site{}}}
		w.block(stmts)
		f.sites = w.sites
	}
	return f.sites
}

// stmts are the file's statements, as long as its sites have not been found. Any goroutine may call it.
func (f *sourceFile) stmts() []ast.Stmt {
	f.mu.Lock()
	known := f.sites != nil
	f.mu.Unlock()
	if known {
		return nil
	}
	return f.statements()
}

// statements parses the file, if it is not too long. They are nil where it does not parse. Any goroutine may call it.
func (f *sourceFile) statements() []ast.Stmt {
	if len(f.text) > maxHintBytes || f.broken != nil {
		return nil
	}
	text := f.text
	if len(text) > 1 && text[:2] == "#!" {
		text = "--" + text[2:]
	}
	return f.parses(text)
}

// siteWalk collects sites. Not safe for concurrent use.
type siteWalk struct {
	sites *sites
	scope *binding
	watch watcher // nil: nobody watches
}

// watcher is told what a walk comes by. Only when it is over is it known which locals are
// assigned to.
type watcher interface {
	// see gets each statement and expression before what is in it, and what is visible there.
	see(node any, scope *binding)
	// enter gets each function before its body, with its parameters. handler says that it is
	// assigned to something below api, and hook in which list of hooks.
	enter(fn *ast.FunctionExpr, params []*binding, handler bool, hook string)
	leave(fn *ast.FunctionExpr)
}

func (w *siteWalk) see(node any) {
	if w.watch != nil {
		w.watch.see(node, w.scope)
	}
}

func (w *siteWalk) declare(name string, value ast.Expr) *binding {
	w.scope = &binding{outer: w.scope, name: name, value: value}
	return w.scope
}

func (w *siteWalk) block(stmts []ast.Stmt) {
	defer func(outer *binding) { w.scope = outer }(w.scope)
	for _, stmt := range stmts {
		w.stmt(stmt)
	}
}

func (w *siteWalk) stmt(stmt ast.Stmt) {
	w.see(stmt)
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		for i, lhs := range s.Lhs {
			w.assign(lhs)
			if fn, ok := valueAt(s.Rhs, i).(*ast.FunctionExpr); ok {
				w.function(fn, lhs)
			}
		}
		for _, rhs := range s.Rhs {
			if _, isFunction := rhs.(*ast.FunctionExpr); !isFunction {
				w.expr(rhs)
			}
		}
	case *ast.LocalAssignStmt:
		if fn, ok := valueAt(s.Exprs, 0).(*ast.FunctionExpr); ok && len(s.Names) == 1 {
			w.declare(s.Names[0], fn) // local function f() may call itself
			w.function(fn, nil)
			return
		}
		w.exprs(s.Exprs)
		for i, name := range s.Names {
			b := w.declare(name, valueAt(s.Exprs, i))
			b.kind, b.likely = w.kindOf(b.value, b.outer)
		}
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		w.block(s.Stmts)
	case *ast.RepeatStmt:
		outer := w.scope
		for _, stmt := range s.Stmts {
			w.stmt(stmt)
		}
		w.expr(s.Condition) // sees the locals of the block
		w.scope = outer
	case *ast.IfStmt:
		w.expr(s.Condition)
		w.block(s.Then)
		w.block(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		w.loop([]string{s.Name}, s.Stmts)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		w.sites.calls[s.Line()] = append(w.sites.calls[s.Line()], site{expr: s.Exprs[0], scope: w.scope, loop: true})
		w.loop(s.Names, s.Stmts)
	case *ast.FuncDefStmt:
		if s.Name.Func == nil {
			w.expr(s.Name.Receiver)
			w.scope = &binding{outer: w.scope, name: "self"}
			w.function(s.Func, nil)
			w.scope = w.scope.outer
			return
		}
		w.assign(s.Name.Func)
		w.function(s.Func, s.Name.Func)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
}

func valueAt(exprs []ast.Expr, i int) ast.Expr {
	if i < len(exprs) {
		return exprs[i]
	}
	return nil
}

func (w *siteWalk) loop(names []string, stmts []ast.Stmt) {
	defer func(outer *binding) { w.scope = outer }(w.scope)
	for _, name := range names {
		w.declare(name, nil)
	}
	w.block(stmts)
}

func (w *siteWalk) assign(lhs ast.Expr) {
	switch e := lhs.(type) {
	case *ast.IdentExpr:
		w.see(e)
		if b := w.scope.find(e.Value); b != nil {
			b.changed = true
		}
	case *ast.AttrGetExpr:
		w.attr(e).write = true
	}
}

// function walks a function; to is what it is assigned to, nil for anything else.
func (w *siteWalk) function(fn *ast.FunctionExpr, to ast.Expr) {
	defer func(outer *binding) { w.scope = outer }(w.scope)
	hook, isHandler := w.isHandler(to)
	var params []*binding
	for i, name := range fn.ParList.Names {
		b := w.declare(name, nil)
		params = append(params, b)
		switch {
		case isHandler && i == 0:
			b.kind = kindCtx
		case isHandler && i == 1 && hook == "after":
			b.kind = kindRes
		case name == string(kindCtx), name == string(kindAPI):
			b.kind, b.likely = objectKind(name), true
		}
	}
	if w.watch != nil {
		w.watch.enter(fn, params, isHandler, hook)
		defer w.watch.leave(fn)
	}
	w.block(fn.Stmts)
}

func (w *siteWalk) exprs(exprs []ast.Expr) {
	for _, e := range exprs {
		w.expr(e)
	}
}

func (w *siteWalk) expr(expr ast.Expr) {
	switch expr.(type) {
	case nil, *ast.AttrGetExpr: // attr says it
	default:
		w.see(expr)
	}
	switch e := expr.(type) {
	case *ast.IdentExpr:
		if e.Value == "setfenv" {
			w.sites.foreign = true
		}
	case *ast.AttrGetExpr:
		w.attr(e)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			w.expr(f.Key)
			w.expr(f.Value)
		}
	case *ast.FuncCallExpr:
		w.call(e)
	case *ast.LogicalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.RelationalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.StringConcatOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.ArithmeticOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.UnaryMinusOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		w.expr(e.Expr)
	case *ast.FunctionExpr:
		w.function(e, nil)
	}
}

// attr adds the site of an index, which is good until the next of its line.
func (w *siteWalk) attr(e *ast.AttrGetExpr) *site {
	w.see(e)
	w.inner(e.Object)
	w.expr(e.Key)
	s := site{expr: e.Object, scope: w.scope}
	if key, ok := e.Key.(*ast.StringExpr); ok {
		s.key, s.keyed = key.Value, true
	}
	list := append(w.sites.indexes[e.Line()], s)
	w.sites.indexes[e.Line()] = list
	return &list[len(list)-1]
}

// inner walks what is called or indexed.
func (w *siteWalk) inner(e ast.Expr) {
	if get, ok := e.(*ast.AttrGetExpr); ok {
		w.attr(get).used = true
		return
	}
	w.expr(e)
}

func (w *siteWalk) call(e *ast.FuncCallExpr) {
	s := site{expr: e.Func, scope: w.scope, args: e.Args}
	if e.Receiver != nil {
		w.inner(e.Receiver)
		key := &ast.StringExpr{Value: e.Method}
		s.expr, s.colon = &ast.AttrGetExpr{Object: e.Receiver, Key: key}, true
		w.sites.indexes[e.Line()] = append(w.sites.indexes[e.Line()],
			site{expr: e.Receiver, scope: w.scope, key: e.Method, keyed: true, used: true})
	} else {
		w.inner(e.Func)
	}
	w.exprs(e.Args)
	w.sites.calls[e.Line()] = append(w.sites.calls[e.Line()], s)
}
