package glua

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// maxFrames of a Lua stack are looked at: the innermost ones.
const maxFrames = 64

// Frame is a function that is being called.
type Frame struct {
	Function *lua.LFunction
	PC       int    // of Lua code: the instruction that runs
	Name     string // by which it was called; "": not known
	tail     int    // how many calls it has replaced
	bottom   bool   // nothing in its Lua thread has called it
	coro     bool   // it is the body of a coroutine
}

// Stack returns what is being called in L, and in the Lua threads that have resumed it,
// from the innermost call outwards.
func Stack(L *lua.LState) (stack []Frame) {
	for ; L != nil; L = L.Parent {
		for f := CurrentFrame(L); f.Valid() && len(stack) < maxFrames; f = f.Caller() {
			caller := f.Caller()
			s := Frame{Function: f.Function(), tail: f.TailCalls(), bottom: !caller.Valid()}
			s.coro = s.bottom && L.Parent != nil
			if !s.Function.IsG {
				s.PC = max(f.PC()-1, 0)
			}
			if !s.bottom && s.tail == 0 {
				s.Name = CalledAs(caller)
			}
			stack = append(stack, s)
		}
	}
	return stack
}

// CalledAs returns by what name the Lua code in a frame calls what it calls now, "" if that
// has none.
func CalledAs(f CallFrame) string {
	fn := f.Function()
	if fn.IsG {
		return ""
	}
	for _, call := range fn.Proto.DbgCalls {
		if call.Pc == f.PC()-1 && call.Name != "?" {
			return call.Name
		}
	}
	return ""
}

// CallKind returns how the Lua code in a frame names what it calls now: "global", "local", "upvalue",
// "field" or, called with a colon, "method". It is "" where that is no name, and for metamethods and
// iterators.
func CallKind(f CallFrame) string {
	fn := f.Function()
	if fn.IsG {
		return ""
	}
	at := f.PC() - 1
	code := fn.Proto.Code
	if op := Opcode(code[at]); op != lua.OP_CALL && op != lua.OP_TAILCALL {
		return ""
	}
	register := ArgA(code[at])
	for at--; at >= 0; at-- { // what put the function into its register
		if ArgA(code[at]) != register {
			continue
		}
		switch Opcode(code[at]) {
		case lua.OP_SELF:
			return "method"
		case lua.OP_GETTABLE, lua.OP_GETTABLEKS:
			return "field"
		case lua.OP_GETGLOBAL:
			return "global"
		case lua.OP_GETUPVAL:
			return "upvalue"
		case lua.OP_MOVE, lua.OP_MOVEN:
			return "local"
		case lua.OP_CALL, lua.OP_CLOSURE, lua.OP_VARARG:
			return ""
		}
	}
	return ""
}

// CalledMethod returns the name of the Go function that runs in L, if Lua code has called it with a
// colon.
func CalledMethod(L *lua.LState) (name string, ok bool) {
	f := CurrentFrame(L)
	if !f.Valid() {
		return "", false
	}
	caller := f.Caller()
	if !caller.Valid() || CallKind(caller) != "method" {
		return "", false
	}
	return CalledAs(caller), true
}

func init() {
	if layout.known {
		luaval.CalledMethod = CalledMethod
	}
}

// Line returns the line of Lua code that runs, 0 where that is not known.
func (f Frame) Line() int {
	if f.Function.IsG || f.PC >= len(f.Function.Proto.DbgSourcePositions) {
		return 0
	}
	return f.Function.Proto.DbgSourcePositions[f.PC]
}

// String is the frame as a traceback has it.
func (f Frame) String() string {
	at, name := "[G]:", "in a function"
	if !f.Function.IsG {
		p := f.Function.Proto
		at = fmt.Sprintf("%s:%d:", p.SourceName, f.Line())
		name = fmt.Sprintf("in function <%s:%d>", p.SourceName, p.LineDefined)
	}
	switch {
	case f.coro:
		name = "in a coroutine"
	case f.Name != "":
		name = fmt.Sprintf("in function '%s'", f.Name)
	}
	return at + " " + name
}

// Traceback returns the stack of L as lines.
func Traceback(L *lua.LState) []string {
	stack := Stack(L)
	lines := make([]string, 0, len(stack))
	for _, f := range stack {
		if f.Function.IsG && f.Name == "" {
			continue // ours, and no script has called it by a name
		}
		lines = append(lines, f.String())
		if f.tail > 0 {
			lines = append(lines, "(...tail calls...)")
		}
	}
	return lines
}
