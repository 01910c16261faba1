package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

const (
	// MinKeyBytes is how long a key must be.
	MinKeyBytes = 32

	// MaxKeys is how many keys a Sealer may have: each one that is tried costs a microsecond or two.
	MaxKeys = 10

	saltBytes  = 16
	nonceBytes = 12
	tagBytes   = 16
)

// Sealer hides records in cookies: AES-256-GCM, by a key that is derived anew for each (HKDF with
// SHA-256 and 16 random bytes). So no count of cookies is too many for one key. A cookie is of one
// context, which tells cookies of one name from those of another.
type Sealer struct {
	keys    []string
	context string
}

// NewSealer returns a Sealer that seals with the first key, and opens what any of them has sealed.
func NewSealer(keys []string, context string) (*Sealer, error) {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return nil, fmt.Errorf("%d keys: 1 to %d expected", len(keys), MaxKeys)
	}
	for i, key := range keys {
		if len(key) < MinKeyBytes {
			return nil, fmt.Errorf("key %d has %d bytes: at least %d random ones expected, from openssl rand -base64 32 say",
				i+1, len(key), MinKeyBytes)
		}
	}
	return &Sealer{keys: keys, context: context}, nil
}

// Room is how many bytes of a record fit into a sealed text of a length.
func Room(length int) int {
	return max(0, text.DecodedLen(length)-1-saltBytes-nonceBytes-tagBytes-idBytes)
}

// Seal returns a session as a text that nobody else can read or make.
func (s *Sealer) Seal(id string, r Record, random io.Reader) string {
	raw, _ := text.DecodeString(id)
	plain := r.Append(raw)
	out := make([]byte, 1+saltBytes+nonceBytes, 1+saltBytes+nonceBytes+len(plain)+tagBytes)
	out[0] = format
	read(random, out[1:])
	salt, nonce := out[1:1+saltBytes], out[1+saltBytes:]
	return text.EncodeToString(s.aead(s.keys[0], salt).Seal(out, nonce, plain, []byte(s.context)))
}

var errSealed = errors.New("the cookie was not sealed with one of the keys")

// Open returns what Seal has sealed. old says that it was with another key than the first one.
func (s *Sealer) Open(sealed string) (id string, r Record, old bool, err error) {
	b, err := text.DecodeString(sealed)
	if err != nil || len(b) < 1+saltBytes+nonceBytes+tagBytes || b[0] != format {
		return "", Record{}, false, errSealed
	}
	salt, nonce, data := b[1:1+saltBytes], b[1+saltBytes:1+saltBytes+nonceBytes], b[1+saltBytes+nonceBytes:]
	for i, key := range s.keys {
		plain, wrong := s.aead(key, salt).Open(nil, nonce, data, []byte(s.context))
		if wrong != nil {
			continue
		}
		if len(plain) < idBytes {
			return "", Record{}, false, errSealed
		}
		r, err := Parse(plain[idBytes:])
		return text.EncodeToString(plain[:idBytes]), r, i > 0, err
	}
	return "", Record{}, false, errSealed
}

func (s *Sealer) aead(key string, salt []byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, []byte(key), salt, "rover session cookie", 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
