package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and SHA512
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Algorithm is how a signature is made. Names are those of JSON Web Algorithms (RFC 7518, RFC
// 8037).
type Algorithm struct {
	Name string
	kind string // of the key
	hash crypto.Hash
	pss  bool
	size int // of r and of s, in bytes
}

// Algorithms are all there are.
var Algorithms = []Algorithm{
	{Name: "RS256", kind: "RSA", hash: crypto.SHA256},
	{Name: "RS384", kind: "RSA", hash: crypto.SHA384},
	{Name: "RS512", kind: "RSA", hash: crypto.SHA512},
	{Name: "PS256", kind: "RSA", hash: crypto.SHA256, pss: true},
	{Name: "PS384", kind: "RSA", hash: crypto.SHA384, pss: true},
	{Name: "PS512", kind: "RSA", hash: crypto.SHA512, pss: true},
	{Name: "ES256", kind: "P-256", hash: crypto.SHA256, size: 32},
	{Name: "ES384", kind: "P-384", hash: crypto.SHA384, size: 48},
	{Name: "ES512", kind: "P-521", hash: crypto.SHA512, size: 66},
	{Name: "EdDSA", kind: "Ed25519"},
}

// Named returns the algorithm of a name.
func Named(name string) (Algorithm, bool) {
	for _, a := range Algorithms {
		if a.Name == name {
			return a, true
		}
	}
	return Algorithm{}, false
}

// IsECDSA reports whether its signatures are two numbers, which can be written in two ways.
func (a Algorithm) IsECDSA() bool { return a.size > 0 }

// Fits says that a key is of another kind: no algorithm takes a key that is for another one.
func (a Algorithm) Fits(k *Key) error {
	if a.kind != k.kind {
		return fmt.Errorf("%s takes a key of %s, got one of %s", a.Name, a.kind, k.kind)
	}
	return nil
}

var errPublic = errors.New("a public key cannot sign")

// Sign signs a message. raw writes what ECDSA makes as r and s, one behind the other, as in JSON
// Web Tokens; else it is ASN.1, as elsewhere.
func (a Algorithm) Sign(k *Key, message string, raw bool) ([]byte, error) {
	if err := a.Fits(k); err != nil {
		return nil, err
	}
	if k.private == nil {
		return nil, errPublic
	}
	signature, err := k.private.Sign(rand.Reader, a.digest(message), a.options())
	if err != nil || !raw || !a.IsECDSA() {
		return signature, err
	}
	var n struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &n); err != nil {
		return nil, err
	}
	both := make([]byte, 2*a.size)
	n.R.FillBytes(both[:a.size])
	n.S.FillBytes(both[a.size:])
	return both, nil
}

// Verify reports whether a signature is of a message. An error is one of the arguments, not of the
// signature.
func (a Algorithm) Verify(k *Key, message, signature string, raw bool) (bool, error) {
	if err := a.Fits(k); err != nil {
		return false, err
	}
	sum, sign := a.digest(message), []byte(signature)
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if a.pss {
			return rsa.VerifyPSS(public, a.hash, sum, sign, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil, nil
		}
		return rsa.VerifyPKCS1v15(public, a.hash, sum, sign) == nil, nil
	case *ecdsa.PublicKey:
		if raw {
			if len(sign) != 2*a.size {
				return false, nil
			}
			var err error
			sign, err = asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sign[:a.size]), new(big.Int).SetBytes(sign[a.size:])})
			if err != nil {
				return false, nil
			}
		}
		return ecdsa.VerifyASN1(public, sum, sign), nil
	case ed25519.PublicKey:
		return len(sign) == ed25519.SignatureSize && ed25519.Verify(public, sum, sign), nil
	}
	return false, nil
}

// digest is what is signed: the message itself by Ed25519.
func (a Algorithm) digest(message string) []byte {
	if a.hash == 0 {
		return []byte(message)
	}
	h := a.hash.New()
	h.Write([]byte(message))
	return h.Sum(nil)
}

func (a Algorithm) options() crypto.SignerOpts {
	if a.pss {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	return a.hash
}
