package glua

import lua "github.com/yuin/gopher-lua"

// Opcode returns what an instruction does: lua.OP_MOVE and so on.
func Opcode(inst uint32) int { return int(inst >> 26) }

// ArgA returns operand A of an instruction: a register.
func ArgA(inst uint32) int { return int(inst>>18) & 0xff }

// ArgB returns operand B of an instruction, which from 256 on is a constant where it may be one.
func ArgB(inst uint32) int { return int(inst & 0x1ff) }

// ArgC returns operand C of an instruction, which from 256 on is a constant where it may be one.
func ArgC(inst uint32) int { return int(inst>>9) & 0x1ff }

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
