package glua

import (
	"iter"

	lua "github.com/yuin/gopher-lua"
)

// Opcode returns what an instruction does: lua.OP_MOVE and so on.
func Opcode(inst uint32) int { return int(inst >> 26) }

// ArgA returns operand A of an instruction: a register.
func ArgA(inst uint32) int { return int(inst>>18) & 0xff }

// ArgB returns operand B of an instruction, which from 256 on is a constant where it may be one.
func ArgB(inst uint32) int { return int(inst & 0x1ff) }

// ArgC returns operand C of an instruction, which from 256 on is a constant where it may be one.
func ArgC(inst uint32) int { return int(inst>>9) & 0x1ff }

// ofLines is what instructions do that a line of source asks for, and nothing else. Jumps, and the
// closing of variables that a block leaves behind, are on the line that happened to come before them.
func ofLines(opcode int) bool { return opcode != lua.OP_JMP && opcode != lua.OP_CLOSE }

// LineInstructions returns the indexes of a function's instructions that run when their line does: not
// those of no line, nor words that are operands of the instruction before them, nor the return that
// every function ends with.
func LineInstructions(p *lua.FunctionProto) iter.Seq[int] {
	return func(yield func(int) bool) {
		for pc := 0; pc < len(p.Code)-1; pc++ {
			inst := p.Code[pc]
			if ofLines(Opcode(inst)) && !yield(pc) {
				return
			}
			switch Opcode(inst) {
			case lua.OP_CLOSURE: // what follows says where the upvalues are
				pc += int(p.FunctionPrototypes[inst&0x3ffff].NumUpvalues)
			case lua.OP_SETLIST:
				if ArgC(inst) == 0 { // what follows is a number
					pc++
				}
			}
		}
	}
}

// JumpsTo reports whether a jump leads to an instruction.
func JumpsTo(code []uint32, target int) bool {
	for at, inst := range code {
		switch Opcode(inst) {
		case lua.OP_JMP, lua.OP_FORLOOP, lua.OP_FORPREP:
			if at+1+int(inst&0x3ffff)-131071 == target {
				return true
			}
		}
	}
	return false
}
