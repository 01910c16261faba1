package luaval

import lua "github.com/yuin/gopher-lua"

// CalledMethod returns the name of the Go function that runs in L, if Lua code has called it with a
// colon. Package glua, which knows how calls are kept, sets it.
var CalledMethod = func(*lua.LState) (name string, ok bool) { return "", false }

// stripped and strippedMethod mark functions that take off what they were called on.
var stripped, strippedMethod = &lua.LUserData{}, &lua.LUserData{}

// NewStripped makes a function of fn, which takes what it was called on off its arguments itself, and
// what no script has written among them: it is the __call of an object.
func NewStripped(L *lua.LState, fn lua.LGFunction) *lua.LFunction {
	return L.NewClosure(fn, stripped)
}

// NewStrippedMethod is NewStripped for a method.
func NewStrippedMethod(L *lua.LState, fn lua.LGFunction) *lua.LFunction {
	return L.NewClosure(fn, strippedMethod)
}

// ArgError raises an error about argument n, and counts as the caller does: for x:f(a) a is the first
// argument, and for x.f(x, a) the second. All errors about arguments are raised here; gopher-lua's
// own functions count what stands before the colon, too.
func ArgError(L *lua.LState, n int, message string) {
	name, colon := CalledMethod(L)
	switch L.Get(lua.UpvalueIndex(1)) {
	case lua.LValue(stripped):
	case lua.LValue(strippedMethod):
		if !colon {
			n++
		}
	default:
		if colon {
			n--
		}
	}
	if n == 0 {
		L.RaiseError("calling '%s' on bad self (%s)", name, message)
	}
	L.ArgError(n, message)
}
