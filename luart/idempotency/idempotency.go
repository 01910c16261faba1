// Package idempotency has a request with a key happen once: the first that comes claims the key,
// and others with it get its answer. It keeps that in a store's engine, so that it holds for
// all processes that share the store. The package knows no Lua and no HTTP server.
//
// What is kept of a key is one value, which only the claim's owner changes, by its version:
//
//	running   a request has claimed the key, and has not ended
//	answered  its answer
//	sealed    it has ended, and there is no answer to give again: it must not happen twice
//	free      it has ended without effect: the next one may claim the key
//
// A process that ends leaves its claims running until they expire: nobody can know what they did.
package idempotency

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// MaxAnswer bounds an answer that is kept: head and body.
const MaxAnswer = store.MaxValue

// Answer is a response that is given again.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// State is what has become of a request with a key.
type State byte

// The states, as the package says; Other is that of a key that was used for another request.
const (
	Claimed  State = 'c' // by the caller, just now
	Running  State = 'r'
	Answered State = 'a'
	Sealed   State = 's'
	Other    State = 'o'
	free     State = 'f'
)

// Why a key is sealed.
const (
	NotKept byte = 'k' // the request was answered, and the answer could not be kept
	Unknown byte = 'u' // it was ended, or the connection was, and nobody knows what it did
)

// ownerBytes tell a claim from that of another one for the same request.
const ownerBytes = 16

// Key makes the store's key of what a key is used for: parts cannot be taken for others.
func Key(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return "idempotent:" + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Fingerprint is what tells a request from another one.
type Fingerprint [sha256.Size]byte

// NewFingerprint makes one of a request's head and body.
func NewFingerprint(body []byte, head ...string) Fingerprint {
	h := sha256.New()
	h.Write([]byte(Key(head...)))
	h.Write(body)
	return Fingerprint(h.Sum(nil))
}

// Claim is a key that this process has claimed. One goroutine at a time may use it.
type Claim struct {
	store       store.Store
	key         string
	fingerprint Fingerprint
	running     []byte // the value while it runs: nobody else's
	version     int64
	ended       bool
}

// Found is what Ask has found.
type Found struct {
	State  State
	Claim  *Claim  // of Claimed
	Answer *Answer // of Answered
	Why    byte    // of Sealed
}

// Ask claims a key, for so long at most, or says what there is of it. It does not wait for
// others. Where the store does not answer the key may have been claimed all the same: then there is
// a Claim, to be given up.
func Ask(ctx context.Context, s store.Store, key string, f Fingerprint, atMost time.Duration) (Found, error) {
	running := append([]byte{byte(Running)}, f[:]...)
	running = append(running, make([]byte, ownerBytes)...)
	_, _ = rand.Read(running[len(running)-ownerBytes:]) // never fails
	claim := &Claim{store: s, key: key, fingerprint: f, running: running}
	for range 10 { // what is there may go between two questions
		version, ok, err := s.Set(ctx, key, running, atMost, store.New)
		if err != nil {
			return Found{Claim: claim}, err
		}
		if ok {
			claim.version = version
			return Found{State: Claimed, Claim: claim}, nil
		}
		item, ok, err := s.Get(ctx, key)
		if err != nil {
			return Found{}, err
		}
		if !ok {
			continue
		}
		found, fingerprint, err := decode(item.Value)
		switch {
		case err != nil:
			return Found{}, err
		case found.State != free && fingerprint != f:
			return Found{State: Other}, nil
		case found.State != free:
			return found, nil
		}
		if version, ok, err = s.CAS(ctx, key, item.Version, running, atMost); err != nil {
			return Found{Claim: claim}, err
		}
		if ok {
			claim.version = version
			return Found{State: Claimed, Claim: claim}, nil
		}
	}
	return Found{State: Running}, nil
}

// ErrTooLarge says that an answer is larger than MaxAnswer.
var ErrTooLarge = errors.New("the answer is too large to be kept")

// ErrLost says that the claim has gone meanwhile: the store has forgotten it.
var ErrLost = errors.New("the store has forgotten the key")

// Keep keeps the answer for so long. Where it cannot be kept the claim goes on.
func (c *Claim) Keep(ctx context.Context, a *Answer, ttl time.Duration) error {
	value, err := encode(c.fingerprint, a)
	if err != nil {
		return err
	}
	return c.end(ctx, value, ttl)
}

// Seal says that the request must not happen again, for so long.
func (c *Claim) Seal(ctx context.Context, why byte, ttl time.Duration) error {
	return c.end(ctx, append(append([]byte{byte(Sealed)}, c.fingerprint[:]...), why), ttl)
}

// Free says that the request may happen again.
func (c *Claim) Free(ctx context.Context) error {
	// The store cannot delete what has a version only: what is left of it goes by itself.
	return c.end(ctx, append([]byte{byte(free)}, c.fingerprint[:]...), time.Second)
}

// GiveUp frees the key if it was claimed after all: the store had not answered.
func (c *Claim) GiveUp(ctx context.Context) error {
	item, ok, err := c.store.Get(ctx, c.key)
	if err != nil || !ok || !bytes.Equal(item.Value, c.running) {
		return err
	}
	c.version = item.Version
	return c.Free(ctx)
}

// end gives the key its last value. Only the first one counts.
func (c *Claim) end(ctx context.Context, value []byte, ttl time.Duration) error {
	if c.ended {
		return nil
	}
	_, ok, err := c.store.CAS(ctx, c.key, c.version, value, ttl)
	switch {
	case err != nil:
		return err
	case !ok:
		return ErrLost
	}
	c.ended = true
	// Who waits asks from time to time anyway.
	_ = c.store.Publish(ctx, c.key, []byte("ended"))
	return nil
}

// head is an answer without its body, as it is kept.
type head struct {
	Status int                 `json:"status"`
	Header map[string][][]byte `json:"header,omitempty"` // values need not be UTF-8
}

// encode is the value of an answer: its state, the fingerprint, the length of the head as JSON,
// that, and the body.
func encode(f Fingerprint, a *Answer) ([]byte, error) {
	h := head{a.Status, make(map[string][][]byte, len(a.Header))}
	for name, values := range a.Header { // one without values is kept: net/http guesses no type then
		h.Header[name] = make([][]byte, len(values))
		for i, value := range values {
			h.Header[name][i] = []byte(value)
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	value := append([]byte{byte(Answered)}, f[:]...)
	value = binary.BigEndian.AppendUint32(value, uint32(len(text)))
	if len(value)+len(text)+len(a.Body) > MaxAnswer {
		return nil, ErrTooLarge
	}
	return append(append(value, text...), a.Body...), nil
}

var errFormat = errors.New("what the store has of the key was not written by this version")

func decode(value []byte) (found Found, f Fingerprint, err error) {
	if len(value) < 1+len(f) {
		return found, f, errFormat
	}
	found.State = State(value[0])
	copy(f[:], value[1:])
	rest := value[1+len(f):]
	switch found.State {
	case Running:
		if len(rest) == ownerBytes {
			return found, f, nil
		}
	case free:
		if len(rest) == 0 {
			return found, f, nil
		}
	case Sealed:
		if len(rest) == 1 {
			found.Why = rest[0]
			return found, f, nil
		}
	case Answered:
		if len(rest) < 4 {
			break
		}
		size := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(size) > uint64(len(rest)) {
			break
		}
		var h head
		if err := json.Unmarshal(rest[:size], &h); err != nil {
			return found, f, fmt.Errorf("%w: %w", errFormat, err)
		}
		if h.Status < 200 || h.Status > 999 {
			break
		}
		found.Answer = &Answer{h.Status, make(http.Header, len(h.Header)), bytes.Clone(rest[size:])}
		for name, values := range h.Header {
			texts := make([]string, len(values))
			for i, value := range values {
				texts[i] = string(value)
			}
			found.Answer.Header[name] = texts
		}
		return found, f, nil
	}
	return Found{}, f, errFormat
}
