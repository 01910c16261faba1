package encoding

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// StubsHex are definitions of rover.hex for editors. They must not be changed.
//
//go:embed hex.lua
var StubsHex string

// OpenHex returns the rover.hex table.
//
//	rover.hex.encode(bytes) -> string
//		Two lower-case digits for each byte.
//	rover.hex.decode(string) -> bytes | nil, message
//		Takes digits of either case; nothing between them, no "0x" before them.
func OpenHex(L *lua.LState) *lua.LTable {
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"encode": hexEncode,
		"decode": hexDecode,
	})
}

// hexEncode is rover.hex.encode.
func hexEncode(L *lua.LState) int {
	L.Push(lua.LString(hex.EncodeToString([]byte(luaval.CheckString(L, 1)))))
	return 1
}

// hexDecode is rover.hex.decode.
func hexDecode(L *lua.LState) int {
	text := luaval.CheckString(L, 1)
	decoded, err := hex.DecodeString(text)
	if err != nil {
		L.Push(lua.LNil)
		L.Push(lua.LString(hexMessage(err, text)))
		return 2
	}
	L.Push(lua.LString(decoded))
	return 1
}

// hexMessage says what is wrong with the text, and at which byte counted from 1.
func hexMessage(err error, text string) string {
	if errors.Is(err, hex.ErrLength) {
		return fmt.Sprintf("invalid hex: odd number of digits (%d)", len(text))
	}
	bad := strings.IndexFunc(text, func(r rune) bool {
		return !strings.ContainsRune("0123456789abcdefABCDEF", r)
	})
	return fmt.Sprintf("invalid hex at byte %d", bad+1)
}
