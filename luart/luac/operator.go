package luac

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// goIfTrue goes on when the operand is true, and else adds to its list falsy.
func (f *function) goIfTrue(e *operand) {
	f.read(e)
	leave := noJump
	switch e.kind {
	case isConstant, isNumber, isTrue:
	case isJump:
		f.invert(e)
		leave = e.info
	default:
		leave = f.jumpIf(e, false)
	}
	e.falsy = f.join(leave, e.falsy)
	f.patchHere(e.truthy)
	e.truthy = noJump
}

// goIfFalse goes on when the operand is false, and else adds to its list truthy.
func (f *function) goIfFalse(e *operand) {
	f.read(e)
	leave := noJump
	switch e.kind {
	case isNil, isFalse:
	case isJump:
		leave = e.info
	default:
		leave = f.jumpIf(e, true)
	}
	e.truthy = f.join(leave, e.truthy)
	f.patchHere(e.falsy)
	e.falsy = noJump
}

// invert has the comparison jump when it does not hold.
func (f *function) invert(e *operand) {
	pc := f.test(e.info)
	f.setA(pc, 1-argA(f.code[pc]))
}

// jumpIf adds a jump that is done when the operand has a truth value, and takes it along.
func (f *function) jumpIf(e *operand, truth bool) int {
	if e.kind == isMovable {
		if inst := f.code[e.info]; opcode(inst) == lua.OP_NOT {
			f.code, f.lines = f.code[:e.info], f.lines[:e.info] // it is the last
			return f.condition(lua.OP_TEST, argB(inst), 0, bit(!truth))
		}
	}
	f.placeAnywhere(e)
	f.freeOperand(e)
	return f.condition(lua.OP_TESTSET, noRegister, e.info, bit(truth))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *function) not(e *operand) {
	f.read(e)
	switch e.kind {
	case isNil, isFalse:
		e.kind = isTrue
	case isConstant, isNumber, isTrue:
		e.kind = isFalse
	case isJump:
		f.invert(e)
	default:
		f.placeAnywhere(e)
		f.freeOperand(e)
		e.kind, e.info = isMovable, f.emitABC(lua.OP_NOT, 0, e.info, 0)
	}
	e.truthy, e.falsy = e.falsy, e.truthy
	f.dropValues(e.truthy)
	f.dropValues(e.falsy)
}

func (f *function) unary(op int, e *operand) {
	if op == lua.OP_UNM && e.isNumeral() {
		e.number = -e.number
		return
	}
	register := f.toAny(e)
	f.freeOperand(e)
	e.kind, e.info = isMovable, f.emitABC(op, 0, register, 0)
}

// binary has e1 become the result of an operator other than and, or and .. on both. e1 was handed
// to toArg before e2 was described, unless it is a numeral.
func (f *function) binary(op int, e1, e2 *operand) {
	if value, ok := fold(op, e1, e2); ok {
		e1.number = value
		return
	}
	arg2 := f.toArg(e2)
	arg1 := f.toArg(e1)
	f.freeBoth(e1, arg1, e2, arg2)
	*e1 = newOperand(isMovable, f.emitABC(op, 0, arg1, arg2))
}

// freeBoth gives the registers of two operands back, the topmost first.
func (f *function) freeBoth(e1 *operand, arg1 int, e2 *operand, arg2 int) {
	if arg1 > arg2 {
		f.freeOperand(e1)
		f.freeOperand(e2)
	} else {
		f.freeOperand(e2)
		f.freeOperand(e1)
	}
}

// fold computes what is known already.
func fold(op int, e1, e2 *operand) (float64, bool) {
	if !e1.isNumeral() || !e2.isNumeral() {
		return 0, false
	}
	a, b, r := e1.number, e2.number, 0.0
	switch op {
	case lua.OP_ADD:
		r = a + b
	case lua.OP_SUB:
		r = a - b
	case lua.OP_MUL:
		r = a * b
	case lua.OP_DIV:
		r = a / b
	case lua.OP_POW:
		r = math.Pow(a, b)
	default: // %: the virtual machine's rule is its own
		return 0, false
	}
	return r, true
}

// compare has e1 become a jump that is done when the comparison has a truth value.
func (f *function) compare(op int, truth bool, e1, e2 *operand) {
	arg1 := f.toArg(e1)
	arg2 := f.toArg(e2)
	f.freeBoth(e1, arg1, e2, arg2)
	if op != lua.OP_EQ && !truth { // a > b is b < a
		arg1, arg2, truth = arg2, arg1, true
	}
	*e1 = newOperand(isJump, f.condition(op, bit(truth), arg1, arg2))
}

// concat has e1, which is in a register, become e1 .. e2. A chain is one instruction: e2 is its
// tail already.
func (f *function) concat(e1, e2 *operand) {
	f.toValue(e2)
	if e2.kind == isMovable && opcode(f.code[e2.info]) == lua.OP_CONCAT {
		f.freeOperand(e1)
		f.setB(e2.info, e1.info)
		e1.kind, e1.info = isMovable, e2.info
		return
	}
	f.toNext(e2)
	f.freeOperand(e2)
	f.freeOperand(e1)
	e1.kind, e1.info = isMovable, f.emitABC(lua.OP_CONCAT, 0, e1.info, e2.info)
}
