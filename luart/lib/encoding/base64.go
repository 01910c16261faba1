package encoding

import (
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// StubsBase64 are definitions of rover.base64 for editors. They must not be changed.
//
//go:embed base64.lua
var StubsBase64 string

// OpenBase64 returns the rover.base64 table.
//
//	rover.base64.encode(bytes) -> string
//		Standard alphabet (RFC 4648 section 4), padded.
//	rover.base64.decode(string) -> bytes | nil, message
//	rover.base64.url_encode(bytes) -> string
//		URL and file name alphabet (section 5), without padding.
//	rover.base64.url_decode(string) -> bytes | nil, message
//
// Both decoders take padded and unpadded text and pass over CR and LF, as in mail and PEM. Anything else that is
// not of the alphabet, a wrong padding included, gives nil and a message with the position of the first bad byte.
func OpenBase64(L *lua.LState) *lua.LTable {
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"encode":     base64Encoder(base64.StdEncoding),
		"decode":     base64Decoder(base64.StdEncoding, base64.RawStdEncoding),
		"url_encode": base64Encoder(base64.RawURLEncoding),
		"url_decode": base64Decoder(base64.URLEncoding, base64.RawURLEncoding),
	})
}

// base64Encoder returns encode for one alphabet.
func base64Encoder(enc *base64.Encoding) lua.LGFunction {
	return func(L *lua.LState) int {
		L.Push(lua.LString(enc.EncodeToString([]byte(luaval.CheckString(L, 1)))))
		return 1
	}
}

// base64Decoder returns decode for one alphabet: text with a '=' must be padded right, text without needs none.
func base64Decoder(padded, raw *base64.Encoding) lua.LGFunction {
	return func(L *lua.LState) int {
		text, enc := luaval.CheckString(L, 1), raw
		if strings.Contains(text, "=") {
			enc = padded
		}
		decoded, err := enc.DecodeString(text)
		if err != nil {
			L.Push(lua.LNil)
			L.Push(lua.LString(base64Message(err, len(text))))
			return 2
		}
		L.Push(lua.LString(decoded))
		return 1
	}
}

// base64Message says where the text stops being base64, counting bytes from 1 as Lua does. Any goroutine may
// call it.
func base64Message(err error, length int) string {
	var offset base64.CorruptInputError
	switch {
	case !errors.As(err, &offset):
		return "invalid base64: " + err.Error()
	case int(offset) >= length:
		return "invalid base64: the text ends too early"
	default:
		return fmt.Sprintf("invalid base64 at byte %d", int(offset)+1)
	}
}
