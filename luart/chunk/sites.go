package chunk

import "github.com/yuin/gopher-lua/ast"

// gopher-lua's messages do not say what was called or indexed. sites are the places in a file where
// that happens, by line; which of them failed is found by leaving out those that cannot have.
type Sites struct {
	Calls   map[int][]Site
	Indexes map[int][]Site
	Foreign bool // some function may have other globals: setfenv is there
}

// Site is a value that is called, or indexed. Not safe for concurrent use.
type Site struct {
	Expr  ast.Expr // the value; of x:f() an index like that of x.f
	Scope *Binding // what is visible there
	Args  []ast.Expr
	Colon bool   // x:f()
	Key   string // of an index
	Keyed bool   // the key is a constant
	Write bool   // an assignment to the index
	Used  bool   // the index is called or indexed itself
	Loop  bool   // the call is that of a for loop
}

// Sites finds the sites of a file.
func (f *File) Sites() *Sites {
	stmts := f.stmts()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sites == nil {
		w := SiteWalk{Sites: &Sites{Calls: map[int][]Site{}, Indexes: map[int][]Site{}}}
		w.Block(stmts)
		f.sites = w.Sites
	}
	return f.sites
}

// stmts are the file's statements, as long as its sites have not been found.
func (f *File) stmts() []ast.Stmt {
	f.mu.Lock()
	known := f.sites != nil
	f.mu.Unlock()
	if known {
		return nil
	}
	return f.Statements()
}

// Statements parses the file, if it is not too long. They are nil where it does not parse.
func (f *File) Statements() []ast.Stmt {
	if len(f.Text) > MaxHintBytes || f.Broken != nil {
		return nil
	}
	text := f.Text
	if len(text) > 1 && text[:2] == "#!" {
		text = "--" + text[2:]
	}
	return f.parses(text)
}

// SiteWalk collects sites. Not safe for concurrent use.
type SiteWalk struct {
	Sites *Sites
	scope *Binding
	Watch watcher // nil: nobody watches
}

// watcher is told what a walk comes by. Only when it is over is it known which locals are
// assigned to.
type watcher interface {
	// See gets each statement and expression before what is in it, and what is visible there.
	See(node any, scope *Binding)
	// Enter gets each function before its body, with its parameters. handler says that it is
	// assigned to something below api, and hook in which list of hooks.
	Enter(fn *ast.FunctionExpr, params []*Binding, handler bool, hook string)
	Leave(fn *ast.FunctionExpr)
}

func (w *SiteWalk) see(node any) {
	if w.Watch != nil {
		w.Watch.See(node, w.scope)
	}
}

func (w *SiteWalk) declare(name string, value ast.Expr) *Binding {
	w.scope = &Binding{Outer: w.scope, Name: name, Value: value}
	return w.scope
}

func (w *SiteWalk) Block(stmts []ast.Stmt) {
	defer func(outer *Binding) { w.scope = outer }(w.scope)
	for _, stmt := range stmts {
		w.stmt(stmt)
	}
}

func (w *SiteWalk) stmt(stmt ast.Stmt) {
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
			b.Kind, b.Likely = w.KindOf(b.Value, b.Outer)
		}
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		w.Block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		w.Block(s.Stmts)
	case *ast.RepeatStmt:
		outer := w.scope
		for _, stmt := range s.Stmts {
			w.stmt(stmt)
		}
		w.expr(s.Condition) // sees the locals of the block
		w.scope = outer
	case *ast.IfStmt:
		w.expr(s.Condition)
		w.Block(s.Then)
		w.Block(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		w.loop([]string{s.Name}, s.Stmts)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		w.Sites.Calls[s.Line()] = append(w.Sites.Calls[s.Line()], Site{Expr: s.Exprs[0], Scope: w.scope, Loop: true})
		w.loop(s.Names, s.Stmts)
	case *ast.FuncDefStmt:
		if s.Name.Func == nil {
			w.expr(s.Name.Receiver)
			w.scope = &Binding{Outer: w.scope, Name: "self"}
			w.function(s.Func, nil)
			w.scope = w.scope.Outer
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

func (w *SiteWalk) loop(names []string, stmts []ast.Stmt) {
	defer func(outer *Binding) { w.scope = outer }(w.scope)
	for _, name := range names {
		w.declare(name, nil)
	}
	w.Block(stmts)
}

func (w *SiteWalk) assign(lhs ast.Expr) {
	switch e := lhs.(type) {
	case *ast.IdentExpr:
		w.see(e)
		if b := w.scope.Find(e.Value); b != nil {
			b.Changed = true
		}
	case *ast.AttrGetExpr:
		w.attr(e).Write = true
	}
}

// function walks a function; to is what it is assigned to, nil for anything else.
func (w *SiteWalk) function(fn *ast.FunctionExpr, to ast.Expr) {
	defer func(outer *Binding) { w.scope = outer }(w.scope)
	hook, isHandler := w.isHandler(to)
	var params []*Binding
	for i, name := range fn.ParList.Names {
		b := w.declare(name, nil)
		params = append(params, b)
		switch {
		case isHandler && i == 0:
			b.Kind = KindCtx
		case isHandler && i == 1 && hook == "after":
			b.Kind = KindRes
		case name == string(KindCtx), name == string(KindAPI):
			b.Kind, b.Likely = ObjectKind(name), true
		}
	}
	if w.Watch != nil {
		w.Watch.Enter(fn, params, isHandler, hook)
		defer w.Watch.Leave(fn)
	}
	w.Block(fn.Stmts)
}

func (w *SiteWalk) exprs(exprs []ast.Expr) {
	for _, e := range exprs {
		w.expr(e)
	}
}

func (w *SiteWalk) expr(expr ast.Expr) {
	switch expr.(type) {
	case nil, *ast.AttrGetExpr: // attr says it
	default:
		w.see(expr)
	}
	switch e := expr.(type) {
	case *ast.IdentExpr:
		if e.Value == "setfenv" {
			w.Sites.Foreign = true
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
func (w *SiteWalk) attr(e *ast.AttrGetExpr) *Site {
	w.see(e)
	w.inner(e.Object)
	w.expr(e.Key)
	s := Site{Expr: e.Object, Scope: w.scope}
	if key, ok := e.Key.(*ast.StringExpr); ok {
		s.Key, s.Keyed = key.Value, true
	}
	list := append(w.Sites.Indexes[e.Line()], s)
	w.Sites.Indexes[e.Line()] = list
	return &list[len(list)-1]
}

// inner walks what is called or indexed.
func (w *SiteWalk) inner(e ast.Expr) {
	if get, ok := e.(*ast.AttrGetExpr); ok {
		w.attr(get).Used = true
		return
	}
	w.expr(e)
}

func (w *SiteWalk) call(e *ast.FuncCallExpr) {
	s := Site{Expr: e.Func, Scope: w.scope, Args: e.Args}
	if e.Receiver != nil {
		w.inner(e.Receiver)
		key := &ast.StringExpr{Value: e.Method}
		s.Expr, s.Colon = &ast.AttrGetExpr{Object: e.Receiver, Key: key}, true
		w.Sites.Indexes[e.Line()] = append(w.Sites.Indexes[e.Line()],
			Site{Expr: e.Receiver, Scope: w.scope, Key: e.Method, Keyed: true, Used: true})
	} else {
		w.inner(e.Func)
	}
	w.exprs(e.Args)
	w.Sites.Calls[e.Line()] = append(w.Sites.Calls[e.Line()], s)
}
