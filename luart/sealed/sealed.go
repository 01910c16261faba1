// Package sealed hides bytes in texts for cookies and URLs that nobody else can read or make.
package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/caddy-rover/rover/luart/secrets"
)

const (
	// MinKeyBytes is how long a key must be.
	MinKeyBytes = 32

	// MaxKeys is how many keys a Box may have: each one that is tried costs a microsecond or two.
	MaxKeys = 10

	saltBytes  = 16
	nonceBytes = 12
	tagBytes   = 16
	head       = 1 + saltBytes + nonceBytes

	// format is the first byte.
	format = 1
)

var text = base64.RawURLEncoding.Strict()

// ErrSealed says that a text was not made by a Box with one of the keys, for its purpose and
// context.
var ErrSealed = errors.New("it was not sealed with one of the keys")

// Box seals by AES-256-GCM, with a key that is derived anew for each text (HKDF with SHA-256 and
// 16 random bytes). So no count of texts is too many for one key.
type Box struct {
	keys             func() []string
	purpose, context string
}

// New returns a Box that seals with the first key, and opens what any of them has sealed, for the
// same purpose and context.
func New(keys []string, purpose, context string) (*Box, error) {
	return NewFrom(func() []string { return keys }, purpose, context)
}

// NewFrom is New with keys that may change meanwhile: keys is asked each time, by any goroutine, and
// returns no fewer and none that are shorter than New takes.
func NewFrom(keys func() []string, purpose, context string) (*Box, error) {
	if err := Check(keys()); err != nil {
		return nil, err
	}
	return &Box{keys: keys, purpose: purpose, context: context}, nil
}

// Check says what is wrong with keys.
func Check(keys []string) error {
	if len(keys) == 0 || len(keys) > MaxKeys {
		return fmt.Errorf("%d keys: 1 to %d expected", len(keys), MaxKeys)
	}
	for i, key := range keys {
		if len(key) < MinKeyBytes {
			return fmt.Errorf("key %d has %d bytes: at least %d random ones expected, from openssl rand -base64 32 say",
				i+1, len(key), MinKeyBytes)
		}
		if err := secrets.Check(key); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	return nil
}

// Length is how long the text of so many bytes is.
func Length(plain int) int { return text.EncodedLen(head + plain + tagBytes) }

// Room is how many bytes fit into a text of a length.
func Room(length int) int { return max(0, text.DecodedLen(length)-head-tagBytes) }

// Seal seals bytes. The source of random bytes never fails.
func (b *Box) Seal(plain []byte, random io.Reader) string {
	out := make([]byte, head, head+len(plain)+tagBytes)
	out[0] = format
	if _, err := io.ReadFull(random, out[1:]); err != nil {
		panic(fmt.Sprintf("no random bytes: %v", err))
	}
	salt, nonce := out[1:1+saltBytes], out[1+saltBytes:]
	return text.EncodeToString(b.aead(b.keys()[0], salt).Seal(out, nonce, plain, []byte(b.context)))
}

// Open returns what Seal has sealed. old says that it was with another key than the first one.
func (b *Box) Open(sealed string) (plain []byte, old bool, err error) {
	raw, err := text.DecodeString(sealed)
	if err != nil || len(raw) < head+tagBytes || raw[0] != format || text.EncodeToString(raw) != sealed {
		return nil, false, ErrSealed
	}
	salt, nonce, data := raw[1:1+saltBytes], raw[1+saltBytes:head], raw[head:]
	keys := b.keys()
	for i, key := range keys[:min(len(keys), MaxKeys)] {
		if plain, err := b.aead(key, salt).Open(nil, nonce, data, []byte(b.context)); err == nil {
			return plain, i > 0, nil
		}
	}
	return nil, false, ErrSealed
}

func (b *Box) aead(key string, salt []byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, []byte(key), salt, b.purpose, 32)
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
