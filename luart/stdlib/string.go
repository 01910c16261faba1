package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// strLen is string.len(s): its bytes.
func strLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(luaval.CheckString(L, 1))))
	return 1
}

// strSub is string.sub(s, i[, j]): s from byte i to byte j, both counted from 1, or from the end
// when negative.
func strSub(L *lua.LState) int {
	s := luaval.CheckString(L, 1)
	first, last := byteRange(len(s), luaval.CheckInt(L, 2), luaval.OptInt(L, 3, -1))
	L.Push(lua.LString(s[first:last]))
	return 1
}

// strByte is string.byte(s[, i[, j]]): the codes of bytes i (1) to j (i). Errors: more than 8000.
func strByte(L *lua.LState) int {
	s, i := luaval.CheckString(L, 1), luaval.OptInt(L, 2, 1)
	first, last := byteRange(len(s), i, luaval.OptInt(L, 3, i))
	if last-first > MaxResults {
		L.RaiseError("string slice too long: %d bytes, the limit is %d", last-first, MaxResults)
	}
	for _, c := range []byte(s[first:last]) {
		L.Push(lua.LNumber(c))
	}
	return last - first
}

// byteRange makes a slice's bounds of Lua's i and j in a string of n bytes.
func byteRange(n, i, j int) (first, last int) {
	if i < 0 {
		i += n + 1
	}
	if j < 0 {
		j += n + 1
	}
	first, last = max(i, 1)-1, min(j, n)
	if first >= last {
		return 0, 0
	}
	return first, last
}

// strChar is string.char(…): a string of these byte codes. Errors: one that is not from 0 to 255.
func strChar(L *lua.LState) int {
	s := make([]byte, L.GetTop())
	for i := range s {
		c := luaval.CheckInt(L, i+1)
		if c < 0 || c > 255 {
			luaval.ArgError(L, i+1, "invalid value")
		}
		s[i] = byte(c)
	}
	L.Push(lua.LString(s))
	return 1
}

// strRep is string.rep(s, n[, sep]): n copies of s, with sep between them. Errors: more than 16
// MiB.
func strRep(L *lua.LState) int {
	s, n, sep := luaval.CheckString(L, 1), luaval.CheckInt(L, 2), luaval.OptString(L, 3, "")
	if n <= 0 || len(s)+len(sep) == 0 {
		L.Push(lua.LString(""))
		return 1
	}
	if n > luaval.MaxStringBytes/(len(s)+len(sep))+1 {
		luaval.CheckSize(L, luaval.MaxStringBytes+1)
	}
	luaval.CheckSize(L, n*len(s)+(n-1)*len(sep))
	L.Push(lua.LString(strings.Repeat(s+sep, n-1) + s))
	return 1
}

// strReverse is string.reverse(s): its bytes from the last to the first.
func strReverse(L *lua.LState) int {
	s := luaval.CheckString(L, 1)
	out := make([]byte, len(s))
	for i := range len(s) {
		out[len(s)-1-i] = s[i]
	}
	L.Push(lua.LString(out))
	return 1
}

// strLower is string.lower(s): A-Z made a-z, all other bytes as they are.
func strLower(L *lua.LState) int {
	L.Push(lua.LString(mapASCII(luaval.CheckString(L, 1), 'A')))
	return 1
}

// strUpper is string.upper(s): a-z made A-Z, all other bytes as they are.
func strUpper(L *lua.LState) int {
	L.Push(lua.LString(mapASCII(luaval.CheckString(L, 1), 'a')))
	return 1
}

// mapASCII changes the case of the 26 letters from first on. It does not copy a string without any.
func mapASCII(s string, first byte) string {
	for i := range len(s) {
		if s[i]-first >= 26 {
			continue
		}
		out := []byte(s)
		for ; i < len(out); i++ {
			if out[i]-first < 26 {
				out[i] ^= 0x20
			}
		}
		return string(out)
	}
	return s
}
