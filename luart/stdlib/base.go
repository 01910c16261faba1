package stdlib

import (
	"fmt"
	"runtime/metrics"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// baseAssert is assert(v[, message, …]): all its arguments, or the message (any value) as the error
// when v is false or nil. As in Lua, no position is put in front of the message.
func baseAssert(L *lua.LState) int {
	if lua.LVAsBool(luaval.CheckAny(L, 1)) {
		return L.GetTop()
	}
	if L.GetTop() < 2 {
		L.Error(lua.LString("assertion failed!"), 0)
	}
	L.Error(L.Get(2), 0)
	return 0
}

// baseCollectGarbage is collectgarbage([option[, arg]]): the live and the not yet collected heap of
// the process in KiB for "count", true for "step", else 0. It never starts a collection. Errors:
// another option.
func baseCollectGarbage(L *lua.LState) int {
	option := "collect"
	if L.Get(1) != lua.LNil {
		option = luaval.CheckString(L, 1)
	}
	luaval.OptInt(L, 2, 0)
	switch option {
	case "count":
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(heap)
		L.Push(lua.LNumber(float64(heap[0].Value.Uint64()) / 1024))
	case "step":
		L.Push(lua.LTrue)
	case "collect", "stop", "restart", "setpause", "setstepmul":
		L.Push(lua.LNumber(0))
	default:
		luaval.ArgError(L, 1, "invalid option '"+luaval.Shown(option)+"'")
	}
	return 1
}

// baseError is error(value[, level]). {status=…, message=…} gets its message as its text. A string gets the position "file:line: " of its caller (level
// 1), of the caller's caller (2) and so on; level 0 adds none.
func baseError(L *lua.LState) int {
	value, level := L.Get(1), luaval.OptInt(L, 2, 1)
	if lua.LVCanConvToString(value) && level > 0 {
		value = lua.LString(where(L, level) + luaval.ToString(L, value))
	}
	if t, ok := value.(*lua.LTable); ok {
		luaval.MarkError(t)
	}
	L.Error(value, 0)
	return 0
}

// where is the place "file:line: " of the code that runs at a level, "" where that is none of Lua.
func where(L *lua.LState, level int) string {
	l, ok := levelAt(L, level)
	if !ok || l.line <= 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", l.short(), l.line)
}

// basePcall is pcall(f, …): true and the results, or false and the error object, whatever its type.
func basePcall(L *lua.LState) int {
	luaval.CheckAny(L, 1)
	if err := protect(L, L.GetTop()); err != nil {
		L.Push(lua.LFalse)
		L.Push(err.Object)
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// baseXpcall is xpcall(f, handler, …): true and the results of f(…), or false and what handler
// makes of the error object. The handler runs where the error was raised, so that it can look at
// the calls of f; on a full stack it runs after they are undone. An error of the handler takes the
// place of the first one.
func baseXpcall(L *lua.LState) int {
	handler := luaval.CheckAny(L, 2)
	L.Remove(2)
	err := protectWith(L, L.GetTop(), handler)
	if err == nil {
		L.Insert(lua.LTrue, 1)
		return L.GetTop()
	}
	if err.StackTrace != traceHandled {
		L.Push(handler)
		L.Push(err.Object)
		err = protectWith(L, 2, lua.LNil)
		if err == nil {
			L.SetTop(1)
			L.Insert(lua.LFalse, 1)
			return 2
		}
	}
	L.Push(lua.LFalse)
	L.Push(err.Object)
	return 2
}

// reservedCalls is how many calls of the stack protect leaves to what it calls.
const reservedCalls = 16

// protect calls the value that has n-1 arguments above it on the stack, and takes both off. The
// results are on the stack when it returns nil. It must be called by a guarded function.
func protect(L *lua.LState, n int) *lua.ApiError { return protectWith(L, n, nil) }

// protectWith is protect for a function guarded by guardHandled, which gets the handler first.
func protectWith(L *lua.LState, n int, handler lua.LValue) *lua.ApiError {
	callee := L.Get(-n)
	if fn := callee.Type(); fn != lua.LTFunction && L.GetMetaField(callee, "__call").Type() != lua.LTFunction {
		L.SetTop(L.GetTop() - n)
		return &lua.ApiError{Type: lua.ApiErrorRun, Object: lua.LString("attempt to call a " + fn.String() + " value")}
	}
	if glua.CallDepth(L) > L.Options.CallStackSize-reservedCalls {
		L.SetTop(L.GetTop() - n)
		return &lua.ApiError{Type: lua.ApiErrorRun, Object: lua.LString("stack overflow")}
	}
	at := L.GetTop() - n + 1
	L.Insert(L.Get(lua.UpvalueIndex(1)), at)
	if handler != nil {
		L.Insert(handler, at+1)
		n++
	}
	outer := glua.SwapUpvalues(L, nil)
	err := L.PCall(n, lua.MultRet, nil)
	glua.SwapUpvalues(L, outer)
	if err == nil {
		return nil
	}
	failure := err.(*lua.ApiError) //nolint:errorlint // PCall returns no other, and wraps none
	if message, ok := failure.Object.(lua.LString); ok && len(message) > luaval.MaxStringBytes {
		failure.Object = message[:luaval.MaxStringBytes] // quoting a string again and again makes it longer
	}
	return failure
}

// guardCall calls its first argument with the others, and makes a Lua error of a Go panic where it
// happens: PCall alone would undo the calls first and leave captured locals without a value.
//
// It also spares PCall the traceback, which nobody sees of an error that is caught: it takes 3 ms
// on a full stack, and a chain of pcalls that burst ends one by one would hold the VM for seconds.
func guardCall(L *lua.LState) int {
	defer func() {
		if err := recoverError(L, recover()); err != nil {
			err.StackTrace = traceCaught
			panic(err)
		}
	}()
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

// What stands in the place of a traceback that nobody sees.
const (
	traceCaught  = "caught"
	traceHandled = "handled" // and a handler has made the error's object
)

// guardHandled is guardCall for xpcall: its first argument is the handler, nil for none.
func guardHandled(L *lua.LState) int {
	handler, guard := L.Get(1), glua.CurrentFrame(L).Function()
	L.Remove(1)
	defer func() {
		err := recoverError(L, recover())
		if err == nil {
			return
		}
		err.StackTrace = traceCaught
		if handler != lua.LNil && canHandle(L, guard) {
			err = handle(L, handler, err)
		}
		panic(err)
	}()
	L.Call(L.GetTop()-1, lua.MultRet)
	return L.GetTop()
}

// maxHandlers is how many calls of xpcall are one in another where a handler runs before their
// calls are undone. It runs on the Go stack of what has failed, and would fill that when handlers
// fail in handlers.
const maxHandlers = 64

// canHandle says whether there is room for a handler before the calls are undone. guard is the
// running xpcall's guardHandled.
func canHandle(L *lua.LState, guard *lua.LFunction) bool {
	if glua.CallDepth(L) > L.Options.CallStackSize-reservedCalls {
		return false
	}
	guards := 0
	for f := glua.CurrentFrame(L); f.Valid(); f = f.Caller() {
		if f.Function() == guard {
			guards++
		}
	}
	return guards <= maxHandlers
}

// handle calls the handler with the object of an error, and returns the error with what that makes
// of it, or the handler's own.
func handle(L *lua.LState, handler lua.LValue, err *lua.ApiError) (handled *lua.ApiError) {
	defer func() {
		if failure := recoverError(L, recover()); failure != nil {
			handled = failure
		}
		handled.StackTrace = traceHandled
	}()
	L.Push(handler)
	L.Push(err.Object)
	L.Call(1, 1)
	err.Object = L.Get(-1)
	L.Pop(1)
	return err
}

// recoverError makes a Lua error of what a deferred function has recovered, nil of nil.
func recoverError(L *lua.LState, reason any) (err *lua.ApiError) {
	switch r := reason.(type) {
	case nil:
		return nil
	case *lua.ApiError:
		return r
	}
	defer func() { err = recover().(*lua.ApiError) }() // RaiseError panics with no other
	L.RaiseError("%s", panicMessage(fmt.Sprint(reason)))
	return nil
}

// panicMessage words a Go panic for scripts.
func panicMessage(reason string) string {
	if reason == "lua callstack overflow" { // gopher-lua panics with this string
		return "stack overflow"
	}
	return "internal error: " + reason
}

// newPrint makes print(…): the values as the global tostring shows them, with tabs between them, as
// one line to the hook. Errors: a tostring that returns no string.
func newPrint(b *envBuilder) lua.LValue {
	hook, d := b.hooks.Print, b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		var line strings.Builder
		for i := 1; i <= L.GetTop(); i++ {
			if i > 1 {
				line.WriteByte('\t')
			}
			switch v := L.Get(i).(type) {
			case lua.LString:
				line.WriteString(string(v))
			default:
				L.Push(L.GetField(d.Globals(L), "tostring"))
				L.Push(v)
				L.Call(1, 1)
				if !lua.LVCanConvToString(L.Get(-1)) {
					L.RaiseError("'tostring' must return a string to 'print'")
				}
				line.WriteString(luaval.ToString(L, L.Get(-1)))
				L.Pop(1)
			}
			luaval.CheckSize(L, line.Len())
		}
		if hook != nil {
			hook(L, line.String())
		}
		return 0
	})
}

// baseRawset is rawset(table, key, value): the table. Errors: a nil or NaN key.
func baseRawset(L *lua.LState) int {
	L.RawSet(luaval.CheckTable(L, 1), luaval.CheckAny(L, 2), luaval.CheckAny(L, 3))
	L.SetTop(1)
	return 1
}

// baseSelect is select(n, …): the arguments from the nth on, from the end when n is negative; their
// number for "#". Errors: n is 0, or before the first.
func baseSelect(L *lua.LState) int {
	top := L.GetTop()
	if s, ok := L.Get(1).(lua.LString); ok && len(s) > 0 && s[0] == '#' {
		L.Push(lua.LNumber(top - 1))
		return 1
	}
	n := luaval.CheckInt(L, 1)
	if n < 0 {
		n += top
	}
	if n < 1 {
		luaval.ArgError(L, 1, "index out of range")
	}
	return max(0, top-n)
}

// baseSetmetatable is setmetatable(table, metatable|nil): the table. Errors: what is no table (the
// metatables of strings and of Rover's own objects belong to all scripts); a metatable with a
// __metatable field is in place.
func baseSetmetatable(L *lua.LState) int {
	table := luaval.CheckTable(L, 1)
	if L.GetTop() < 2 {
		luaval.ArgError(L, 2, "nil or table expected")
	}
	luaval.CheckTypes(L, 2, lua.LTNil, lua.LTTable)
	if meta, ok := table.Metatable.(*lua.LTable); ok && !luaval.IsReplaceable(meta) && meta.RawGetString("__metatable") != lua.LNil {
		L.RaiseError("cannot change a protected metatable")
	}
	table.Metatable = L.Get(2)
	L.SetTop(1)
	return 1
}

// baseTostring is tostring(v): what __tostring returns, whatever it is, where v has one.
func baseTostring(L *lua.LState) int {
	v := luaval.CheckAny(L, 1)
	if meta := L.GetMetaField(v, "__tostring"); meta != lua.LNil {
		L.Push(meta)
		L.Push(v)
		L.Call(1, 1)
		return 1
	}
	L.Push(lua.LString(luaval.ToString(L, v)))
	return 1
}

// baseUnpack is unpack(list[, i[, j]]): list[i] to list[j]; i is 1 and j is #list when left out.
// Errors: more than 8000 results.
func baseUnpack(L *lua.LState) int {
	list, first := luaval.CheckTable(L, 1), luaval.OptInt(L, 2, 1)
	last := luaval.OptInt(L, 3, list.Len())
	if last < first {
		return 0
	}
	n := last - first + 1
	if n > MaxResults {
		L.RaiseError("too many results to unpack: %d, the limit is %d", n, MaxResults)
	}
	for i := first; i <= last; i++ {
		L.Push(list.RawGet(lua.LNumber(i)))
	}
	return n
}

// Bound makes the functions of a library raise an error when a string that they return is too long.
// Each makes its result at most a few times as long as its arguments are: that much may be in
// memory for a moment, but a script cannot go on from there. A function that puts many arguments
// together must look before.
func Bound(library *lua.LTable) {
	library.ForEach(func(_, v lua.LValue) {
		fn, ok := v.(*lua.LFunction)
		if !ok || !fn.IsG {
			return
		}
		own := fn.GFunction
		fn.GFunction = func(L *lua.LState) int {
			n := own(L)
			for i := 1; i <= n; i++ {
				if s, ok := L.Get(-i).(lua.LString); ok {
					luaval.CheckSize(L, len(s))
				}
			}
			return n
		}
	})
}
