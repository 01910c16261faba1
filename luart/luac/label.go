package luac

import (
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// labelled is a label in scope.
type labelled struct {
	name             string
	line, pc, locals int
}

// unresolved is a goto whose label has not been seen yet.
type unresolved struct {
	name   string
	line   int
	close  int // its CLOSE, right before its jump
	jump   int
	locals int // in scope at the goto
	inner  int // of these, those whose blocks have not been left since
}

// hasLabels says whether a function has labels, leaving aside the functions in it.
func hasLabels(list []ast.Stmt) bool {
	for _, stmt := range list {
		var inner [][]ast.Stmt
		switch s := stmt.(type) {
		case *ast.LabelStmt:
			return true
		case *ast.DoBlockStmt:
			inner = [][]ast.Stmt{s.Stmts}
		case *ast.WhileStmt:
			inner = [][]ast.Stmt{s.Stmts}
		case *ast.RepeatStmt:
			inner = [][]ast.Stmt{s.Stmts}
		case *ast.IfStmt:
			inner = [][]ast.Stmt{s.Then, s.Else}
		case *ast.NumberForStmt:
			inner = [][]ast.Stmt{s.Stmts}
		case *ast.GenericForStmt:
			inner = [][]ast.Stmt{s.Stmts}
		}
		for _, l := range inner {
			if hasLabels(l) {
				return true
			}
		}
	}
	return false
}

func onlyLabels(list []ast.Stmt) bool {
	for _, stmt := range list {
		if _, ok := stmt.(*ast.LabelStmt); !ok {
			return false
		}
	}
	return true
}

// defineLabel defines a label. At the end of a block the variables of the block are out of scope.
func (f *function) defineLabel(s *ast.LabelStmt, atEnd bool) {
	for _, l := range f.labels[f.block.labels:] {
		if l.name == s.Name {
			f.fail("label '%s' already defined on line %d", s.Name, l.line)
		}
	}
	l := labelled{name: s.Name, line: f.line, pc: f.label(), locals: len(f.locals)}
	if atEnd {
		l.locals = f.block.locals
	}
	f.labels = append(f.labels, l)

	kept := f.gotos[:f.block.gotos]
	for _, g := range f.gotos[f.block.gotos:] {
		if g.name != l.name {
			kept = append(kept, g)
			continue
		}
		if g.inner < l.locals {
			f.fail("<goto %s> at line %d jumps into the scope of local '%s'",
				l.name, g.line, f.locals[g.inner].name)
		}
		f.resolve(g, l)
	}
	f.gotos = kept
}

func (f *function) gotoLabel(s *ast.GotoStmt) {
	g := unresolved{name: s.Label, line: f.line, locals: len(f.locals), inner: len(f.locals)}
	g.close = f.emitABC(lua.OP_CLOSE, 0, 0, 0)
	g.jump = f.jump()
	for i := len(f.labels) - 1; i >= 0; i-- {
		if f.labels[i].name == s.Label {
			f.resolve(g, f.labels[i])
			return
		}
	}
	f.gotos = append(f.gotos, g)
}

func (f *function) resolve(g unresolved, l labelled) {
	if g.locals > l.locals {
		f.setA(g.close, l.locals)
	} else {
		f.setOp(g.close, lua.OP_NOP)
	}
	f.patchTo(g.jump, l.pc)
}

// leaveLabels ends the scope of a block's labels, and leaves its open gotos to the block around it.
func (f *function) leaveLabels(b *block) {
	f.labels = f.labels[:b.labels]
	for i := range f.gotos[b.gotos:] {
		g := &f.gotos[b.gotos+i]
		g.inner = min(g.inner, b.locals)
	}
}
