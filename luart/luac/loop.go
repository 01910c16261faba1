package luac

import (
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

func (f *function) while(s *ast.WhileStmt) {
	start := f.label()
	exit := f.exitUnless(s.Condition)
	f.enter(&block{loop: true})
	f.scope(s.Stmts)
	f.patchTo(f.jump(), start)
	f.leave()
	f.patchHere(exit)
}

// repeat has its condition see the variables of its body.
func (f *function) repeat(s *ast.RepeatStmt) {
	start := f.label()
	f.enter(&block{loop: true})
	f.enter(&block{})
	f.statements(s.Stmts, true)
	again := f.exitUnless(s.Condition)
	if f.block.captured { // close them on both ways
		f.leaveLoop()
		f.patchHere(again)
		f.leave()
		again = f.jump()
	} else {
		f.leave()
	}
	f.patchTo(again, start)
	f.leave()
}

func (f *function) numericFor(s *ast.NumberForStmt) {
	line := f.line
	f.enter(&block{loop: true})
	base := f.free
	for _, node := range []ast.Expr{s.Init, s.Limit} {
		e := f.expression(node)
		f.toNext(&e)
	}
	step := newOperand(isNumber, 0)
	step.number = 1
	if s.Step != nil {
		step = f.expression(s.Step)
	}
	f.toNext(&step)
	f.declare("(for index)", "(for limit)", "(for step)")

	f.line = line
	prepare := f.emitABx(lua.OP_FORPREP, base, noJump+maxSbx)
	f.body(s.Stmts, s.Name)
	f.patchHere(prepare)
	f.line = line
	loop := f.emitABx(lua.OP_FORLOOP, base, noJump+maxSbx)
	f.patchTo(loop, prepare+1)
	f.leave()
}

func (f *function) genericFor(s *ast.GenericForStmt) {
	line := f.line
	f.enter(&block{loop: true})
	base := f.free
	last, n := f.expressions(s.Exprs)
	f.adjust(3, n, &last)
	f.free = base + 3 // more values than three are dropped
	f.need(3)         // to call the iterator
	f.declare("(for generator)", "(for state)", "(for control)")

	f.line = line
	prepare := f.jump()
	f.body(s.Stmts, s.Names...)
	f.patchHere(prepare)
	f.line = line
	f.emitABC(lua.OP_TFORLOOP, base, 0, len(s.Names))
	f.patchTo(f.jump(), prepare+1)
	f.leave()
}

// body is that of a for loop, and has variables of its own in each round.
func (f *function) body(list []ast.Stmt, names ...string) {
	f.enter(&block{})
	f.declare(names...)
	f.reserve(len(names))
	f.scope(list)
	f.leave()
}

// leaveLoop is break.
func (f *function) leaveLoop() {
	b, captured := f.block, false
	for ; b != nil && !b.loop; b = b.outer {
		captured = captured || b.captured
	}
	if b == nil {
		f.fail("no loop to break")
	}
	// After a goto back, a function further down may have captured variables.
	if captured || f.hasLabels && len(f.locals) > b.locals {
		f.emitABC(lua.OP_CLOSE, b.locals, 0, 0)
	}
	b.breaks = f.join(f.jump(), b.breaks)
}
