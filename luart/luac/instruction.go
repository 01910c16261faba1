package luac

import lua "github.com/yuin/gopher-lua"

// An instruction is, from its high bits: 6 of opcode, 8 of A, and 9 each of C and B, or 18 of Bx in
// their place. A B or C that may be a constant is one from 256 on.
const (
	maxA        = 1<<8 - 1
	maxBC       = 1<<9 - 1
	maxBx       = 1<<18 - 1
	maxSbx      = maxBx >> 1
	constantBit = 1 << 8

	// maxRegisters is C Lua's limit; an A could name 255, and maxA is noRegister.
	maxRegisters = 250
	noRegister   = maxA
)

func abc(op, a, b, c int) uint32 { return uint32(op)<<26 | uint32(a)<<18 | uint32(c)<<9 | uint32(b) }
func abx(op, a, bx int) uint32   { return uint32(op)<<26 | uint32(a)<<18 | uint32(bx) }

func opcode(i uint32) int { return int(i >> 26) }
func argA(i uint32) int   { return int(i>>18) & maxA }
func argB(i uint32) int   { return int(i) & maxBC }
func argC(i uint32) int   { return int(i>>9) & maxBC }
func argBx(i uint32) int  { return int(i) & maxBx }
func argSbx(i uint32) int { return argBx(i) - maxSbx }

func (f *function) setOp(pc, op int) { f.code[pc] = f.code[pc]&(1<<26-1) | uint32(op)<<26 }
func (f *function) setA(pc, a int)   { f.code[pc] = f.code[pc]&^(maxA<<18) | uint32(a)<<18 }
func (f *function) setB(pc, b int)   { f.code[pc] = f.code[pc]&^maxBC | uint32(b) }
func (f *function) setC(pc, c int)   { f.code[pc] = f.code[pc]&^(maxBC<<9) | uint32(c)<<9 }
func (f *function) setSbx(pc, sbx int) {
	f.code[pc] = f.code[pc]&^maxBx | uint32(sbx+maxSbx)
}

// emit adds an instruction, to which what jumps to here now leads, and returns its place.
func (f *function) emit(inst uint32) int {
	f.patch(f.pending, f.pc(), noRegister, f.pc())
	f.pending = noJump
	f.code = append(f.code, inst)
	f.lines = append(f.lines, f.line)
	return f.pc() - 1
}

func (f *function) emitABC(op, a, b, c int) int { return f.emit(abc(op, a, b, c)) }
func (f *function) emitABx(op, a, bx int) int   { return f.emit(abx(op, a, bx)) }

func (f *function) pc() int { return len(f.code) }

// emitNil sets n registers to nil, by the instruction before where that does the same for those
// next to them.
func (f *function) emitNil(from, n int) {
	if pc := f.pc(); pc > f.lastTarget && pc > 0 {
		last := f.code[pc-1]
		if a, b := argA(last), argB(last); opcode(last) == lua.OP_LOADNIL && a <= from && from <= b+1 {
			f.setB(pc-1, max(b, from+n-1))
			return
		}
	}
	f.emitABC(lua.OP_LOADNIL, from, from+n-1, 0)
}

// Jumps whose target is not known yet are lists, linked through their own targets.
const noJump = -1

// jump adds a jump and returns a list of it and of those that would have led to it.
func (f *function) jump() int {
	toHere := f.pending
	f.pending = noJump
	list := f.emitABx(lua.OP_JMP, 0, noJump+maxSbx)
	return f.join(list, toHere)
}

// condition adds a comparison or a test, and the jump that is done when it holds.
func (f *function) condition(op, a, b, c int) int {
	f.emitABC(op, a, b, c)
	return f.jump()
}

// label marks here as a place to jump to, and returns it.
func (f *function) label() int {
	f.lastTarget = f.pc()
	return f.pc()
}

// next returns what follows a jump in its list.
func (f *function) next(jump int) int {
	if offset := argSbx(f.code[jump]); offset != noJump {
		return jump + 1 + offset
	}
	return noJump
}

func (f *function) aim(jump, target int) {
	offset := target - (jump + 1)
	if offset > maxSbx || -offset > maxSbx {
		f.fail("control structure too long")
	}
	f.setSbx(jump, offset)
}

// join makes two lists one. It walks the first.
func (f *function) join(list, more int) int {
	switch {
	case more == noJump:
		return list
	case list == noJump:
		return more
	}
	last := list
	for next := f.next(last); next != noJump; next = f.next(last) {
		last = next
	}
	f.aim(last, more)
	return list
}

// test returns the place of the instruction that decides about a jump: the test before it, or
// itself.
func (f *function) test(jump int) int {
	if jump > 0 {
		switch opcode(f.code[jump-1]) {
		case lua.OP_EQ, lua.OP_LT, lua.OP_LE, lua.OP_TEST, lua.OP_TESTSET, lua.OP_TFORLOOP:
			return jump - 1
		}
	}
	return jump
}

// needValue says whether a jump of the list does not bring a value along.
func (f *function) needValue(list int) bool {
	for ; list != noJump; list = f.next(list) {
		if opcode(f.code[f.test(list)]) != lua.OP_TESTSET {
			return true
		}
	}
	return false
}

// carry has a jump bring its value into a register, or no value. It returns false when it has none.
func (f *function) carry(jump, register int) bool {
	pc := f.test(jump)
	inst := f.code[pc]
	if opcode(inst) != lua.OP_TESTSET {
		return false
	}
	if register != noRegister && register != argB(inst) {
		f.setA(pc, register)
	} else {
		f.code[pc] = abc(lua.OP_TEST, argB(inst), 0, argC(inst))
	}
	return true
}

// dropValues has no jump of the list bring a value along.
func (f *function) dropValues(list int) {
	for ; list != noJump; list = f.next(list) {
		f.carry(list, noRegister)
	}
}

// patch has the jumps of a list that bring a value lead to one place, the others to another.
func (f *function) patch(list, withValue, register, without int) {
	for list != noJump {
		next := f.next(list)
		if f.carry(list, register) {
			f.aim(list, withValue)
		} else {
			f.aim(list, without)
		}
		list = next
	}
}

// patchTo has a list lead to a place.
func (f *function) patchTo(list, target int) {
	if target == f.pc() {
		f.patchHere(list)
	} else {
		f.patch(list, target, noRegister, target)
	}
}

// patchHere has a list lead to the next instruction.
func (f *function) patchHere(list int) {
	f.label()
	f.pending = f.join(f.pending, list)
}
