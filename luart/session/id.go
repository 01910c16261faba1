package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
)

// idBytes is how many random bytes an id is.
const idBytes = 32

var text = base64.RawURLEncoding.Strict()

// NewID returns an id: random bytes as text. The source never fails.
func NewID(random io.Reader) string {
	var id [idBytes]byte
	read(random, id[:])
	return text.EncodeToString(id[:])
}

func read(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic(fmt.Sprintf("no random bytes: %v", err))
	}
}

// IsID reports whether NewID may have returned an id: nothing else is looked up.
func IsID(id string) bool {
	b, err := text.DecodeString(id)
	return err == nil && len(b) == idBytes
}

// Key is what a session is kept under. Who can read keys cannot make the id of one; nor does the
// time that a look-up takes tell anything about ids.
func Key(id string) string {
	sum := sha256.Sum256([]byte(id))
	return text.EncodeToString(sum[:])
}

// tokenOf is what a session's tokens hide.
func tokenOf(id string) []byte {
	mac := hmac.New(sha256.New, []byte(id))
	mac.Write([]byte("csrf token"))
	return mac.Sum(nil)
}

// Token returns a CSRF token of a session. Each call returns another one, so that a page that is
// compressed together with what its client has sent does not give it away byte by byte.
func Token(id string, random io.Reader) string {
	b := make([]byte, 2*sha256.Size)
	read(random, b[:sha256.Size])
	subtle.XORBytes(b[sha256.Size:], b[:sha256.Size], tokenOf(id))
	return text.EncodeToString(b)
}

// IsToken reports whether a token is one of a session. Its time does not depend on what is in it.
func IsToken(id, token string) bool {
	b, err := text.DecodeString(token)
	if err != nil || len(b) != 2*sha256.Size {
		return false
	}
	subtle.XORBytes(b[:sha256.Size], b[:sha256.Size], b[sha256.Size:])
	return subtle.ConstantTimeCompare(b[:sha256.Size], tokenOf(id)) == 1
}
