package crypto

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/certificate"
	"github.com/caddy-rover/rover/luart/keys"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Library is rover.crypto.
var Library = &lib.Library{
	Name: "crypto", Stubs: Stubs,
	Makes:    map[string]string{"key": "key"},
	Options:  map[string]luaval.OptionsAt{"sign": formatOptions.At(4), "verify": formatOptions.At(5)},
	Words:    words(),
	Explains: true,
	NewState: func(vm lib.VM) any { return &metas{luaval.NewType(vm.L(), "key", keyMethods, nil)} },
	Open: func(s *lib.Scope) lua.LValue {
		t, source := Open(s.L(), s.Grants.FakeRandom), s.Grants.FakeRandom
		if source == nil {
			source = rand.Reader
		}
		return s.L().SetFuncs(t, map[string]lua.LGFunction{
			"key":         newKey(s.State.(*metas).key),
			"sign":        newSign(s.Caller),
			"verify":      verify,
			"seal":        newSeal(source),
			"open":        openSealed,
			"certificate": readCertificate,
		})
	},
}

// words are the names of algorithms and of forms of bytes.
func words() map[string]luaval.Words {
	all := map[string]luaval.Words{"hmac": {Arg: 1, Names: hashNames}}
	for _, name := range []string{"sign", "verify"} {
		all[name] = luaval.Words{Arg: 1, Names: algorithmNames()}
	}
	return all
}

// metas are the types of a VM.
type metas struct{ key *lua.LTable }

// readCertificate is rover.crypto.certificate(pem).
func readCertificate(L *lua.LState) int {
	block, err := keys.Block(luaval.CheckText(L, 1))
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	if block.Type != "CERTIFICATE" {
		L.Push(lua.LNil)
		L.Push(lua.LString(fmt.Sprintf("a PEM block CERTIFICATE expected, got %.40q", block.Type)))
		return 2
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return luaval.PushFailure(L, err)
	}
	L.Push(certificate.Table(L, c))
	return 1
}
