package luart

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// gopher-lua's compiler calls itself for each level of the syntax tree, and a Go stack that overflows ends the
// process. maxSyntaxLevels is C Lua's limit. A level costs levelCost, a link of a chain 1: a + b + c, a.b.c, f()()
// and elseif are chains, which nest in the tree but not for the reader.
const (
	maxSyntaxLevels = 200
	levelCost       = 10

	// maxFolding bounds the search for constant expressions, which visits the operands of an arithmetic operator
	// once for each operator around it: 10 million visits take 0.2 s.
	maxFolding = 10_000_000
)

// syntaxCheck walks a syntax tree before it is compiled. Not safe for concurrent use.
type syntaxCheck struct {
	file    string
	line    *int // of the last statement seen, for the compiler's panics
	folding int
	err     *SyntaxError // the first
}

func (c *syntaxCheck) fail(line int, format string, args ...any) {
	if c.err == nil {
		c.err = &SyntaxError{File: c.file, Line: max(line, 1), Message: fmt.Sprintf(format, args...)}
	}
}

// deep says whether the walk must not go deeper. Not safe for concurrent use.
func (c *syntaxCheck) deep(line, depth int) bool {
	if depth > maxSyntaxLevels*levelCost {
		c.fail(line, "chunk has too many syntax levels (limit %d)", maxSyntaxLevels)
	}
	return c.err != nil
}

func (c *syntaxCheck) block(stmts []ast.Stmt, depth int) {
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
		c.expr(s.Expr, in, 0)
	case *ast.DoBlockStmt:
		c.block(s.Stmts, in)
	case *ast.WhileStmt:
		c.expr(s.Condition, in, 0)
		c.block(s.Stmts, in)
	case *ast.RepeatStmt:
		c.block(s.Stmts, in)
		c.expr(s.Condition, in, 0)
	case *ast.IfStmt:
		c.expr(s.Condition, in, 0)
		c.block(s.Then, in)
		if len(s.Else) == 1 {
			if _, ok := s.Else[0].(*ast.IfStmt); ok {
				in = depth + 1 // elseif
			}
		}
		c.block(s.Else, in)
	case *ast.NumberForStmt:
		c.exprs([]ast.Expr{s.Init, s.Limit, s.Step}, in)
		c.block(s.Stmts, in)
	case *ast.GenericForStmt:
		c.exprs(s.Exprs, in)
		c.block(s.Stmts, in)
	case *ast.FuncDefStmt:
		c.expr(s.Name.Func, in, 0)
		c.expr(s.Name.Receiver, in, 0)
		c.block(s.Func.Stmts, in)
	case *ast.ReturnStmt:
		c.exprs(s.Exprs, in)
	}
}

func (c *syntaxCheck) exprs(exprs []ast.Expr, depth int) {
	for _, e := range exprs {
		c.expr(e, depth, 0)
	}
}

// expr walks an expression; operators counts the arithmetic operators right around it. Not safe for concurrent use.
func (c *syntaxCheck) expr(expr ast.Expr, depth, operators int) {
	if expr == nil || c.deep(expr.Line(), depth) {
		return
	}
	if c.folding += operators; c.folding > maxFolding {
		c.fail(expr.Line(), "arithmetic expression too long")
	}
	in, link := depth+levelCost, depth+1
	switch e := expr.(type) {
	case *ast.NumberExpr:
		c.number(e)
	case *ast.AttrGetExpr:
		c.expr(e.Object, link, 0)
		c.expr(e.Key, in, 0)
	case *ast.TableExpr:
		adjustLast(e)
		for _, f := range e.Fields {
			c.expr(f.Key, in, 0)
			c.expr(f.Value, in, 0)
		}
	case *ast.FuncCallExpr:
		c.expr(e.Func, link, 0)
		c.expr(e.Receiver, link, 0)
		c.exprs(e.Args, in)
	case *ast.LogicalOpExpr:
		c.expr(e.Lhs, link, 0)
		c.expr(e.Rhs, in, 0)
	case *ast.RelationalOpExpr:
		c.expr(e.Lhs, link, 0)
		c.expr(e.Rhs, in, 0)
	case *ast.StringConcatOpExpr: // it associates to the right, and needs a register for each operand
		c.expr(e.Lhs, in, 0)
		c.expr(e.Rhs, in, 0)
	case *ast.ArithmeticOpExpr:
		c.expr(e.Lhs, link, operators+1)
		c.expr(e.Rhs, in, operators+1)
	case *ast.UnaryMinusOpExpr:
		c.expr(e.Expr, in, operators+1)
	case *ast.UnaryNotOpExpr:
		c.expr(e.Expr, in, 0)
	case *ast.UnaryLenOpExpr:
		c.expr(e.Expr, in, 0)
	case *ast.FunctionExpr:
		c.block(e.Stmts, in)
	}
}

// number refuses numerals that gopher-lua would make NaN of without a word (1e, 1e+), and respells those that it
// reads as others: hexadecimal ones of 64 bits and more (NaN), and 0010 (8). Not safe for concurrent use.
func (c *syntaxCheck) number(e *ast.NumberExpr) {
	n, ok := parseNumber(e.Value)
	if !ok {
		// At the end of the source the scanner takes EOF (-1) for a byte of the exponent.
		c.fail(e.Line(), "malformed number near '%s'", shown(strings.TrimSuffix(e.Value, "\xff")))
		return
	}
	leadingZero := len(e.Value) > 1 && e.Value[0] == '0' && '0' <= e.Value[1] && e.Value[1] <= '9'
	if math.Abs(n) >= maxExact && !math.IsInf(n, 0) || leadingZero {
		e.Value = strconv.FormatFloat(n, 'e', -1, 64)
	}
}

// adjustLast mends a table constructor such as {1, n = f()}. gopher-lua takes the value of
// its last field for the end of the list, and puts whatever lies in its registers there.
func adjustLast(e *ast.TableExpr) {
	if len(e.Fields) == 0 || e.Fields[len(e.Fields)-1].Key == nil {
		return
	}
	switch v := e.Fields[len(e.Fields)-1].Value.(type) {
	case *ast.FuncCallExpr:
		v.AdjustRet = true
	case *ast.Comma3Expr:
		v.AdjustRet = true
	}
}
