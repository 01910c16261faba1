package luac

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// scope compiles a block of statements with variables of its own.
func (f *function) scope(list []ast.Stmt) {
	f.enter(&block{})
	f.statements(list, false)
	f.leave()
}

// statements compiles a list. untilFollows is for the body of repeat: what follows still sees its
// variables.
func (f *function) statements(list []ast.Stmt, untilFollows bool) {
	for i, stmt := range list {
		f.at(stmt)
		if label, ok := stmt.(*ast.LabelStmt); ok {
			f.defineLabel(label, !untilFollows && onlyLabels(list[i+1:]))
		} else {
			f.statement(stmt)
		}
		f.free = len(f.locals)
	}
}

func (f *function) statement(stmt ast.Stmt) {
	switch s := stmt.(type) {
	case *ast.AssignStmt:
		f.assign(s)
	case *ast.LocalAssignStmt:
		f.declareLocals(s)
	case *ast.FuncCallStmt:
		e := f.expression(s.Expr)
		if e.kind == isCall {
			f.setResults(&e, 0)
		}
	case *ast.DoBlockStmt:
		f.scope(s.Stmts)
	case *ast.WhileStmt:
		f.while(s)
	case *ast.RepeatStmt:
		f.repeat(s)
	case *ast.IfStmt:
		f.ifElse(s)
	case *ast.NumberForStmt:
		f.numericFor(s)
	case *ast.GenericForStmt:
		f.genericFor(s)
	case *ast.FuncDefStmt:
		f.defineFunction(s)
	case *ast.ReturnStmt:
		f.result(s)
	case *ast.BreakStmt:
		f.leaveLoop()
	case *ast.GotoStmt:
		f.gotoLabel(s)
	default:
		panic(fmt.Sprintf("%T is no statement of Lua 5.1", stmt))
	}
}

// declareLocals is local a, b = c, d and local function f. The parser makes one tree of local
// function f() end and local f = function() end, in which f is another; but only the first has a
// last line.
func (f *function) declareLocals(s *ast.LocalAssignStmt) {
	if s.LastLine() > 0 && len(s.Names) == 1 && len(s.Exprs) == 1 {
		if fn, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			f.declare(s.Names[0])
			f.reserve(1)
			variable := newOperand(isLocal, f.free-1)
			e := f.closure(fn, false)
			f.store(&variable, &e)
			f.locals[len(f.locals)-1].debug.StartPc = f.pc()
			return
		}
	}
	last, n := f.expressions(s.Exprs)
	f.adjust(len(s.Names), n, &last)
	f.declare(s.Names...)
}

// adjust makes n values, the last of which is described, want ones, in the registers after each
// other.
func (f *function) adjust(want, n int, last *operand) {
	extra := want - n
	if last.isMulti() {
		extra = max(extra+1, 0)
		f.setResults(last, extra)
		if extra > 1 { // one register is reserved already, also when no result is wanted
			f.reserve(extra - 1)
		}
		return
	}
	if last.kind != isNothing {
		f.toNext(last)
	}
	if extra > 0 {
		first := f.free
		f.reserve(extra)
		f.emitNil(first, extra)
	}
}

// assign evaluates the objects and keys of the targets, then all values, and then assigns from
// right to left.
func (f *function) assign(s *ast.AssignStmt) {
	targets := make([]operand, 0, len(s.Lhs))
	for _, node := range s.Lhs {
		to := f.expression(node)
		if to.kind == isLocal {
			f.keepFrom(targets, to.info)
		}
		targets = append(targets, to)
	}
	last, n := f.expressions(s.Rhs)
	if n == len(targets) {
		f.setOneResult(&last)
		f.store(&targets[n-1], &last)
		targets = targets[:n-1]
	} else {
		f.adjust(len(targets), n, &last)
		if n > len(targets) {
			f.free -= n - len(targets)
		}
	}
	for i := len(targets) - 1; i >= 0; i-- {
		value := newOperand(isRegister, f.free-1)
		f.store(&targets[i], &value)
	}
}

// keepFrom saves a variable that is assigned to in a temporary register, if fields before it in the
// list of targets still need what it was: t[i], i = i + 1, 0.
func (f *function) keepFrom(targets []operand, register int) {
	saved := false
	for i := range targets {
		to := &targets[i]
		if to.kind != isField {
			continue
		}
		if to.info == register {
			to.info, saved = f.free, true
		}
		if to.key == register {
			to.key, saved = f.free, true
		}
	}
	if saved {
		f.emitABC(lua.OP_MOVE, f.free, register, 0)
		f.reserve(1)
	}
}

// defineFunction is function a.b.c() and function a.b:c().
func (f *function) defineFunction(s *ast.FuncDefStmt) {
	line := f.line
	var to operand
	if s.Name.Func != nil {
		to = f.expression(s.Name.Func)
	} else {
		to = f.expression(s.Name.Receiver)
		f.toAny(&to)
		key := f.string(s.Name.Method)
		f.index(&to, &key)
	}
	e := f.closure(s.Func, s.Name.Func == nil)
	f.line = line
	f.store(&to, &e)
}

func (f *function) result(s *ast.ReturnStmt) {
	last, n := f.expressions(s.Exprs)
	first, count := 0, 0
	switch {
	case n == 0:
	case last.isMulti():
		f.setResults(&last, -1)
		if last.kind == isCall && n == 1 {
			f.setOp(last.info, lua.OP_TAILCALL)
		}
		first, count = len(f.locals), -1
	case n == 1:
		first, count = f.toAny(&last), 1
	default:
		f.toNext(&last)
		first, count = len(f.locals), n
	}
	f.emitABC(lua.OP_RETURN, first, count+1, 0)
}

// ifElse compiles an if with all its elseif, which are a chain in the tree.
func (f *function) ifElse(s *ast.IfStmt) {
	end := noJump
	for {
		otherwise := f.exitUnless(s.Condition)
		f.scope(s.Then)
		if len(s.Else) == 0 {
			f.patchHere(f.join(end, otherwise))
			return
		}
		end = f.join(f.jump(), end)
		f.patchHere(otherwise)
		elseif, ok := s.Else[0].(*ast.IfStmt)
		if !ok || len(s.Else) > 1 {
			f.scope(s.Else)
			f.patchHere(end)
			return
		}
		s = elseif
		f.at(s)
	}
}

// exitUnless evaluates a condition, and returns the jumps that are done when it is false.
func (f *function) exitUnless(condition ast.Expr) int {
	e := f.expression(condition)
	if e.kind == isNil {
		e.kind = isFalse
	}
	f.goIfTrue(&e)
	return e.falsy
}
