package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// MaxToken is how long a token may be. Servers bound the whole head of a request not far above.
const MaxToken = 8 << 10

// Token is a token that has been read, and not yet checked.
type Token struct {
	Header []byte // JSON
	Claims []byte // JSON, an object whose members have different names

	alg       string
	kid       string
	hasKid    bool
	claims    []member
	signed    string
	signature []byte
}

// Read reads a token. It checks its form, and nothing that its maker could not write as he likes.
// Errors never have parts of the token that could be secret.
func Read(text string) (*Token, error) {
	if len(text) > MaxToken {
		return nil, fmt.Errorf("the token has more than %d bytes", MaxToken)
	}
	if strings.Count(text, ".") != 2 {
		return nil, errors.New("no token: three parts with dots between them expected")
	}
	first, last := strings.IndexByte(text, '.'), strings.LastIndexByte(text, '.')
	t := &Token{signed: text[:last]}
	var err error
	if t.Header, err = decode(text[:first]); err != nil {
		return nil, fmt.Errorf("the token's header: %w", err)
	}
	if t.Claims, err = decode(text[first+1 : last]); err != nil {
		return nil, fmt.Errorf("the token's claims: %w", err)
	}
	if t.signature, err = decode(text[last+1:]); err != nil {
		return nil, fmt.Errorf("the token's signature: %w", err)
	}
	if err := t.readHeader(); err != nil {
		return nil, fmt.Errorf("the token's header: %w", err)
	}
	if t.claims, err = readObject(t.Claims); err != nil {
		return nil, fmt.Errorf("the token's claims: %w", err)
	}
	return t, nil
}

// readHeader reads what counts of the header. Keys that a token brings (jwk, jku, x5u, x5c) do not.
func (t *Token) readHeader() error {
	members, err := readObject(t.Header)
	if err != nil {
		return err
	}
	for _, m := range members {
		switch string(m.name) {
		case "alg":
			if t.alg, err = text(m.value); err != nil {
				return errors.New("alg is no text")
			}
		case "kid":
			if t.kid, err = text(m.value); err != nil {
				return errors.New("kid is no text")
			}
			t.hasKid = true
		case "crit": // RFC 7515 section 4.1.11: who does not understand an extension refuses
			return errors.New("crit names extensions, and none is known")
		}
	}
	if t.alg == "" {
		return errors.New("alg is missing")
	}
	return nil
}

var encoding = base64.RawURLEncoding.Strict()

// decode is base64url without padding, as RFC 7515 has it. encoding/base64 skips line ends.
func decode(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("no base64url")
	}
	b, err := encoding.DecodeString(part)
	if err != nil {
		return nil, errors.New("no base64url")
	}
	return b, nil
}
