package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddy-rover/rover/luart/keys"
	"github.com/caddy-rover/rover/luart/secrets"
)

const (
	// MinSecret is how many bytes a secret should have: those of a SHA-256, RFC 7518 section 3.2.
	MinSecret = 32

	// minRSA is RFC 7518's. With more than maxRSA one check takes milliseconds.
	minRSA = keys.MinRSABits
	maxRSA = keys.MaxRSABits

	// maxKeyText is far more than a certificate with its key has.
	maxKeyText = 64 << 10
)

// Key is one key. It is not changed, and any goroutine may use it.
type Key struct {
	public  any      // what checks: []byte, *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey
	private any      // what signs; nil: it does not
	can     []string // the algorithms of its kind; the first is that of a script that names none
	only    string   // the algorithm that it is for, by its key set; "": any that it can
	alone   [1]*Key  // itself, as Keys
}

func (k *Key) made() *Key {
	k.alone[0] = k
	return k
}

// ParseKey reads a key: PEM, of a public or a private key or a certificate, or a secret. What is a
// public key in another form is no secret: everybody has it, and could sign with it. It is not taken as
// the key that it is, either: one form of a key is enough to tell keys from secrets.
func ParseKey(text string) (*Key, error) {
	switch {
	case text == "":
		return nil, errors.New("the key is empty")
	case len(text) > maxKeyText:
		return nil, fmt.Errorf("the key has more than %d bytes", maxKeyText)
	case strings.Contains(text, "-----BEGIN"):
		return parsePEM(text)
	}
	if err := secrets.Check(text); err != nil {
		return nil, err
	}
	return (&Key{public: []byte(text), private: []byte(text), can: hmacs}).made(), nil
}

var (
	hmacs = []string{"HS256", "HS384", "HS512"}
	rsas  = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
)

func parsePEM(text string) (*Key, error) {
	key, err := keys.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	return newKey(key.Crypto())
}

// newKey is a key of one of the kinds of x509.
func newKey(key any) (*Key, error) {
	k := &Key{public: key}
	if signer, ok := key.(crypto.Signer); ok {
		k.private, k.public = key, signer.Public()
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too short, %d expected", public.N.BitLen(), minRSA)
		}
		if public.N.BitLen() > maxRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too long, %d expected at most", public.N.BitLen(), maxRSA)
		}
		k.can = rsas
	case *ecdsa.PublicKey:
		switch public.Curve.Params().Name {
		case "P-256":
			k.can = []string{"ES256"}
		case "P-384":
			k.can = []string{"ES384"}
		case "P-521":
			k.can = []string{"ES512"}
		default:
			return nil, fmt.Errorf("the curve %s is not one of tokens: P-256, P-384, P-521", public.Curve.Params().Name)
		}
	case ed25519.PublicKey:
		k.can = []string{"EdDSA"}
	default:
		return nil, fmt.Errorf("a key of type %T signs no tokens", k.public)
	}
	return k.made(), nil
}

// IsSecret reports whether the key is one that all share who make and check tokens.
func (k *Key) IsSecret() bool { _, ok := k.public.([]byte); return ok }

// IsShort reports whether it is a secret that can be guessed from a token.
func (k *Key) IsShort() bool { secret, ok := k.public.([]byte); return ok && len(secret) < MinSecret }

// Shortest returns how many bytes a secret has that is too short, 0 for any other key.
func (k *Key) Shortest() int {
	if secret, ok := k.public.([]byte); ok && len(secret) < MinSecret {
		return len(secret)
	}
	return 0
}

// Algs returns the algorithms of the key that are among wanted. Without a wish it is the one that
// the key's set names, or the first of its kind.
func (k *Key) Algs(wanted []string) []string {
	switch {
	case len(wanted) == 0 && k.only != "":
		return []string{k.only}
	case len(wanted) == 0:
		return k.can[:1]
	}
	var algs []string
	for _, alg := range k.can {
		if slices.Contains(wanted, alg) && (k.only == "" || k.only == alg) {
			algs = append(algs, alg)
		}
	}
	return algs
}

// takes reports whether an algorithm is among those of Algs.
func (k *Key) takes(alg string, wanted []string) bool {
	switch {
	case k.only != "" && alg != k.only || !slices.Contains(k.can, alg):
		return false
	case len(wanted) > 0:
		return slices.Contains(wanted, alg)
	}
	return k.only != "" || alg == k.can[0]
}

// Check says what is wrong with a wish that the key cannot fulfil.
func (k *Key) Check(wanted []string) error {
	for _, alg := range wanted {
		if !slices.Contains(k.can, alg) {
			return fmt.Errorf("%s is no algorithm of this key, which has %s", alg, strings.Join(k.can, ", "))
		}
	}
	return nil
}

// IsAlg reports whether tokens are signed by an algorithm. "none" is not one.
func IsAlg(alg string) bool { return slices.Contains(AlgNames, alg) }

// AlgNames are the algorithms.
var AlgNames = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// methods are the algorithms of golang-jwt, which asks a lock for each.
var methods = func() map[string]jwt.SigningMethod {
	byName := make(map[string]jwt.SigningMethod, len(AlgNames))
	for _, alg := range AlgNames {
		byName[alg] = jwt.GetSigningMethod(alg)
	}
	return byName
}()

// verify reports whether a signature is one of the key. The algorithm is one that it can.
func (k *Key) verify(alg, signed string, signature []byte) bool {
	return methods[alg].Verify(signed, signature, k.public) == nil
}

// sign signs with an algorithm that the key can.
func (k *Key) sign(alg, text string) ([]byte, error) {
	if k.private == nil {
		return nil, errors.New("a public key signs nothing: a private one is needed")
	}
	return methods[alg].Sign(text, k.private)
}
