package luaval

import lua "github.com/yuin/gopher-lua"

// ErrorMeta is the metatable of error{status=…, message=…}, which has no other: tostring of one is its
// message. Every VM of the process shares it; nothing may write to it.
var ErrorMeta = newErrorMeta()

// quietMeta is that of an error whose reason the log has already.
var quietMeta = newErrorMeta()

func newErrorMeta() *lua.LTable {
	meta := newJSONMeta("error")
	meta.RawSetString("__tostring", &lua.LFunction{IsG: true, GFunction: func(L *lua.LState) int {
		message := lua.LNil
		if t, ok := L.Get(1).(*lua.LTable); ok {
			message = t.RawGetString("message")
		}
		text, _ := StringValue(message)
		L.Push(lua.LString(text))
		return 1
	}})
	return meta
}

// MarkError gives a table that is being raised its text, if it is an error with a status and has no
// metatable of its own.
func MarkError(t *lua.LTable) {
	if t.Metatable != lua.LNil || t.RawGetString("status").Type() != lua.LTNumber {
		return
	}
	if _, ok := StringValue(t.RawGetString("message")); ok {
		t.Metatable = ErrorMeta
	}
}

// NewError is an error that tells a client a status and a message, as a table.
func NewError(status int, message string) *lua.LTable {
	t := &lua.LTable{Metatable: ErrorMeta}
	t.RawSetString("status", lua.LNumber(status))
	t.RawSetString("message", lua.LString(message))
	return t
}

// Quiet marks an error that has a reason of which the log has had a line just now: while a service is
// down, every request fails for it. The error is counted as any other, and is a line at level debug.
func Quiet(t *lua.LTable) { t.Metatable = quietMeta }

// IsQuiet reports whether Quiet has marked an error.
func IsQuiet(t *lua.LTable) bool { return t.Metatable == lua.LValue(quietMeta) }

// RaiseStatus is error{status=…, message=…}.
func RaiseStatus(L *lua.LState, status int, message string) {
	L.Error(NewError(status, message), 1)
}

// RaiseCause is error{status=…, message=…, cause=…}: the cause is for the log.
func RaiseCause(L *lua.LState, status int, message string, cause error) {
	t := NewError(status, message)
	t.RawSetString("cause", lua.LString(cause.Error()))
	L.Error(t, 1)
}
