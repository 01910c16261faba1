package chunk

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// The compiler calls itself for each level of the syntax tree, and a Go stack that overflows ends
// the process. MaxSyntaxLevels is C Lua's limit. A level costs levelCost, a link of a chain 1: a +
// b + c, a.b.c, f()() and elseif are chains, which nest in the tree but not for the reader.
const (
	MaxSyntaxLevels = 200
	levelCost       = 10
)

// syntaxCheck walks a syntax tree before it is compiled. Not safe for concurrent use.
type syntaxCheck struct {
	file string
	line *int         // of the last statement seen, for the compiler's panics
	err  *SyntaxError // the first
}

func (c *syntaxCheck) fail(line int, format string, args ...any) {
	if c.err == nil {
		c.err = &SyntaxError{File: c.file, Line: max(line, 1), Message: fmt.Sprintf(format, args...)}
	}
}

// deep says whether the walk must not go deeper. Not safe for concurrent use.
func (c *syntaxCheck) deep(line, depth int) bool {
	if depth > MaxSyntaxLevels*levelCost {
		c.fail(line, "chunk has too many syntax levels (limit %d)", MaxSyntaxLevels)
	}
	return c.err != nil
}

func (c *syntaxCheck) Block(stmts []ast.Stmt, depth int) {
	for _, stmt := range stmts {
		*c.line = max(stmt.Line(), *c.line)
		if c.deep(stmt.Line(), depth) {
			return
		}
		c.stmt(stmt, depth)
	}
}

func (c *syntaxCheck) stmt(stmt ast.Stmt, depth int) {
	in := depth + levelCost
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		c.exprs(s.Lhs, in)
		c.exprs(s.Rhs, in)
	case *ast.LocalAssignStmt:
		c.exprs(s.Exprs, in)
	case *ast.FuncCallStmt:
		c.expr(s.Expr, in)
	case *ast.DoBlockStmt:
		c.Block(s.Stmts, in)
	case *ast.WhileStmt:
		c.expr(s.Condition, in)
		c.Block(s.Stmts, in)
	case *ast.RepeatStmt:
		c.Block(s.Stmts, in)
		c.expr(s.Condition, in)
	case *ast.IfStmt:
		c.expr(s.Condition, in)
		c.Block(s.Then, in)
		if len(s.Else) == 1 {
			if _, ok := s.Else[0].(*ast.IfStmt); ok {
				in = depth + 1 // elseif
			}
		}
		c.Block(s.Else, in)
	case *ast.NumberForStmt:
		c.exprs([]ast.Expr{s.Init, s.Limit, s.Step}, in)
		c.Block(s.Stmts, in)
	case *ast.GenericForStmt:
		c.exprs(s.Exprs, in)
		c.Block(s.Stmts, in)
	case *ast.FuncDefStmt:
		c.expr(s.Name.Func, in)
		c.expr(s.Name.Receiver, in)
		c.Block(s.Func.Stmts, in)
	case *ast.ReturnStmt:
		c.exprs(s.Exprs, in)
	}
}

func (c *syntaxCheck) exprs(exprs []ast.Expr, depth int) {
	for _, e := range exprs {
		c.expr(e, depth)
	}
}

// expr walks an expression. Not safe for concurrent use.
func (c *syntaxCheck) expr(expr ast.Expr, depth int) {
	if expr == nil || c.deep(expr.Line(), depth) {
		return
	}
	in, link := depth+levelCost, depth+1
	switch e := expr.(type) {
	case *ast.AttrGetExpr:
		c.expr(e.Object, link)
		c.expr(e.Key, in)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			c.expr(f.Key, in)
			c.expr(f.Value, in)
		}
	case *ast.FuncCallExpr:
		c.expr(e.Func, link)
		c.expr(e.Receiver, link)
		c.exprs(e.Args, in)
	case *ast.LogicalOpExpr:
		c.expr(e.Lhs, link)
		c.expr(e.Rhs, in)
	case *ast.RelationalOpExpr:
		c.expr(e.Lhs, link)
		c.expr(e.Rhs, in)
	case *ast.StringConcatOpExpr: // it associates to the right, and needs a register for each operand
		c.expr(e.Lhs, in)
		c.expr(e.Rhs, in)
	case *ast.ArithmeticOpExpr:
		c.expr(e.Lhs, link)
		c.expr(e.Rhs, in)
	case *ast.UnaryMinusOpExpr:
		c.expr(e.Expr, in)
	case *ast.UnaryNotOpExpr:
		c.expr(e.Expr, in)
	case *ast.UnaryLenOpExpr:
		c.expr(e.Expr, in)
	case *ast.FunctionExpr:
		c.Block(e.Stmts, in)
	}
}
