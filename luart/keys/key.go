// Package keys has keys of signatures: it reads them from PEM, signs and verifies.
package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	// MinRSABits and MaxRSABits are how long a key of RSA is: a shorter one can be broken, and a
	// longer one takes tens of milliseconds.
	MinRSABits = 2048
	MaxRSABits = 8192

	// MaxPEM is how long the PEM of a key or a certificate is.
	MaxPEM = 32 << 10
)

// Key is a private or a public key. It is not changed. Any goroutine may use it.
type Key struct {
	private crypto.Signer // nil for a public one
	public  crypto.PublicKey
	kind    string // "RSA", "P-256", "P-384", "P-521", "Ed25519"
}

// Kind is "RSA", "P-256", "P-384", "P-521" or "Ed25519".
func (k *Key) Kind() string { return k.kind }

// IsPrivate reports whether it can sign.
func (k *Key) IsPrivate() bool { return k.private != nil }

// Crypto is the key as packages of crypto have it: a crypto.Signer, or a public key.
func (k *Key) Crypto() any {
	if k.private != nil {
		return k.private
	}
	return k.public
}

var (
	errPEM  = errors.New("one PEM block expected, from -----BEGIN to -----END")
	errType = errors.New("a PEM block PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY, PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE expected")
)

// Block reads a text that is one PEM block and no more.
func Block(text string) (*pem.Block, error) {
	if len(text) > MaxPEM {
		return nil, fmt.Errorf("%d bytes of PEM: at most %d expected", len(text), MaxPEM)
	}
	text = strings.TrimSpace(text)
	block, rest := pem.Decode([]byte(text))
	// A decoder skips text before a block, and blocks that it cannot read.
	if block == nil || len(rest) > 0 || strings.Count(text, "-----BEGIN ") != 1 || !strings.HasPrefix(text, "-----BEGIN ") {
		return nil, errPEM
	}
	if len(block.Headers) > 0 {
		return nil, errors.New("a PEM block without headers expected: an encrypted key cannot be read")
	}
	return block, nil
}

// Parse reads a key. Errors do not show it.
func Parse(text string) (*Key, error) {
	block, err := Block(text)
	if err != nil {
		return nil, err
	}
	var parsed any
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var cert *x509.Certificate
		if cert, err = x509.ParseCertificate(block.Bytes); err == nil {
			parsed = cert.PublicKey
		}
	default:
		return nil, errType
	}
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be read: %w", block.Type, err)
	}
	k := &Key{public: parsed}
	if private, ok := parsed.(crypto.Signer); ok {
		k.private, k.public = private, private.Public()
	}
	k.kind, err = kindOf(k.public)
	return k, err
}

func kindOf(public crypto.PublicKey) (string, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < MinRSABits || bits > MaxRSABits {
			return "", fmt.Errorf("a key of RSA with %d bits: %d to %d expected", bits, MinRSABits, MaxRSABits)
		}
		return "RSA", nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return public.Curve.Params().Name, nil
		}
		return "", errors.New("a key of another curve than P-256, P-384 and P-521")
	case ed25519.PublicKey:
		return "Ed25519", nil
	}
	return "", errors.New("a key that signs nothing: RSA, ECDSA or Ed25519 expected")
}
