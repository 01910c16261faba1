package glua

import (
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unsafe" // go:linkname, and what the linked functions take

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// This file mends instructions of gopher-lua. Two get bounds: s = s .. s in a loop would fill the
// memory in 30 rounds, and a chain of 200 operands in one; tail calls are counted without end (see
// state.go). gopher-lua has no hook there, so the entries of its instruction table are wrapped, for
// the Lua threads of our VMs only; others in the process run what they ran. It costs nothing that
// can be measured (BenchmarkConcat). Calls in the place of .., by a change of the syntax tree,
// would do the same, but each takes a call frame, hides the operands' names from messages, and has
// to be found again in the tracebacks.
//
// One gets faster: object:method(…) looks methods of our own types up without a call of their __index,
// in Lua threads of others too, for it finds the same.
//
// Four get the meaning that C Lua gives them: a % b is a - math.floor(a/b)*b, where gopher-lua
// makes 1 % 0.1 almost 0.1; #t does not look at __len of a table; __unm gets its operand twice; and
// for takes strings that spell numbers.

// instruction runs one instruction; the last argument is gopher-lua's, and is handed on.
type instruction func(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int

// jumpTable is gopher-lua's table of instructions by opcode. It is written before any Lua state
// exists.
//
//go:linkname jumpTable github.com/yuin/gopher-lua.jumpTable
var jumpTable [lua.OP_NOP + 1]instruction

// The stock instructions are gopher-lua's own, nil where the layout is not known.
var stockConcat, stockTailCall, stockMod, stockLen, stockForPrep, stockUnm, stockSelf instruction

func init() {
	if Check() == nil {
		stockConcat, jumpTable[lua.OP_CONCAT] = jumpTable[lua.OP_CONCAT], concat
		stockTailCall, jumpTable[lua.OP_TAILCALL] = jumpTable[lua.OP_TAILCALL], tailCall
		stockMod, jumpTable[lua.OP_MOD] = jumpTable[lua.OP_MOD], remainder
		stockLen, jumpTable[lua.OP_LEN] = jumpTable[lua.OP_LEN], length
		stockUnm, jumpTable[lua.OP_UNM] = jumpTable[lua.OP_UNM], negate
		stockSelf, jumpTable[lua.OP_SELF] = jumpTable[lua.OP_SELF], self
		stockForPrep, jumpTable[lua.OP_FORPREP] = jumpTable[lua.OP_FORPREP], forPrepare
	}
}

// knownInstructions says whether the table is gopher-lua's, and nobody has changed it.
func knownInstructions() bool {
	for _, in := range jumpTable {
		if in == nil {
			return false
		}
	}
	fn := runtime.FuncForPC(reflect.ValueOf(jumpTable[lua.OP_CONCAT]).Pointer())
	return fn != nil && strings.HasPrefix(fn.Name(), "github.com/yuin/gopher-lua.")
}

// concat is R(A) := R(B).. … ..R(C), refused when the result would be longer than any library
// function may make one. gopher-lua's shows numbers as Go does: 0.30000000000000004, +Inf. The
// operands are registers that nothing else reads, so that numbers can become their texts in place.
func concat(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if _, ours := L.Context().(luaval.Budget); !ours {
		return stockConcat(L, inst, baseFrame)
	}
	first, last := ArgB(inst), ArgC(inst)
	size, numbers := 0, false
	for r := first; r <= last; r++ {
		switch v := L.Get(r + 1).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber: // some bytes more or less
			numbers = true
		default:
			setRegister(L, ArgA(inst), concatMeta(L, first, last))
			return 0
		}
	}
	if size > luaval.MaxStringBytes {
		raiseConcat(L)
	}
	for r := first; r <= last && numbers; r++ {
		if n, ok := L.Get(r + 1).(lua.LNumber); ok {
			setRegister(L, r, lua.LString(luaval.NumberString(n)))
		}
	}
	return stockConcat(L, inst, baseFrame)
}

// concatMeta is the value of R(first).. … ..R(last), from the right to the left: strings and
// numbers side by side are put together, of anything else __concat is called.
func concatMeta(L *lua.LState, first, last int) lua.LValue {
	right := L.Get(last + 1)
	for r := last - 1; r >= first; {
		left := L.Get(r + 1)
		_, ok1 := luaval.TextOf(left)
		text, ok2 := luaval.TextOf(right)
		if !ok1 || !ok2 {
			meta := L.GetMetaField(left, "__concat")
			if meta == lua.LNil {
				meta = L.GetMetaField(right, "__concat")
			}
			if meta == lua.LNil {
				L.RaiseError("cannot perform concat operation between %s and %s", luaval.TypeName(left), luaval.TypeName(right))
			}
			L.Push(meta)
			L.Push(left)
			L.Push(right)
			L.Call(2, 1)
			right = L.Get(-1)
			L.Pop(1)
			r--
			continue
		}
		parts, size := []string{text}, len(text)
		for ; r >= first; r-- {
			if text, ok1 = luaval.TextOf(L.Get(r + 1)); !ok1 {
				break
			}
			parts, size = append(parts, text), size+len(text)
		}
		if size > luaval.MaxStringBytes {
			raiseConcat(L)
		}
		slices.Reverse(parts)
		right = lua.LString(strings.Join(parts, ""))
	}
	if s, ok := right.(lua.LString); ok && len(s) > luaval.MaxStringBytes {
		raiseConcat(L)
	}
	return right
}

func raiseConcat(L *lua.LState) {
	L.RaiseError("string longer than %d bytes", luaval.MaxStringBytes)
}

// MaxTailCalls is up to where a frame counts its tail calls: a traceback shows at most 14 lines.
const MaxTailCalls = 16

// tailCall is return R(A)(R(A+1), …), counted up to MaxTailCalls.
func tailCall(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	end := stockTailCall(L, inst, baseFrame)
	if _, ours := L.Context().(luaval.Budget); ours {
		if f := CurrentFrame(L); f.Valid() {
			if n := f.tailCallCount(); *n > MaxTailCalls {
				*n = MaxTailCalls
			}
		}
	}
	return end
}

// remainder is R(A) := RK(B) % RK(C).
func remainder(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if _, ours := L.Context().(luaval.Budget); ours {
		a, ok1 := numberAt(L, ArgB(inst))
		b, ok2 := numberAt(L, ArgC(inst))
		if ok1 && ok2 && !(isExact(a) && isExact(b) && b != 0) { // of those gopher-lua's is right, and allocates less
			setRegister(L, ArgA(inst), lua.LNumber(Modulo(a, b)))
			return 0
		}
	}
	return stockMod(L, inst, baseFrame)
}

// setRegister sets a register of the function that runs in L, which may be the first above the
// stack's end.
func setRegister(L *lua.LState, register int, v lua.LValue) {
	if L.GetTop() <= register {
		L.SetTop(register + 1)
	}
	L.Replace(register+1, v)
}

// self is R(A+1) := R(B); R(A) := R(B)[RK(C)], of which RK(C) is the name of a method.
func self(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if object, ok := L.Get(ArgB(inst) + 1).(*lua.LUserData); ok && ArgC(inst) >= 256 {
		name, _ := CurrentFrame(L).Function().Proto.Constants[ArgC(inst)-256].(lua.LString)
		if method := luaval.MethodOf(object, string(name)); method != nil {
			setRegister(L, ArgA(inst), method)
			setRegister(L, ArgA(inst)+1, object)
			return 0
		}
	}
	return stockSelf(L, inst, baseFrame)
}

// numberAt returns the number in a register of the function that runs in L, or in its constant from
// 256 on.
func numberAt(L *lua.LState, i int) (float64, bool) {
	var v lua.LValue
	if i < 256 {
		v = L.Get(i + 1)
	} else {
		v = CurrentFrame(L).Function().Proto.Constants[i-256]
	}
	n, ok := v.(lua.LNumber)
	return float64(n), ok
}

func isExact(n float64) bool { return n == math.Trunc(n) && math.Abs(n) <= luaval.MaxExact }

// length is R(A) := #R(B).
func length(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if t, ok := L.Get(ArgB(inst) + 1).(*lua.LTable); ok && t.Metatable != lua.LNil {
		if _, ours := L.Context().(luaval.Budget); ours && L.GetMetaField(t, "__len") != lua.LNil {
			setRegister(L, ArgA(inst), lua.LNumber(t.Len()))
			return 0
		}
	}
	return stockLen(L, inst, baseFrame)
}

// negate is R(A) := -R(B). Its metamethod gets the operand twice, as that of an operator with two
// has one each.
func negate(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if ArgB(inst) < 256 {
		switch v := L.Get(ArgB(inst) + 1).(type) {
		case *lua.LTable, *lua.LUserData:
			if _, ours := L.Context().(luaval.Budget); !ours {
				break
			}
			if meta := L.GetMetaField(v, "__unm"); meta != lua.LNil {
				L.Push(meta)
				L.Push(v)
				L.Push(v)
				L.Call(2, 1)
				result := L.Get(-1)
				L.Pop(1)
				setRegister(L, ArgA(inst), result)
				return 0
			}
		}
	}
	return stockUnm(L, inst, baseFrame)
}

// forPrepare begins a numeric for whose initial value, limit and step are in R(A) to R(A+2).
func forPrepare(L *lua.LState, inst uint32, baseFrame unsafe.Pointer) int {
	if _, ours := L.Context().(luaval.Budget); ours {
		for i, what := range [...]string{"initial value", "limit", "step"} {
			switch v := L.Get(ArgA(inst) + i + 1).(type) {
			case lua.LNumber:
				continue
			case lua.LString:
				if n, ok := luaval.ParseNumber(string(v)); ok {
					setRegister(L, ArgA(inst)+i, lua.LNumber(n))
					continue
				}
			}
			L.RaiseError("'for' %s must be a number", what)
		}
	}
	return stockForPrep(L, inst, baseFrame)
}

// Modulo is Lua's %: the result has the sign of b.
func Modulo(a, b float64) float64 { return a - math.Floor(a/b)*b }
