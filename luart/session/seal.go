package session

import (
	"errors"
	"io"

	"github.com/caddy-rover/rover/luart/sealed"
)

// Sealer hides records in cookies. A cookie is of one context, which tells cookies of one name from
// those of another.
type Sealer struct{ box *sealed.Box }

// NewSealer returns a Sealer that seals with the first key, and opens what any of them has sealed. keys
// is asked each time, see sealed.NewFrom.
func NewSealer(keys func() []string, context string) (*Sealer, error) {
	box, err := sealed.NewFrom(keys, "rover session cookie", context)
	if err != nil {
		return nil, err
	}
	return &Sealer{box}, nil
}

// Room is how many bytes of a record fit into a sealed text of a length.
func Room(length int) int { return max(0, sealed.Room(length)-idBytes) }

// Seal returns a session as a text that nobody else can read or make.
func (s *Sealer) Seal(id string, r Record, random io.Reader) string {
	raw, _ := text.DecodeString(id)
	return s.box.Seal(r.Append(raw), random)
}

var errSealed = errors.New("the cookie was not sealed with one of the keys")

// Open returns what Seal has sealed. old says that it was with another key than the first one.
func (s *Sealer) Open(cookie string) (id string, r Record, old bool, err error) {
	plain, old, err := s.box.Open(cookie)
	if err != nil || len(plain) < idBytes {
		return "", Record{}, false, errSealed
	}
	r, err = Parse(plain[idBytes:])
	return text.EncodeToString(plain[:idBytes]), r, old, err
}
