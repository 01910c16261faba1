package crypto

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/google/uuid"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// MaxRandomBytes is the most rover.crypto.random gives in one call: 64 KiB take 0.1 ms of VM time, and no key,
// token or salt is longer.
const MaxRandomBytes = 64 << 10

// Stubs are definitions of rover.crypto for editors. They must not be changed.
//
//go:embed crypto.lua
var Stubs string

// Open returns the rover.crypto table. Its random bytes come from a source that never fails; nil is the
// system's.
//
//	rover.crypto.sha256(bytes[, encoding]) -> string
//	rover.crypto.sha1, .sha384, .sha512, .md5: the same
//	rover.crypto.hmac(algorithm, key, message[, encoding]) -> string
//		algorithm: "md5", "sha1", "sha256", "sha384" or "sha512"; another one is a bad argument.
//	rover.crypto.random(n[, encoding]) -> string
//		n bytes (1 to 65536) of the system's secure source, raw unless encoding says otherwise.
//	rover.crypto.uuid() -> string
//		A random UUID (version 4).
//	rover.crypto.equal(a, b) -> boolean
//		Compares two strings in a time that depends on their lengths only: for tokens and signatures.
//
// encoding is how the bytes are written: "hex" (the default but in random; lower case), "base64" (padded),
// "base64url" (unpadded) or "raw"; another one is a bad argument. sha1 and md5 are here for old protocols.
func Open(L *lua.LState, source io.Reader) *lua.LTable {
	if source == nil {
		source = rand.Reader
	}
	lib := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"hmac":   hmacHex,
		"random": newRandom(source),
		"uuid":   newUUID(source),
		"equal":  equal,
	})
	for _, name := range hashNames {
		lib.RawSetString(name, L.NewFunction(digest(hashNamed(name))))
	}
	return lib
}

// hashNames are what hashNamed knows.
var hashNames = []string{"md5", "sha1", "sha256", "sha384", "sha512"}

// hashNamed returns the constructor of the named hash, nil for an unknown name.
func hashNamed(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha1":
		return sha1.New
	case "sha256":
		return sha256.New
	case "sha384":
		return sha512.New384
	case "sha512":
		return sha512.New
	}
	return nil
}

// digest returns the Lua function of one hash.
func digest(newHash func() hash.Hash) lua.LGFunction {
	return func(L *lua.LState) int {
		message, encode := luaval.CheckString(L, 1), encodingArg(L, 2, "hex")
		h := newHash()
		h.Write([]byte(message))
		L.Push(encode(h.Sum(nil)))
		return 1
	}
}

// hmacHex is rover.crypto.hmac.
func hmacHex(L *lua.LState) int {
	name, key, message := luaval.CheckString(L, 1), luaval.CheckString(L, 2), luaval.CheckString(L, 3)
	encode := encodingArg(L, 4, "hex")
	newHash := hashNamed(name)
	if newHash == nil {
		luaval.ArgError(L, 1, fmt.Sprintf("unknown algorithm %q: md5, sha1, sha256, sha384 or sha512 expected", name))
	}
	if key == "" { // everybody could sign
		luaval.ArgError(L, 2, "the key is empty: it comes from a secret that nobody has set")
	}
	mac := hmac.New(newHash, []byte(key))
	mac.Write([]byte(message))
	L.Push(encode(mac.Sum(nil)))
	return 1
}

// newRandom makes rover.crypto.random.
func newRandom(source io.Reader) lua.LGFunction {
	return func(L *lua.LState) int {
		n := lua.LNumber(luaval.CheckNumber(L, 1))
		if n != lua.LNumber(int(n)) || n < 1 || n > MaxRandomBytes {
			luaval.ArgError(L, 1, fmt.Sprintf("whole number from 1 to %d expected, got %s", MaxRandomBytes, n))
		}
		encode := encodingArg(L, 2, "raw")
		secret := make([]byte, int(n))
		// The system's never fails: it ends the process when it has no randomness to give.
		if _, err := io.ReadFull(source, secret); err != nil {
			L.RaiseError("reading random bytes: %s", err)
		}
		L.Push(encode(secret))
		return 1
	}
}

// newUUID makes rover.crypto.uuid.
func newUUID(source io.Reader) lua.LGFunction {
	return func(L *lua.LState) int {
		id, err := uuid.NewRandomFromReader(source)
		if err != nil {
			L.RaiseError("reading random bytes: %s", err)
		}
		L.Push(lua.LString(id.String()))
		return 1
	}
}

// equal is rover.crypto.equal. Two empty texts are not equal: one is a secret that nobody has set,
// the other what a client sends who sends none. That is no error: it may also be a client who has
// left out both a token and its copy, and an attacker should not fill the log with it.
func equal(L *lua.LState) int {
	a, b := luaval.CheckString(L, 1), luaval.CheckString(L, 2)
	L.Push(lua.LBool(a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1))
	return 1
}

// encodingArg returns how argument n wants bytes written; it raises a bad argument when it does not know.
func encodingArg(L *lua.LState, n int, fallback string) func([]byte) lua.LString {
	name := luaval.OptString(L, n, fallback)
	switch name {
	case "hex":
		return func(b []byte) lua.LString { return lua.LString(hex.EncodeToString(b)) }
	case "base64":
		return func(b []byte) lua.LString { return lua.LString(base64.StdEncoding.EncodeToString(b)) }
	case "base64url":
		return func(b []byte) lua.LString { return lua.LString(base64.RawURLEncoding.EncodeToString(b)) }
	case "raw":
		return func(b []byte) lua.LString { return lua.LString(b) }
	}
	luaval.ArgError(L, n, fmt.Sprintf("unknown encoding %q: hex, base64, base64url or raw expected", name))
	return nil
}
