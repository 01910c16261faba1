package luac

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

const (
	maxLocals   = 200 // C Lua's limit
	maxUpvalues = 255 // what one byte of a prototype can count
)

// function is a function that is being compiled. Not safe for concurrent use.
type function struct {
	*compiler
	proto     *lua.FunctionProto
	outer     *function
	constants constants

	code       []uint32
	lines      []int
	line       int // of what is compiled
	pending    int // the list of jumps to the next instruction
	lastTarget int // the last place that a jump leads to

	free     int     // the first free register
	used     int     // how many registers were ever used
	locals   []local // in scope, by register
	upvalues []upvalue
	block    *block

	hasLabels bool
	labels    []labelled
	gotos     []unresolved
}

type local struct {
	name  string
	debug *lua.DbgLocalInfo
}

// upvalue is a variable of a function around. It is in a register of the next one, or an upvalue of
// that.
type upvalue struct {
	name     string
	register bool
	index    int
}

// block is a block of statements or a loop. A loop takes the breaks, the block in it the variables.
type block struct {
	outer    *block
	loop     bool
	breaks   int // a list of jumps
	locals   int // in scope where it begins
	captured bool
	labels   int // in scope where it begins
	gotos    int
}

func (c *compiler) open(outer *function, line int) *function {
	f := &function{
		compiler: c, outer: outer, line: line, pending: noJump, lastTarget: -1,
		proto: &lua.FunctionProto{SourceName: c.source, LineDefined: line},
	}
	f.enter(&block{})
	return f
}

// close ends the function on a line.
func (f *function) close(line int) {
	f.line = line
	f.endLocals(0)
	f.emitABC(lua.OP_RETURN, 0, 1, 0)
	for _, g := range f.gotos {
		f.line = max(line, 1)
		f.fail("no visible label '%s' for <goto> at line %d", g.name, g.line)
	}
	p := f.proto
	p.LastLineDefined = line
	p.NumUsedRegisters = uint8(f.used + 1) // a tail call does not take the last one along
	p.NumUpvalues = uint8(len(f.upvalues))
	for _, u := range f.upvalues {
		p.DbgUpvalues = append(p.DbgUpvalues, u.name)
	}
	f.constants.into(p)
	f.polish()
	p.Code, p.DbgSourcePositions = exact(f.code), exact(f.lines)
	p.DbgLocals, p.DbgCalls = exact(p.DbgLocals), exact(p.DbgCalls)
	p.FunctionPrototypes = exact(p.FunctionPrototypes)
}

func (f *function) fail(format string, args ...any) {
	panic(&Error{Line: f.line, Message: fmt.Sprintf(format, args...)})
}

// limit is the error of a function that has more than n of something.
func (f *function) limit(n int, what string) {
	if f.outer == nil {
		f.fail("main function has more than %d %s", n, what)
	}
	f.fail("function at line %d has more than %d %s", f.proto.LineDefined, n, what)
}

// at sets the line of the instructions to come.
func (f *function) at(node ast.PositionHolder) {
	f.look()
	if line := node.Line(); line > 0 { // a key such as a in a.b.c has one, what a parser makes up has none
		f.line = line
	}
}

// reserve takes the next n registers.
func (f *function) reserve(n int) {
	f.need(n)
	f.free += n
}

// need sees that there is room for n registers above those in use.
func (f *function) need(n int) {
	if f.free+n > maxRegisters {
		f.fail("function or expression too complex")
	}
	f.used = max(f.used, f.free+n)
}

// release gives a temporary register back, which must be the topmost one.
func (f *function) release(register int) {
	if register < constantBit && register >= len(f.locals) {
		f.free--
		if register != f.free {
			panic(fmt.Sprintf("register %d is given back before %d", register, f.free))
		}
	}
}

// declare brings variables into scope. Their registers are those from len(f.locals) on.
func (f *function) declare(names ...string) {
	for _, name := range names {
		if len(f.locals) >= maxLocals {
			f.limit(maxLocals, "local variables")
		}
		d := &lua.DbgLocalInfo{Name: name, StartPc: f.pc()}
		f.proto.DbgLocals = append(f.proto.DbgLocals, d)
		f.locals = append(f.locals, local{name, d})
	}
}

// endLocals ends the scope of all variables but the first n.
func (f *function) endLocals(n int) {
	for _, v := range f.locals[n:] {
		v.debug.EndPc = f.pc()
	}
	f.locals = f.locals[:n]
}

func (f *function) enter(b *block) {
	b.outer, b.breaks, b.locals = f.block, noJump, len(f.locals)
	b.labels, b.gotos = len(f.labels), len(f.gotos)
	f.block = b
}

func (f *function) leave() {
	b := f.block
	f.block = b.outer
	f.endLocals(b.locals)
	if b.captured {
		f.emitABC(lua.OP_CLOSE, b.locals, 0, 0)
	}
	f.free = len(f.locals)
	f.leaveLabels(b)
	f.patchHere(b.breaks)
}

// find returns the register of a variable of this function, -1 when it has none of that name.
func (f *function) find(name string) int {
	for i := len(f.locals) - 1; i >= 0; i-- {
		if f.locals[i].name == name {
			return i
		}
	}
	return -1
}

// capture notes that a function inside uses the variable in a register, so that its block closes
// it.
func (f *function) capture(register int) {
	b := f.block
	for b.locals > register {
		b = b.outer
	}
	b.captured = true
}

// upvalue returns the index of a variable of a function around, -1 when the name is a global's.
func (f *function) upvalue(name string) int {
	if f.outer == nil {
		return -1
	}
	u := upvalue{name: name, register: true}
	if u.index = f.outer.find(name); u.index >= 0 {
		f.outer.capture(u.index)
	} else if u.index = f.outer.upvalue(name); u.index >= 0 {
		u.register = false
	} else {
		return -1
	}
	for i, known := range f.upvalues {
		if known == u {
			return i
		}
	}
	if len(f.upvalues) == maxUpvalues {
		f.limit(maxUpvalues, "upvalues")
	}
	f.upvalues = append(f.upvalues, u)
	return len(f.upvalues) - 1
}

// variable describes a name: a variable of this function, of one around it, or a global.
func (f *function) variable(name string) operand {
	if register := f.find(name); register >= 0 {
		return newOperand(isLocal, register)
	}
	if index := f.upvalue(name); index >= 0 {
		return newOperand(isUpvalue, index)
	}
	return newOperand(isGlobal, f.text(name))
}

func (f *function) text(s string) int {
	i, ok := f.constants.text(s)
	return f.constant(i, ok)
}

func (f *function) numeral(n float64) int {
	i, ok := f.constants.number(n)
	return f.constant(i, ok)
}

func (f *function) special(v lua.LValue) int {
	i, ok := f.constants.other(v)
	return f.constant(i, ok)
}

func (f *function) constant(index int, ok bool) int {
	if !ok {
		f.fail("constant table overflow")
	}
	return index
}
