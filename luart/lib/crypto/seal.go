package crypto

import (
	"fmt"
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/sealed"
)

// MaxSealed is how long a text is that rover.crypto.seal takes: it is for cookies and URLs.
const MaxSealed = 64 << 10

// sealInfo tells what is sealed here from what a session seals with the same key.
const sealInfo = "rover.crypto.seal"

// newSeal makes rover.crypto.seal(keys, text[, context]).
func newSeal(source io.Reader) lua.LGFunction {
	return func(L *lua.LState) int {
		box, text := checkBox(L), luaval.CheckText(L, 2)
		if len(text) > MaxSealed {
			luaval.ArgError(L, 2, fmt.Sprintf("%d bytes: at most %d expected", len(text), MaxSealed))
		}
		L.Push(lua.LString(box.Seal([]byte(text), source)))
		return 1
	}
}

// openSealed is rover.crypto.open(keys, token[, context]): the text, and whether another key than
// the first has sealed it.
func openSealed(L *lua.LState) int {
	box, token := checkBox(L), luaval.CheckText(L, 2)
	if len(token) > sealed.Length(MaxSealed) {
		return luaval.PushFailure(L, sealed.ErrSealed)
	}
	text, old, err := box.Open(token)
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	L.Push(lua.LString(text))
	L.Push(lua.LBool(old))
	return 2
}

// checkBox reads keys, argument 1, and a context, argument 3. Errors do not show keys.
func checkBox(L *lua.LState) *sealed.Box {
	list, ok := luaval.Texts(L.Get(1), 0)
	if !ok {
		luaval.ArgTypeError(L, 1, "key or list of keys")
	}
	box, err := sealed.New(list, sealInfo, luaval.OptString(L, 3, ""))
	if err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	return box
}
