package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/route"
)

// made returns the builder that an expression calls, "api.json" or "api:error", with what is
// chained to it; empty if it calls none. api:at makes no response.
func (c *checker) made(e ast.Expr, scope *chunk.Binding) (builder string, call *ast.FuncCallExpr) {
	n, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return "", nil
	}
	callee, separator := n.Func, "."
	if n.Receiver != nil {
		if scope.KindOf(n.Receiver) == chunk.KindAPI { // api:error
			callee, separator = &ast.AttrGetExpr{Object: n.Receiver, Key: &ast.StringExpr{Value: n.Method}}, ":"
		} else if get, ok := n.Receiver.(*ast.AttrGetExpr); ok { // api.json:status
			callee = get
		} else {
			return c.made(n.Receiver, scope) // …:set_header
		}
	}
	switch callee := callee.(type) {
	case *ast.AttrGetExpr:
		key, ok := callee.Key.(*ast.StringExpr)
		if ok && key.Value != chunk.NodeBuilder && scope.KindOf(callee.Object) == chunk.KindAPI && c.builder(key.Value) != nil {
			return hint.Text(callee.Object) + separator + key.Value, n
		}
	case *ast.FuncCallExpr: // api.html(data)[[template]]
		return c.made(callee, scope)
	}
	return "", nil
}

// dropped is for a response that is made and not returned.
func (c *checker) dropped(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	name, call := c.made(e, s.scope)
	if name == "" {
		return
	}
	object, key := name[:strings.IndexAny(name, ".:")], name[strings.IndexAny(name, ".:")+1:]
	line, column := f.place(call.Line(), call.Line()+20, 0, object, name[len(object):len(object)+1], key)
	c.add(f.File, line, column, Error, "dropped-response", "the response of "+name+" is made and dropped", "write return "+name+"(…)")
}

// arguments is for literal arguments of builders that cannot be right.
func (c *checker) arguments(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if e.Receiver == nil {
		if get, ok := e.Func.(*ast.AttrGetExpr); ok && s.scope.KindOf(get.Object) == chunk.KindAPI {
			if key, ok := get.Key.(*ast.StringExpr); ok {
				c.valueArguments(f, e, get.Object, ".", key.Value, key.Line())
			}
		}
		return
	}
	if s.scope.KindOf(e.Receiver) == chunk.KindAPI && e.Method != "error" {
		c.valueArguments(f, e, e.Receiver, ":", e.Method, e.Line()+20)
		return
	}
	get, isBuilder := e.Receiver.(*ast.AttrGetExpr)
	isError := e.Method == "error" && s.scope.KindOf(e.Receiver) == chunk.KindAPI
	if isBuilder {
		key, ok := get.Key.(*ast.StringExpr)
		isBuilder = ok && e.Method == "status" && s.scope.KindOf(get.Object) == chunk.KindAPI && c.builder(key.Value) != nil
	}
	if !isError && !isBuilder {
		return
	}
	name := hint.Text(e.Receiver) + ":" + e.Method
	report := func(message string) {
		words := append(wordsOf(e.Receiver), ":", e.Method)
		line, column := f.place(e.Line(), e.Line()+20, len(words)-1, words...)
		c.add(f.File, line, column, Error, "bad-argument", message, "the arguments are a status from 200 to 599, and what to answer")
	}
	if len(e.Args) == 0 {
		report(name + " is called without a status")
		return
	}
	switch status := e.Args[0].(type) {
	case *ast.NumberExpr:
		if n, err := strconv.Atoi(status.Value); err == nil && (n < 200 || n > 599) {
			report(name + " cannot answer with the status " + status.Value)
		} else if len(e.Args) == 1 {
			report(name + " has nothing to answer with")
		}
	case *ast.StringExpr:
		if _, err := strconv.Atoi(status.Value); err != nil {
			report(name + " takes a status first, not a string")
		}
	case *ast.TableExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.FunctionExpr:
		report(name + " takes a status first")
	}
}

// function is for what a handler or a guard returns, or does not.
func (c *checker) function(f *checkedFile, n *function) {
	if !n.handler {
		return
	}
	if n.hook == "before" {
		eachReturn(n.expr.Stmts, func(r *ast.ReturnStmt) {
			if len(r.Exprs) != 1 {
				return
			}
			word := ""
			switch r.Exprs[0].(type) {
			case *ast.TrueExpr:
				word = "true"
			case *ast.FalseExpr:
				word = "false"
			default:
				return
			}
			line, column := f.place(r.Line(), r.Line(), 0, "return", word)
			c.add(f.File, line, column, Error, "boolean-guard", fmt.Sprintf("a guard that returns %s answers the request with the text %[1]q", word),
				"return nothing to let the request go on, and a response such as api:error(403, …) to refuse it")
		})
	}
	c.statusAlone(f, n)
	c.afterParameters(f, n)
	c.returnedCount(f, n)
	c.returnedStatus(f, n)
	if !n.isRoute() || !c.answersGet(f, n) || !falls(n.expr.Stmts) {
		return
	}
	answers, bare := false, false
	eachReturn(n.expr.Stmts, func(r *ast.ReturnStmt) {
		if len(r.Exprs) == 0 {
			bare = true
			return
		}
		if _, isNil := r.Exprs[0].(*ast.NilExpr); isNil {
			bare = true
			return
		}
		if !isErrorAnswer(r.Exprs[0]) {
			answers = true
		}
	})
	if !answers || bare {
		return
	}
	line := n.expr.LastLine()
	_, column := f.place(line, line, 0, "end")
	c.add(f.File, line, column, Warning, "missing-return", "the handler returns a value on some ways, and ends without one on others: 204 No Content",
		"return what it answers there; write return api.no_content() if it is nothing")
}

// answersGet reports whether a function of the source is a GET route.
func (c *checker) answersGet(f *checkedFile, n *function) bool {
	for _, r := range c.routesOf(f, n) {
		if r.method == route.Get {
			return true
		}
	}
	return false
}

// isErrorAnswer reports whether an expression is api:error(…), with what is chained to it.
func isErrorAnswer(e ast.Expr) bool {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok || call.Receiver == nil {
		return false
	}
	return call.Method == "error" || isErrorAnswer(call.Receiver)
}

// blocks are the statements inside of one.
func blocks(s ast.Stmt) [][]ast.Stmt {
	switch s := s.(type) {
	case *ast.DoBlockStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.WhileStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.RepeatStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.IfStmt:
		return [][]ast.Stmt{s.Then, s.Else}
	case *ast.NumberForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.GenericForStmt:
		return [][]ast.Stmt{s.Stmts}
	}
	return nil
}

// eachReturn calls do for the return statements of a function, without those of functions
// inside of it.
func eachReturn(stmts []ast.Stmt, do func(*ast.ReturnStmt)) {
	for _, s := range stmts {
		if r, ok := s.(*ast.ReturnStmt); ok {
			do(r)
		}
		for _, b := range blocks(s) {
			eachReturn(b, do)
		}
	}
}

// falls reports whether a block ends with something that is hardly meant to be the last that
// a handler does. A call of a function may always raise, and a goto may lead anywhere.
func falls(stmts []ast.Stmt) bool {
	if len(stmts) == 0 {
		return true
	}
	switch s := stmts[len(stmts)-1].(type) {
	case *ast.ReturnStmt, *ast.GotoStmt, *ast.RepeatStmt, *ast.LabelStmt, *ast.BreakStmt, *ast.NumberForStmt, *ast.GenericForStmt, *ast.WhileStmt:
		// After a loop it may be that nothing was found.
		return false
	case *ast.IfStmt: // without an else it may be that there was nothing to do
		return len(s.Else) > 0 && (falls(s.Then) || falls(s.Else))
	case *ast.DoBlockStmt:
		return falls(s.Stmts)
	case *ast.FuncCallStmt:
		call, ok := s.Expr.(*ast.FuncCallExpr)
		return ok && call.Receiver != nil && !slices.Contains([]string{"error", "fail", "abort", "raise"}, call.Method)
	}
	return true
}
