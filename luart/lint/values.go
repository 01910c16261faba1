package lint

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/hint"
)

// statusAt says which argument of a builder is the status; what comes before is the value.
var statusAt = map[string]int{"json": 2, "text": 2, "html": 2, "raw": 3, "redirect": 2}

// valueArguments is for literal arguments of api.text(…), api:text(…) and their like.
func (c *checker) valueArguments(f *checkedFile, e *ast.FuncCallExpr, object ast.Expr, separator, key string, last int) {
	at := statusAt[key]
	if at == 0 || c.o.Names.Env == nil {
		return
	}
	name := hint.Text(object) + separator + key
	report := func(message, remedy string) {
		line, column := f.place(e.Line(), last, 2, hint.Text(object), separator, key)
		c.add(f.File, line, column, Error, "bad-argument", message, remedy)
	}
	if len(e.Args) == 0 {
		report(name+" is called without an argument", "")
		return
	}
	switch e.Args[0].(type) {
	case *ast.NumberExpr:
		if len(e.Args) > 1 && !isNumber(e.Args[1]) {
			report(name+" takes the status behind the value", fmt.Sprintf("write %s.%s:status(status, …)", hint.Text(object), key))
			return
		}
	case *ast.TableExpr:
		if key == "text" || key == "redirect" || key == "raw" {
			report(name+" takes a string, not a table", "")
			return
		}
	}
	least, most := 200, 599
	if key == "redirect" {
		least, most = 300, 399
	}
	if len(e.Args) >= at {
		switch status := e.Args[at-1].(type) {
		case *ast.NumberExpr:
			if n, err := strconv.ParseFloat(status.Value, 64); err == nil && (n != float64(int(n)) || int(n) < least || int(n) > most) {
				report(fmt.Sprintf("%s cannot answer with the status %s", name, status.Value), fmt.Sprintf("a status is from %d to %d here", least, most))
			}
		case *ast.StringExpr, *ast.TableExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.FunctionExpr:
			report(fmt.Sprintf("argument %d of %s is the status, a number", at, name), "")
		}
		return
	}
	if len(e.Args) == at-1 && givesCount(e.Args[at-2]) {
		report("the second value of gsub, a count, is the status of "+name, "put the call of gsub in parentheses")
	}
}

// returnedCount is for a handler or hook that returns s:gsub(…): both values.
func (c *checker) returnedCount(f *checkedFile, n *function) {
	eachReturn(n.expr.Stmts, func(r *ast.ReturnStmt) {
		if len(r.Exprs) == 1 && givesCount(r.Exprs[0]) {
			line, column := f.place(r.Line(), r.Line(), 0, "return")
			c.add(f.File, line, column, Error, "returned-count", "the second value of gsub, a count, is the status of what is returned",
				"put the call of gsub in parentheses")
		}
	})
}

// givesCount reports whether an expression is s:gsub(…), string.gsub(…) or rover.re.gsub(…), not in
// parentheses.
func givesCount(e ast.Expr) bool {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok || call.AdjustRet {
		return false
	}
	if call.Receiver != nil {
		return call.Method == "gsub"
	}
	get, ok := call.Func.(*ast.AttrGetExpr)
	return ok && slices.Contains([]string{"string.gsub", "rover.re.gsub"}, hint.Text(get))
}

func isNumber(e ast.Expr) bool {
	_, ok := e.(*ast.NumberExpr)
	return ok
}
