package auth

import (
	"errors"
	"slices"
	"time"
)

// Keys are where the key of a token comes from.
type Keys interface {
	// Candidates returns the keys that may have signed a token, by its kid: the one of that name, or
	// where it has none, those that there are. Any goroutine may call it. Nobody changes what it returns. The
	// error says why there is none.
	Candidates(kid string, has bool) ([]*Key, error)
}

// maxTries bounds how many signatures are checked for a token without a kid.
const maxTries = 16

var (
	// ErrUnavailable is that of keys which nobody has got yet: it is not the token that is bad.
	ErrUnavailable = errors.New("the keys are not available")

	errUnknownKey = errors.New("the token's kid names no key")
	errAlg        = errors.New("the token's algorithm is not that of the key")
	errSignature  = errors.New("the signature is wrong")
	errNeedsKid   = errors.New("the token has no kid, and there are too many keys to try")
)

// Candidates are the key itself: a script that names one key means it, whatever a token calls it.
func (k *Key) Candidates(string, bool) ([]*Key, error) { return k.alone[:], nil }

// Check checks the token at a time: signature first, so that nobody learns from the answer what the
// claims of a forged one would do.
func (t *Token) Check(keys Keys, rules *Rules, now time.Time) error {
	candidates, err := keys.Candidates(t.kid, t.hasKid)
	if err != nil {
		return err
	}
	fits := 0
	for _, key := range candidates {
		if !key.takes(t.alg, rules.Algs) {
			continue
		}
		if fits++; fits > maxTries {
			return errNeedsKid
		}
		if key.verify(t.alg, t.signed, t.signature) {
			return rules.check(t.claims, now)
		}
	}
	if fits == 0 {
		return errAlg
	}
	return errSignature
}

// CheckClaims says why no published key could make the token a good one. So nobody asks or waits for keys
// that would not help.
func (t *Token) CheckClaims(rules *Rules, now time.Time) error {
	if !IsAlg(t.alg) || slices.Contains(hmacs, t.alg) || len(rules.Algs) > 0 && !slices.Contains(rules.Algs, t.alg) {
		return errAlg
	}
	return rules.check(t.claims, now)
}

// Kid returns the name of the token's key.
func (t *Token) Kid() (kid string, has bool) { return t.kid, t.hasKid }

// IsQuick reports whether a signature takes no longer than a few lines of Lua.
func (k *Key) IsQuick() bool { return k.IsSecret() }
