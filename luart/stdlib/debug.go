package stdlib

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// This file is debug for scripts: what reads, of their own code. Nothing in it changes a variable,
// an environment or a metatable, or shows those of others.

// level is a call as C Lua counts them: the function that runs is level 0, its caller level 1. A
// call that a tail call has replaced is a level of its own, without a function.
type level struct {
	fn     *lua.LFunction // nil: a tail call took its place
	line   int            // that runs; -1: not known
	name   string         // by which it was called; "": none
	kind   string         // what kind of name that is: global, local, method, field, upvalue; "": no name
	bottom bool           // nothing in its Lua thread has called it
}

// levelsOf returns the calls in L from the innermost one outwards, at most n. What
// pcall needs to call a function is no level.
func levelsOf(L *lua.LState, n int) (list []level) {
	for f := glua.CurrentFrame(L); f.Valid() && len(list) < n; f = f.Caller() {
		caller := f.Caller()
		fn := f.Function()
		if fn.IsG && caller.Valid() && guards(caller.Function(), fn) {
			continue
		}
		l := level{fn: fn, line: -1, bottom: !caller.Valid()}
		if !fn.IsG {
			l.line = fn.Proto.DbgSourcePositions[max(f.PC()-1, 0)]
		}
		tail := 0
		if !fn.IsG {
			tail = f.TailCalls()
		}
		if caller.Valid() && tail == 0 && !caller.Function().IsG {
			l.name, l.kind = calledBy(caller)
		}
		list = append(list, l)
		for ; tail > 0 && len(list) < n; tail-- {
			list = append(list, level{line: -1})
		}
	}
	return list
}

// levelAt returns the call at a level, false when there are not as many.
func levelAt(L *lua.LState, n int) (level, bool) {
	if n < 0 || n > MaxCalls*(glua.MaxTailCalls+1) {
		return level{}, false
	}
	levels := levelsOf(L, n+1)
	if n >= len(levels) {
		return level{}, false
	}
	return levels[n], true
}

// guards says whether fn is what a function of ours made by guarded calls others with.
func guards(caller, fn *lua.LFunction) bool {
	return caller.IsG && len(caller.Upvalues) > 0 && caller.Upvalues[0].Value() == lua.LValue(fn) &&
		len(fn.Upvalues) == 0 && fn.IsG
}

// calledBy returns by what name the Lua code in a frame calls what it calls now, and what kind of
// name that is.
func calledBy(f glua.CallFrame) (name, kind string) {
	if name = glua.CalledAs(f); name == "" {
		return "", ""
	}
	if op := glua.Opcode(f.Function().Proto.Code[f.PC()-1]); op != lua.OP_CALL && op != lua.OP_TAILCALL {
		return "", "" // a metamethod or an iterator
	}
	return name, glua.CallKind(f)
}

// short returns the function's file as messages show it.
func (l level) short() string {
	switch {
	case l.fn == nil:
		return "(tail call)"
	case l.fn.IsG:
		return "[C]"
	}
	return l.fn.Proto.SourceName
}

// what is C Lua's word for the kind of function.
func (l level) what() string {
	switch {
	case l.fn == nil:
		return "tail"
	case l.fn.IsG:
		return "C"
	case glua.IsMain(l.fn.Proto):
		return "main"
	}
	return "Lua"
}

// threadArg returns the Lua thread that the first argument may be, and how many arguments it takes.
func threadArg(L *lua.LState) (thread *lua.LState, taken int) {
	if co, ok := L.Get(1).(*lua.LState); ok {
		return co, 1
	}
	return L, 0
}

// A traceback has the innermost firstLevels calls and the outermost lastLevels, as in C Lua.
const (
	firstLevels = 12
	lastLevels  = 10
)

// levelOf returns the level that a number means: -1 for all below 0 and for NaN, and no more than
// there can be.
func levelOf(n float64) int {
	if n != n {
		return -1
	}
	return int(max(-1, min(n, MaxCalls)))
}

// debugTraceback is debug.traceback([thread,] [message[, level]]): the message, and below it the
// calls from the level on (1: the caller). A message that is neither a string nor a number is
// returned as it is.
func debugTraceback(L *lua.LState) int {
	thread, arg := threadArg(L)
	start := 0
	if thread == L {
		start = 1
	}
	if n, ok := operand(L.Get(arg + 2)); ok {
		start = max(0, levelOf(n))
	}
	var out strings.Builder
	if L.GetTop() > arg {
		message := L.Get(arg + 1)
		if !lua.LVCanConvToString(message) {
			L.Push(message)
			return 1
		}
		out.WriteString(luaval.CheckString(L, arg+1))
		out.WriteByte('\n')
	}
	out.WriteString("stack traceback:")
	levels := levelsOf(thread, MaxCalls)
	levels = levels[min(start, len(levels)):]
	for i, l := range levels {
		if i == firstLevels && len(levels) > firstLevels+lastLevels {
			out.WriteString("\n\t...")
		}
		if i >= firstLevels && i < len(levels)-lastLevels {
			continue
		}
		out.WriteString("\n\t" + l.short() + ":")
		if l.line > 0 {
			fmt.Fprintf(&out, "%d:", l.line)
		}
		switch {
		case l.kind != "":
			out.WriteString(" in function '" + l.name + "'")
		case l.what() == "main":
			out.WriteString(" in main chunk")
		case l.what() != "Lua":
			out.WriteString(" ?")
		default:
			fmt.Fprintf(&out, " in function <%s:%d>", l.short(), l.fn.Proto.LineDefined)
		}
	}
	luaval.CheckSize(L, out.Len())
	L.Push(lua.LString(out.String()))
	return 1
}

// debugGetinfo is debug.getinfo([thread,] function|level[, what]): a table of what is known of a
// function, or of the one that runs at a level (0: getinfo itself, 1: its caller); nil for a level
// that is not there. what says which fields:
//
//	S  source, short_src, what, linedefined, lastlinedefined
//	l  currentline
//	u  nups
//	n  name, namewhat
//	L  activelines
//	f  func, if it is a function of this generation's own
//
// Errors: neither a function nor a level; a letter that is not one of these.
func debugGetinfo(L *lua.LState) int {
	thread, arg := threadArg(L)
	var l level
	switch v := L.Get(arg + 1).(type) {
	case *lua.LFunction:
		l = level{fn: v, line: -1}
	default:
		n, ok := operand(v)
		if !ok {
			luaval.ArgError(L, arg+1, "function or level expected")
		}
		if n := levelOf(n); n >= 0 {
			levels := levelsOf(thread, n+1)
			if n >= len(levels) {
				L.Push(lua.LNil)
				return 1
			}
			l = levels[n]
		}
	}
	what := "flnSu"
	if L.Get(arg+2) != lua.LNil {
		what = luaval.CheckString(L, arg+2)
	}
	if strings.Trim(what, "SlunfL") != "" {
		luaval.ArgError(L, arg+2, "invalid option")
	}
	L.Push(l.info(L, what))
	return 1
}

// info makes the table of getinfo.
func (l level) info(L *lua.LState, what string) *lua.LTable {
	t := L.NewTable()
	text := func(field, s string) { t.RawSetString(field, lua.LString(s)) }
	number := func(field string, n int) { t.RawSetString(field, lua.LNumber(n)) }
	isLua := l.fn != nil && !l.fn.IsG
	for _, option := range what {
		switch option {
		case 'S':
			text("source", l.source())
			text("short_src", l.short())
			text("what", l.what())
			number("linedefined", -1)
			number("lastlinedefined", -1)
			if isLua {
				number("linedefined", l.fn.Proto.LineDefined)
				number("lastlinedefined", l.fn.Proto.LastLineDefined)
			}
		case 'l':
			number("currentline", l.line)
		case 'u':
			n := 0
			if l.fn != nil {
				n = len(l.fn.Upvalues)
			}
			number("nups", n)
		case 'n':
			text("namewhat", l.kind)
			if l.kind != "" {
				text("name", l.name)
			}
		case 'L':
			if isLua {
				lines := L.NewTable()
				for _, line := range l.fn.Proto.DbgSourcePositions {
					lines.RawSet(lua.LNumber(line), lua.LTrue)
				}
				t.RawSetString("activelines", lines)
			}
		case 'f':
			if l.fn != nil && l.fn.Env == L.Get(lua.EnvironIndex) {
				t.RawSetString("func", l.fn)
			}
		}
	}
	return t
}

// source is where the function comes from, in the form in which load takes names: "@" and a file,
// "=" and something else.
func (l level) source() string {
	short := l.short()
	if l.fn == nil || l.fn.IsG || strings.HasPrefix(short, "[") || strings.HasPrefix(short, "(") {
		return "=" + short
	}
	return "@" + short
}
