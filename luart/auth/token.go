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
	few       [12]member // the claims, where there are no more
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
	if strings.IndexByte(text, '\n') >= 0 || strings.IndexByte(text, '\r') >= 0 {
		return nil, errors.New("the token has a line end, which is no base64url")
	}
	first, last := strings.IndexByte(text, '.'), strings.LastIndexByte(text, '.')
	t := &Token{signed: text[:last]}
	decoded := make([]byte, 0, encoding.DecodedLen(len(text)))
	for _, part := range [...]struct {
		name, text string
		to         *[]byte
	}{{"header", text[:first], &t.Header}, {"claims", text[first+1 : last], &t.Claims}, {"signature", text[last+1:], &t.signature}} {
		from := len(decoded)
		var err error
		if decoded, err = encoding.AppendDecode(decoded, []byte(part.text)); err != nil {
			return nil, fmt.Errorf("the token's %s: no base64url", part.name)
		}
		*part.to = decoded[from:len(decoded):len(decoded)]
	}
	if err := t.readHeader(); err != nil {
		return nil, fmt.Errorf("the token's header: %w", err)
	}
	var err error
	if t.claims, err = readObject(t.Claims, t.few[:0]); err != nil {
		return nil, fmt.Errorf("the token's claims: %w", err)
	}
	return t, nil
}

// readHeader reads what counts of the header. Keys that a token brings (jwk, jku, x5u, x5c) do not.
func (t *Token) readHeader() error {
	members, err := readObject(t.Header, t.few[:0]) // the claims come after
	if err != nil {
		return err
	}
	for _, m := range members {
		switch string(m.name) {
		case "alg":
			alg, err := inner(m.value)
			if err != nil {
				return errors.New("alg is no text")
			}
			t.alg = algName(alg)
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

// encoding is base64url without padding and spare bits, as RFC 7515 has it. It skips line ends.
var encoding = base64.RawURLEncoding.Strict()

// algName is the name of an algorithm, without a copy of one that there is.
func algName(name []byte) string {
	for _, known := range AlgNames {
		if string(name) == known {
			return known
		}
	}
	return string(name)
}
