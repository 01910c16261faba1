package crypto

import (
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
)

// open is Open with the system's source.
func open(L *lua.LState) *lua.LTable { return Open(L, nil) }

// The digests are those of FIPS 180-4, RFC 1321, RFC 2202 and RFC 4231.
func TestCrypto(t *testing.T) {
	const sha256abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	luarttest.Run(t, "crypto", open, []luarttest.Case{
		{"md5", `return rover.crypto.md5("abc")`, "900150983cd24fb0d6963f7d28e17f72"},
		{"sha1", `return rover.crypto.sha1("abc")`, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"sha256", `return rover.crypto.sha256("abc")`, sha256abc},
		{"sha384", `return rover.crypto.sha384("abc")`, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{"sha512", `return rover.crypto.sha512("abc")`, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"hex said aloud", `return rover.crypto.sha256("abc", "hex")`, sha256abc},
		{"base64", `return rover.crypto.sha1("abc", "base64")`, "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
		{"base64url", `return rover.crypto.sha1("abc", "base64url")`, "qZk-NkcGgWq6PiVxeFDCbJzQ2J0"},
		{"raw", `local raw = rover.crypto.sha256("abc", "raw") return #raw, raw:byte(1), raw:byte(32)`, "32 | 186 | 173"},
		{"bytes after a NUL count", `return rover.crypto.sha256("a\0b") == rover.crypto.sha256("a\0c")`, "false"},
		{"hmac sha256", `return rover.crypto.hmac("sha256", "Jefe", "what do ya want for nothing?")`, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"hmac sha1", `return rover.crypto.hmac("sha1", "Jefe", "what do ya want for nothing?")`, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"hmac md5", `return rover.crypto.hmac("md5", "Jefe", "what do ya want for nothing?")`, "750c783e6ab0b503eaa86e310a5db738"},
		{"hmac in base64", `return rover.crypto.hmac("sha1", "Jefe", "what do ya want for nothing?", "base64")`, "7/zfauXrL6LSdBbV8YTfnCWafHk="},
		{"hmac of an unknown algorithm", `rover.crypto.hmac("sha3", "k", "m")`, `error: <string>:1: bad argument #1 to hmac (unknown algorithm "sha3": md5, sha1, sha256, sha384 or sha512 expected)`},
		{"hmac with an empty key", `rover.crypto.hmac("sha256", "", "m")`, "error: <string>:1: bad argument #2 to hmac (the key is empty: it comes from a secret that nobody has set)"},
		{"hmac without a key", `rover.crypto.hmac("sha256", nil, "m")`, "error: <string>:1: bad argument #2 to hmac (string expected, got nil)"},
		{"unknown encoding", `rover.crypto.sha256("abc", "octal")`, `error: <string>:1: bad argument #2 to sha256 (unknown encoding "octal": hex, base64, base64url or raw expected)`},
		{"random has the length asked for", `return #rover.crypto.random(1), #rover.crypto.random(65536), #rover.crypto.random(16, "hex")`, "1 | 65536 | 32"},
		{"random differs", `return rover.crypto.random(16) == rover.crypto.random(16)`, "false"},
		{"random of nothing", `rover.crypto.random(0)`, "error: <string>:1: bad argument #1 to random (whole number from 1 to 65536 expected, got 0)"},
		{"random of too much", `rover.crypto.random(65537)`, "error: <string>:1: bad argument #1 to random (whole number from 1 to 65536 expected, got 65537)"},
		{"random of a part", `rover.crypto.random(1.5)`, "error: <string>:1: bad argument #1 to random (whole number from 1 to 65536 expected, got 1.5)"},
		{"random of no number", `rover.crypto.random(0/0)`, "error: <string>:1: bad argument #1 to random (whole number from 1 to 65536 expected, got NaN)"},
		{"uuid is version 4", `return rover.crypto.uuid():gsub("%x", "x"), rover.crypto.uuid():sub(15, 15), rover.crypto.uuid():find("[89ab]", 20)`, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx | 4 | 20 | 20"},
		{"uuid differs", `return rover.crypto.uuid() == rover.crypto.uuid()`, "false"},
		{"equal", `return rover.crypto.equal("abc", "abc"), rover.crypto.equal("abc", "abd"), rover.crypto.equal("abc", "ab"), rover.crypto.equal("abc", "")`, "true | false | false | false"},
		{"equal of what is empty", `return rover.crypto.equal("", ""), rover.crypto.equal("", "abc")`, "false | false"},
		{"equal of nil", `rover.crypto.equal("abc", nil)`, "error: <string>:1: bad argument #2 to equal (string expected, got nil)"},
	})
}
