package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// badStatus says that an expression is a number that is no status of an answer, from least to 599;
// "" for any other expression.
func badStatus(e ast.Expr, least, most int) string {
	number, ok := e.(*ast.NumberExpr)
	if !ok {
		return ""
	}
	n, err := strconv.ParseFloat(number.Value, 64)
	if err != nil || n == float64(int(n)) && int(n) >= least && int(n) <= most {
		return ""
	}
	return number.Value
}

// assignedStatus is for res.status = 99.
func (c *checker) assignedStatus(f *checkedFile, n *ast.AssignStmt, s sighting) {
	for i, lhs := range n.Lhs {
		get, ok := lhs.(*ast.AttrGetExpr)
		if !ok || i >= len(n.Rhs) || s.scope.KindOf(get.Object) != chunk.KindRes || !s.scope.Sure(get.Object) {
			continue
		}
		key, ok := get.Key.(*ast.StringExpr)
		if !ok || key.Value != "status" {
			continue
		}
		if status := badStatus(n.Rhs[i], 200, 599); status != "" {
			object := hint.Text(get.Object)
			line, column := f.place(get.Line(), key.Line(), 2, object, ".", "status")
			c.add(f.File, line, column, Error, "bad-argument", object+".status cannot be "+status, "a status is from 200 to 599 here")
		}
	}
}

// returnedStatus is for return value, 99 in a handler or a hook.
func (c *checker) returnedStatus(f *checkedFile, n *function) {
	eachReturn(n.expr.Stmts, func(r *ast.ReturnStmt) {
		if len(r.Exprs) < 2 {
			return
		}
		line, column := f.place(r.Line(), r.Line(), 0, "return")
		switch r.Exprs[1].(type) {
		case *ast.TableExpr, *ast.StringExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.FunctionExpr:
			remedy := "write the value, the status, then headers"
			if isNumber(r.Exprs[0]) {
				remedy = "write the value first, and the status behind it"
			}
			c.add(f.File, line, column, Error, "bad-argument", "the second value returned is the status, a number", remedy)
			return
		}
		if status := badStatus(r.Exprs[1], 200, 599); status != "" {
			c.add(f.File, line, column, Error, "bad-argument", "the second value returned is the status, which cannot be "+status,
				"a status is from 200 to 599 here")
		}
	})
}

// firstStatus is for api.stream(99, …) and the like, whose first argument is the status.
func (c *checker) firstStatus(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	builder, call := c.made(e, s.scope)
	if call != e || len(e.Args) == 0 {
		return
	}
	name := strings.Replace(builder, ":", ".", 1)
	least, most, words := 200, 599, wordsOf(e.Func)
	switch {
	case e.Receiver == nil && (strings.HasSuffix(name, ".stream") || strings.HasSuffix(name, ".stream_with_headers")):
	case s.scope.KindOf(e.Receiver) == chunk.KindAPI && slices.Contains([]string{"stream", "stream_with_headers"}, e.Method):
		words = append(wordsOf(e.Receiver), ":", e.Method)
	case e.Method == "with_headers" && strings.HasSuffix(name, ".sse"):
		words = append(wordsOf(e.Receiver), ":", e.Method)
	case e.Method == "status" && strings.HasSuffix(name, ".redirect"):
		least, most, words = 300, 399, append(wordsOf(e.Receiver), ":", e.Method)
	default:
		return
	}
	if status := badStatus(e.Args[0], least, most); status != "" && len(words) > 0 {
		line, column := f.place(e.Line(), e.Line()+20, len(words)-1, words...)
		c.add(f.File, line, column, Error, "bad-argument", strings.Join(words, "")+" cannot answer with the status "+status,
			fmt.Sprintf("a status is from %d to %d here", least, most))
	}
}
