package crypto

import (
	"os"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/libtest"
)

// pems are what chunks of Lua call PEM.name.
func pems(t *testing.T) string {
	t.Helper()
	var chunk strings.Builder
	chunk.WriteString("local PEM = { ")
	for name, file := range map[string]string{
		"client": "testdata/client.pem", "ca": "testdata/ca.pem", "rsa": "../../keys/testdata/RSA.pem",
		"ec": "../../keys/testdata/P-256.pem", "ed": "../../keys/testdata/Ed25519.pem",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		chunk.WriteString(name + ` = "` + strings.ReplaceAll(string(text), "\n", `\n`) + `", `)
	}
	chunk.WriteString(`} local k = string.rep("k", 32) local c = rover.crypto `)
	return chunk.String()
}

func TestLibrary(t *testing.T) {
	vm, before := libtest.New(t, Library), pems(t)
	for name, c := range map[string][2]string{
		"a key of a certificate":    {`local k = c.key(PEM.client) return k:kind(), k:is_private()`, "P-256 | false"},
		"a key that is none":        {`c.key("secret")`, "error: chunk:1: bad argument #1 to key (one PEM block expected, from -----BEGIN to -----END)"},
		"a key of text":             {`c.verify("ES256", PEM.ec, "m", "s")`, "error: chunk:1: bad argument #2 to verify (key of rover.crypto.key expected, got string)"},
		"a key of another kind":     {`c.verify("RS256", c.key(PEM.ec), "m", "s")`, "error: chunk:1: bad argument #2 to verify (RS256 takes a key of RSA, got one of P-256)"},
		"signing with it":           {`c.sign("RS256", c.key(PEM.ec), "m")`, "error: chunk:1: bad argument #2 to sign (RS256 takes a key of RSA, got one of P-256)"},
		"signing with a public key": {`c.sign("RS256", c.key(PEM.rsa), "m")`, "error: chunk:1: bad argument #2 to sign (a private key expected: a public key cannot sign)"},
		"no algorithm":              {`c.verify("none", c.key(PEM.ec), "m", "")`, `error: chunk:1: bad argument #1 to verify (unknown algorithm "none": one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA expected)`},
		"a format that is none":     {`c.verify("ES256", c.key(PEM.ec), "m", "", { format = "hex" })`, `error: chunk:1: bad argument #5 to verify (option 'format': "asn1" or "raw" expected, got hex)`},
		"a format of one":           {`c.verify("EdDSA", c.key(PEM.ed), "m", "", { format = "raw" })`, "error: chunk:1: bad argument #5 to verify (option 'format': EdDSA has one form of signatures)"},
		"no signature":              {`return c.verify("ES256", c.key(PEM.ec), "m", ""), c.verify("ES256", c.key(PEM.ec), "m", "", { format = "raw" })`, "false | false"},
		"sealed":                    {`return c.open(k, c.seal(k, "a\0b"))`, "a\x00b | false"},
		"sealed, empty":             {`return c.open({ k }, c.seal({ k }, ""))`, " | false"},
		"sealed for something else": {`return c.open(k, c.seal(k, "a", "x"), "y")`, "nil | it was not sealed with one of the keys"},
		"sealed, safe in URLs":      {`return c.seal(k, ("x"):rep(1000)):find("[^%w_-]")`, "nil"},
		"sealed, a short key":       {`c.seal("secret", "a")`, "error: chunk:1: bad argument #1 to seal (key 1 has 6 bytes: at least 32 random ones expected, from openssl rand -base64 32 say)"},
		"sealed, no key":            {`c.seal({}, "a")`, "error: chunk:1: bad argument #1 to seal (0 keys: 1 to 10 expected)"},
		"sealed, nil":               {`c.seal(nil, "a")`, "error: chunk:1: bad argument #1 to seal (key or list of keys expected, got nil)"},
		"sealed, as much as fits":   {`return #c.open(k, c.seal(k, ("x"):rep(65536)))`, "65536"},
		"sealed, more":              {`c.seal(k, ("x"):rep(65537))`, "error: chunk:1: bad argument #2 to seal (65537 bytes: at most 65536 expected)"},
		"open, long":                {`return c.open(k, ("A"):rep(1000000))`, "nil | it was not sealed with one of the keys"},
		"a certificate":             {`local x = c.certificate(PEM.client) return x.subject, x.issuer, x.serial, x.is_ca, table.concat(x.san, " ")`, "CN=client,O=Rover,C=DE | CN=client,O=Rover,C=DE | 1311768467294899695 | false | a.example ann@example.com 10.0.0.1 spiffe://example/a"},
		"its times and its print":   {`local x = c.certificate(PEM.client) return x.not_before, x.not_after, x.fingerprint`, "1795973772 | 4949573772 | 3569a435ad2f5c2b68576a4b0491fe5e9e1df5e25e5a2b6f8cc6d82d6b627c70"},
		"of a CA":                   {`return c.certificate(PEM.ca).is_ca`, "true"},
		"no certificate":            {`return c.certificate(PEM.ec)`, `nil | a PEM block CERTIFICATE expected, got "PUBLIC KEY"`},
		"two certificates":          {`return c.certificate(PEM.ca .. PEM.client)`, "nil | one PEM block expected, from -----BEGIN to -----END"},
	} {
		t.Run(name, func(t *testing.T) { vm.Expect(t, before+c[0], c[1]) })
	}
}
