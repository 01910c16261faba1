package lint

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
)

// producer is for api.sse(function() … return function() … end end), and api.stream: what is meant as
// a function that makes the producer is the producer, and its first call fails.
func (c *checker) producer(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	builder, call := c.made(e, s.scope)
	name := strings.Replace(builder, ":", ".", 1)
	of, stream := "piece", strings.HasSuffix(name, ".stream") || strings.HasSuffix(name, ".stream_with_headers")
	if strings.HasSuffix(name, ".sse") {
		of, stream = "event", true
	}
	if call != e || !stream {
		return
	}
	for _, arg := range e.Args {
		fn := functionOf(arg, s.scope)
		if fn == nil {
			continue
		}
		eachReturn(fn.Stmts, func(r *ast.ReturnStmt) {
			if len(r.Exprs) > 0 && functionOf(r.Exprs[0], nil) != nil {
				line, column := f.place(r.Line(), r.Line(), 0, "return")
				c.add(f.File, line, column, Error, "bad-argument", "the producer of "+name+" returns a function",
					"it is called for each "+of+" and returns that: what comes before the first belongs into the handler")
			}
		})
	}
}

// functionOf returns the function that an expression is, or that a local of this name stands for.
func functionOf(e ast.Expr, scope *chunk.Binding) *ast.FunctionExpr {
	if ident, ok := e.(*ast.IdentExpr); ok && scope != nil {
		if b := scope.Find(ident.Value); b != nil && !b.Changed {
			e = b.Value
		}
	}
	fn, _ := e.(*ast.FunctionExpr)
	return fn
}
