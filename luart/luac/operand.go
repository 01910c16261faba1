package luac

import lua "github.com/yuin/gopher-lua"

// kind says what an operand is, and so what its info means.
type kind int

const (
	isNothing  kind = iota // of an empty list
	isNil                  //
	isTrue                 //
	isFalse                //
	isConstant             // info is its index
	isNumber               // number is its value
	isLocal                // info is its register
	isUpvalue              // info is its index
	isGlobal               // info is the index of its name
	isField                // info is the register of the table, key is a register or constant
	isJump                 // a comparison: info is the jump that is done when it holds
	isMovable              // info is the instruction that makes it, whose A is not set yet
	isRegister             // info is the register that it is in
	isCall                 // info is the instruction
	isVararg               // info is the instruction
)

// operand describes an expression, which may be evaluated already, or in part, or not at all. Where
// it holds a jump, the jumps in the lists truthy and falsy leave it early, with a value that is
// true or false.
type operand struct {
	kind          kind
	info          int
	key           int     // of isField
	textKey       bool    // key is a string
	text          bool    // of isConstant: it is a string
	number        float64 // of isNumber
	truthy, falsy int
}

func newOperand(k kind, info int) operand {
	return operand{kind: k, info: info, truthy: noJump, falsy: noJump}
}

func (e *operand) hasJumps() bool  { return e.truthy != e.falsy }
func (e *operand) isNumeral() bool { return e.kind == isNumber && !e.hasJumps() }
func (e *operand) isText() bool    { return e.kind == isConstant && e.text && !e.hasJumps() }
func (e *operand) isMulti() bool   { return e.kind == isCall || e.kind == isVararg }

// setResults has a call or ... give n results, on top of the stack; -1: all.
func (f *function) setResults(e *operand, n int) {
	switch e.kind {
	case isCall:
		f.setC(e.info, n+1)
	case isVararg:
		f.setB(e.info, n+1)
		f.setA(e.info, f.free)
		f.reserve(1)
	}
}

// setOneResult has a call or ... give one result, on top of the stack.
func (f *function) setOneResult(e *operand) {
	switch e.kind {
	case isCall:
		*e = operand{kind: isRegister, info: argA(f.code[e.info]), truthy: e.truthy, falsy: e.falsy}
	case isVararg:
		// VARARG drops all that is above its results. So it cannot be moved to a register below.
		f.setB(e.info, 2)
		f.setA(e.info, f.free)
		e.kind, e.info = isRegister, f.free
		f.reserve(1)
	}
}

// read has a variable, field or call become a value that is in a register or can be made in any.
func (f *function) read(e *operand) {
	switch e.kind {
	case isLocal:
		e.kind = isRegister
	case isUpvalue:
		e.kind, e.info = isMovable, f.emitABC(lua.OP_GETUPVAL, 0, e.info, 0)
	case isGlobal:
		e.kind, e.info = isMovable, f.emitABx(lua.OP_GETGLOBAL, 0, e.info)
	case isField:
		f.release(e.key)
		f.release(e.info)
		op := lua.OP_GETTABLE
		if e.textKey {
			op = lua.OP_GETTABLEKS
		}
		e.kind, e.info = isMovable, f.emitABC(op, 0, e.info, e.key)
	case isCall, isVararg:
		f.setOneResult(e)
	}
}

// freeOperand gives back the register that an operand is in.
func (f *function) freeOperand(e *operand) {
	if e.kind == isRegister {
		f.release(e.info)
	}
}

// place evaluates an operand into a register, but for its jumps.
func (f *function) place(e *operand, register int) {
	f.read(e)
	switch e.kind {
	case isNil:
		f.emitNil(register, 1)
	case isFalse:
		f.emitABC(lua.OP_LOADBOOL, register, 0, 0)
	case isTrue:
		f.emitABC(lua.OP_LOADBOOL, register, 1, 0)
	case isConstant:
		f.emitABx(lua.OP_LOADK, register, e.info)
	case isNumber:
		f.emitABx(lua.OP_LOADK, register, f.numeral(e.number))
	case isMovable:
		f.setA(e.info, register)
	case isRegister:
		if register != e.info {
			f.emitABC(lua.OP_MOVE, register, e.info, 0)
		}
	default: // isNothing, isJump
		return
	}
	e.kind, e.info = isRegister, register
}

func (f *function) placeAnywhere(e *operand) {
	if e.kind != isRegister {
		f.reserve(1)
		f.place(e, f.free-1)
	}
}

// toRegister evaluates an operand into a register.
func (f *function) toRegister(e *operand, register int) {
	f.place(e, register)
	if e.kind == isJump {
		e.truthy = f.join(e.truthy, e.info)
	}
	if e.hasJumps() {
		loadFalse, loadTrue := noJump, noJump
		if f.needValue(e.truthy) || f.needValue(e.falsy) {
			around := noJump
			if e.kind != isJump {
				around = f.jump()
			}
			f.label()
			loadFalse = f.emitABC(lua.OP_LOADBOOL, register, 0, 1)
			f.label()
			loadTrue = f.emitABC(lua.OP_LOADBOOL, register, 1, 0)
			f.patchHere(around)
		}
		end := f.label()
		f.patch(e.falsy, end, register, loadFalse)
		f.patch(e.truthy, end, register, loadTrue)
	}
	*e = newOperand(isRegister, register)
}

// toNext evaluates an operand into the next free register.
func (f *function) toNext(e *operand) {
	f.read(e)
	f.freeOperand(e)
	f.reserve(1)
	f.toRegister(e, f.free-1)
}

// toAny evaluates an operand into some register, and returns that.
func (f *function) toAny(e *operand) int {
	f.read(e)
	if e.kind == isRegister {
		if !e.hasJumps() {
			return e.info
		}
		if e.info >= len(f.locals) { // no variable's
			f.toRegister(e, e.info)
			return e.info
		}
	}
	f.toNext(e)
	return e.info
}

// toValue evaluates an operand, which may still be a constant or made in any register.
func (f *function) toValue(e *operand) {
	if e.hasJumps() {
		f.toAny(e)
	} else {
		f.read(e)
	}
}

// toArg evaluates an operand into what an instruction's B or C can be: a register or a constant.
func (f *function) toArg(e *operand) int {
	f.toValue(e)
	if len(f.constants.values) < constantBit {
		switch e.kind {
		case isNil:
			e.kind, e.info = isConstant, f.special(lua.LNil)
		case isTrue:
			e.kind, e.info = isConstant, f.special(lua.LTrue)
		case isFalse:
			e.kind, e.info = isConstant, f.special(lua.LFalse)
		case isNumber:
			e.kind, e.info = isConstant, f.numeral(e.number)
		}
	}
	if e.kind == isConstant && e.info < constantBit {
		return e.info | constantBit
	}
	return f.toAny(e)
}

// store assigns a value to a variable or field. It is the only place that writes a variable which
// is in scope.
func (f *function) store(to, value *operand) {
	switch to.kind {
	case isLocal:
		f.freeOperand(value)
		f.toRegister(value, to.info)
		return
	case isUpvalue:
		register := f.toAny(value)
		f.emitABC(lua.OP_SETUPVAL, register, to.info, 0)
	case isGlobal:
		register := f.toAny(value)
		f.emitABx(lua.OP_SETGLOBAL, register, to.info)
	case isField:
		f.setField(to.info, to.key, to.textKey, f.toArg(value))
	default:
		panic("assignment to what is no variable")
	}
	f.freeOperand(value)
}

func (f *function) setField(table, key int, textKey bool, value int) {
	op := lua.OP_SETTABLE
	if textKey {
		op = lua.OP_SETTABLEKS
	}
	f.emitABC(op, table, key, value)
}

// index makes an operand in a register a field of it.
func (f *function) index(table, key *operand) {
	table.textKey = key.isText()
	table.key = f.toArg(key)
	table.kind = isField
}
