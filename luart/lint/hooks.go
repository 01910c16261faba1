package lint

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// hookOf returns the list of hooks of which an expression is the ctx, "before", "after" or "done"; ""
// for any other expression.
func (c *checker) hookOf(ctx ast.Expr, s sighting) string {
	ident, ok := ctx.(*ast.IdentExpr)
	if !ok {
		return ""
	}
	b := s.scope.Find(ident.Value)
	for in := s.in; in != nil; in = in.outer {
		if len(in.params) > 0 && in.params[0] == b {
			return in.hook
		}
	}
	return ""
}

// changeInAfter is for ctx:set_header(…) in an after hook: the request has been answered, and nobody
// gets it any more.
func (c *checker) changeInAfter(e *ast.FuncCallExpr, s sighting, name string, report func(severity Severity, code, message, remedy string)) {
	if e.Method == "set" || !slices.Contains(changes, e.Method) || c.hookOf(e.Receiver, s) != "after" {
		return
	}
	if slices.Contains(responseNames, hint.Text(e.Receiver)) {
		return // see afterParameters
	}
	remedy := "a before hook changes the request"
	if slices.Contains(c.o.Names.Methods[chunk.KindRes], e.Method) {
		remedy = "write res:" + e.Method + "(…) for the response: function(ctx, res)"
	}
	report(Warning, "change-in-after", name+" changes the request, which is over in an after hook: nobody gets that", remedy)
}

// surplus is for ctx:query("x"): it returns all, whatever its argument is.
func (c *checker) surplus(e *ast.FuncCallExpr, name string, report func(severity Severity, code, message, remedy string)) {
	if usage := luart.ReadsAll[e.Method]; usage != "" && len(e.Args) > 0 {
		report(Error, "surplus-argument", name+" takes no argument", "write "+fmt.Sprintf(usage, hint.Text(e.Receiver)))
	}
}

// responseNames are what scripts call the response that an after hook gets.
var responseNames = []string{"res", "resp", "response"}

// afterParameters is for function api.after.brand(res): the first parameter is ctx, whatever it is
// called.
func (c *checker) afterParameters(f *checkedFile, n *function) {
	if n.hook != "after" || n.expr.ParList == nil || len(n.expr.ParList.Names) == 0 {
		return
	}
	name := n.expr.ParList.Names[0]
	if !slices.Contains(responseNames, name) {
		return
	}
	line, column := f.place(n.expr.Line(), n.expr.Line(), 1, "(", name)
	c.add(f.File, line, column, Error, "after-parameters", name+" is the request here: an after hook gets ctx first, and then the response",
		"write function(ctx, "+name+")")
}

// statusAlone is for return 401: it answers 200 with the text 401.
func (c *checker) statusAlone(f *checkedFile, n *function) {
	if n.hook != "" && n.hook != "before" {
		return
	}
	eachReturn(n.expr.Stmts, func(r *ast.ReturnStmt) {
		if len(r.Exprs) != 1 {
			return
		}
		number, ok := r.Exprs[0].(*ast.NumberExpr)
		if !ok {
			return
		}
		status, err := strconv.Atoi(number.Value)
		if err != nil || status < 300 || status > 599 {
			return
		}
		severity := Warning // a route may answer with a number
		if n.hook == "before" {
			severity = Error
		}
		line, column := f.place(r.Line(), r.Line(), 0, "return")
		c.add(f.File, line, column, severity, "status-alone", fmt.Sprintf("what is returned first is the body: this answers 200 with the text %q", number.Value),
			fmt.Sprintf("write return api:error(%s, …), or the body first: return {}, %[1]s", number.Value))
	})
}
