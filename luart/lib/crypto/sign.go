package crypto

import (
	"context"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/keys"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

var formatOptions = luaval.NewOptions("format").Words("format", "asn1", "raw")

// keyMethods are those of what rover.crypto.key returns.
var keyMethods = map[string]lua.LGFunction{
	// key:kind(): "RSA", "P-256", "P-384", "P-521" or "Ed25519".
	"kind": func(L *lua.LState) int {
		L.Push(lua.LString(luaval.CheckSelf[*keys.Key](L, "key", "key:kind()").Kind()))
		return 1
	},
	// key:is_private(): whether it can sign.
	"is_private": func(L *lua.LState) int {
		L.Push(lua.LBool(luaval.CheckSelf[*keys.Key](L, "key", "key:is_private()").IsPrivate()))
		return 1
	},
}

// newKey makes rover.crypto.key(pem).
func newKey(meta *lua.LTable) lua.LGFunction {
	return func(L *lua.LState) int {
		k, err := keys.Parse(luaval.CheckText(L, 1))
		if err != nil {
			luaval.ArgError(L, 1, err.Error())
		}
		L.Push(luaval.NewObject(meta, k))
		return 1
	}
}

// newSign makes rover.crypto.sign(algorithm, key, message[, options]). A signature of RSA takes a
// millisecond or more, so it is made elsewhere.
func newSign(caller func() lib.Caller) lua.LGFunction {
	return func(L *lua.LState) int {
		algorithm, key := checkAlgorithm(L, 1), checkKey(L, 2)
		message, raw := luaval.CheckText(L, 3), readFormat(L, 4, algorithm)
		if err := algorithm.Fits(key); err != nil {
			luaval.ArgError(L, 2, err.Error())
		}
		if !key.IsPrivate() {
			luaval.ArgError(L, 2, "a private key expected: a public key cannot sign")
		}
		var signature []byte
		var err error
		caller().Await(L, lib.WaitsOn{What: "rover.crypto.sign"}, func(context.Context) {
			signature, err = algorithm.Sign(key, message, raw)
		})
		if err != nil {
			L.RaiseError("rover.crypto.sign: %s", err)
		}
		L.Push(lua.LString(signature))
		return 1
	}
}

// verify is rover.crypto.verify(algorithm, key, message, signature[, options]).
func verify(L *lua.LState) int {
	algorithm, key := checkAlgorithm(L, 1), checkKey(L, 2)
	message, signature := luaval.CheckText(L, 3), luaval.CheckText(L, 4)
	ok, err := algorithm.Verify(key, message, signature, readFormat(L, 5, algorithm))
	if err != nil {
		luaval.ArgError(L, 2, err.Error())
	}
	L.Push(lua.LBool(ok))
	return 1
}

func algorithmNames() (all []string) {
	for _, a := range keys.Algorithms {
		all = append(all, a.Name)
	}
	return all
}

func checkAlgorithm(L *lua.LState, n int) keys.Algorithm {
	name := luaval.CheckText(L, n)
	algorithm, ok := keys.Named(name)
	if !ok {
		names := strings.Join(algorithmNames(), ", ")
		luaval.ArgError(L, n, fmt.Sprintf("unknown algorithm %.20q: one of %s expected", name, names))
	}
	return algorithm
}

func checkKey(L *lua.LState, n int) *keys.Key {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		if k, ok := ud.Value.(*keys.Key); ok {
			return k
		}
	}
	luaval.ArgTypeError(L, n, "key of rover.crypto.key")
	return nil
}

// readFormat reads argument n: whether r and s of ECDSA are written one behind the other.
func readFormat(L *lua.LState, n int, algorithm keys.Algorithm) (raw bool) {
	t := luaval.OptTable(L, n)
	if t == nil {
		return false
	}
	formatOptions.Each(L, t, n, func(name string, v lua.LValue) {
		if v != lua.LString("asn1") && v != lua.LString("raw") {
			luaval.CheckOption(L, n, name, v, `"asn1" or "raw"`)
		}
		if !algorithm.IsECDSA() {
			luaval.ArgError(L, n, "option 'format': "+algorithm.Name+" has one form of signatures")
		}
		raw = v == lua.LString("raw")
	})
	return raw
}
