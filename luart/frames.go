package luart

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// maxFrames of a Lua stack are looked at: the innermost ones.
const maxFrames = 64

// stackFrame is a function that is being called.
type stackFrame struct {
	fn     *lua.LFunction
	pc     int    // of Lua code: the instruction that runs
	name   string // by which it was called; "": not known
	tail   int    // how many calls it has replaced
	bottom bool   // nothing in its Lua thread has called it
	coro   bool   // it is the body of a coroutine
}

// stackOf returns what is being called in L, and in the Lua threads that have resumed it,
// from the innermost call outwards. It is empty when the layout is not known. Only the
// holder may call it.
func stackOf(L *lua.LState) (stack []stackFrame) {
	if !layout.known {
		return nil
	}
	for ; L != nil; L = L.Parent {
		for f := currentFrame(L); f.p != nil && len(stack) < maxFrames; f = f.caller() {
			caller := f.caller()
			s := stackFrame{fn: f.function(), tail: *f.tailCalls(), bottom: caller.p == nil}
			s.coro = s.bottom && L.Parent != nil
			if !s.fn.IsG {
				s.pc = max(f.pc()-1, 0)
			}
			if !s.bottom && s.tail == 0 {
				s.name = calledAs(caller)
			}
			stack = append(stack, s)
		}
	}
	return stack
}

// calledAs returns by what name the Lua code in a frame calls what it calls now, "" if that
// has none.
func calledAs(f callFrame) string {
	fn := f.function()
	if fn.IsG {
		return ""
	}
	for _, call := range fn.Proto.DbgCalls {
		if call.Pc == f.pc()-1 && call.Name != "?" {
			return call.Name
		}
	}
	return ""
}

// line is where in Lua code the frame is.
func (f stackFrame) line() int {
	if f.fn.IsG || f.pc >= len(f.fn.Proto.DbgSourcePositions) {
		return 0
	}
	return f.fn.Proto.DbgSourcePositions[f.pc]
}

// String is the frame as a traceback has it.
func (f stackFrame) String() string {
	at, name := "[G]:", "in a function"
	if !f.fn.IsG {
		p := f.fn.Proto
		at = fmt.Sprintf("%s:%d:", p.SourceName, f.line())
		name = fmt.Sprintf("in function <%s:%d>", p.SourceName, p.LineDefined)
	}
	switch {
	case f.coro:
		name = "in a coroutine"
	case f.name != "":
		name = fmt.Sprintf("in function '%s'", f.name)
	}
	return at + " " + name
}

// traceback returns the stack of L as lines. Only the holder may call it.
func traceback(L *lua.LState) []string {
	stack := stackOf(L)
	lines := make([]string, 0, len(stack))
	for _, f := range stack {
		if f.fn.IsG && f.name == "" {
			continue // ours, and no script has called it by a name
		}
		lines = append(lines, f.String())
		if f.tail > 0 {
			lines = append(lines, "(...tail calls...)")
		}
	}
	return lines
}
