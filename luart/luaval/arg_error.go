package luaval

import lua "github.com/yuin/gopher-lua"

// CalledMethod returns the name of the Go function that runs in L, if Lua code has called it with a
// colon. Package glua, which knows how calls are kept, sets it.
var CalledMethod = func(*lua.LState) (name string, ok bool) { return "", false }

// stripped marks functions that have taken off what a script has not written among the arguments.
var stripped = &lua.LUserData{}

// NewStripped makes a function of fn, which takes what it was called on off its arguments itself: all
// that are left are what the script wrote, and are counted as they are.
func NewStripped(L *lua.LState, fn lua.LGFunction) *lua.LFunction {
	return L.NewClosure(fn, stripped)
}

// isStripped says whether the function that runs in L is one of NewStripped. An upvalue of another
// function may be anything.
func isStripped(L *lua.LState) bool { return L.Get(lua.UpvalueIndex(1)) == lua.LValue(stripped) }

// ArgError raises an error about argument n, and counts as the caller does: for x:f(a) a is the first
// argument, and for x.f(x, a) the second. All errors about arguments are raised here; gopher-lua's
// own functions count what stands before the colon, too.
func ArgError(L *lua.LState, n int, message string) {
	if name, ok := CalledMethod(L); ok && !isStripped(L) {
		if n--; n == 0 {
			L.RaiseError("calling '%s' on bad self (%s)", name, message)
		}
	}
	L.ArgError(n, message)
}
