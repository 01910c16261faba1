package luac

import lua "github.com/yuin/gopher-lua"

// polish saves the virtual machine instructions: jumps go past other jumps, and moves in a row are
// one.
func (f *function) polish() {
	const maxHops = 5
	moves := 0
	endMoves := func(pc int) {
		if moves > 1 {
			first := pc - moves
			f.setOp(first, lua.OP_MOVEN)
			f.setC(first, min(moves-1, maxBC))
		}
		moves = 0
	}
	for pc := 0; pc < len(f.code); pc++ {
		inst := f.code[pc]
		if opcode(inst) == lua.OP_MOVE {
			if moves++; moves == maxBC {
				endMoves(pc + 1)
			}
			continue
		}
		endMoves(pc)
		switch opcode(inst) {
		case lua.OP_JMP:
			target := pc + 1 + argSbx(inst)
			for hops := 0; hops < maxHops && opcode(f.code[target]) == lua.OP_JMP; hops++ {
				target += 1 + argSbx(f.code[target])
			}
			if offset := target - (pc + 1); -maxSbx <= offset && offset <= maxSbx {
				f.setSbx(pc, offset)
			}
		case lua.OP_CLOSURE: // what follows says where the upvalues are
			pc += int(f.proto.FunctionPrototypes[argBx(inst)].NumUpvalues)
		case lua.OP_SETLIST:
			if argC(inst) == 0 { // what follows is a number
				pc++
			}
		}
	}
}
