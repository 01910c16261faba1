package luaval

import lua "github.com/yuin/gopher-lua"

// MaxStringBytes is the longest string that a library function makes. Sixteen times the default
// max_body: more than any response that a script builds as one string, and copied in 2 ms, so that
// no single call stalls other requests.
const MaxStringBytes = 16 << 20

// CheckSize raises an error when a library function makes a string of n bytes and that is too long.
func CheckSize(L *lua.LState, n int) {
	if n > MaxStringBytes {
		L.RaiseError("resulting string too large: the limit is %d bytes", MaxStringBytes)
	}
}

// Arrays end at 1,048,575 elements. gopher-lua's own limit of 67,108,863 lets the one statement
// t[67000000] = 1 fill a gigabyte with nils, and ids that clients send become such keys. Past the
// limit a number is an ordinary key: t[k], pairs and rawget work, # and ipairs end before it. The
// variable belongs to the process; it is written here, before any Lua state exists, and only read
// afterwards.
func init() { lua.MaxArrayIndex = 1 << 20 }
