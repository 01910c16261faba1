package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// jwksFresh is how long keys are used without asking again: so long does a key that was called
	// back still count.
	jwksFresh = 10 * time.Minute

	// JWKSEvery bounds how often a server is asked, whatever kids clients make up.
	JWKSEvery = time.Minute

	// JWKSFirst is the same while there are no keys at all, and every request fails.
	JWKSFirst = 5 * time.Second

	// maxUnknown bounds the requests with unknown kids that wait for one answer. Anybody can make such
	// tokens up, and what waits counts against the places of the VM.
	maxUnknown = 100

	// MaxJWKS bounds a document of keys; it has MaxKeys keys at most.
	MaxJWKS = 512 << 10
)

// JWKS are the keys that a login service publishes. They are asked for by the first token, again
// when they have become old, and by a token whose kid they do not have. One asks, all wait. While the
// server does not answer, the last keys go on. Any goroutine may use it.
type JWKS struct {
	now func() time.Time

	mu      sync.Mutex
	keys    []namedKey
	got     time.Time     // when the keys came; zero: there are none yet
	tried   time.Time     // when they were asked for last; zero: never
	flight  chan struct{} // closed when who asks has an answer; nil: nobody does
	unknown int           // how many wait for that with an unknown kid
	failed  error         // why the last answer was none
}

type namedKey struct {
	kid string
	key *Key
}

// Fetcher gets a document of keys.
type Fetcher struct {
	Get  func() ([]byte, error)
	Go   func(do func())  // calls Get on a goroutine of its own
	Warn func(text error) // is told why there are no new keys
}

// NewJWKS returns keys that nobody has asked for yet.
func NewJWKS(now func() time.Time) *JWKS { return &JWKS{now: now} }

// Wants has the keys asked for, if a token makes it necessary. It returns what to wait for before the
// token is checked; nil: nothing.
func (j *JWKS) Wants(kid string, has bool, f Fetcher) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	missing := j.got.IsZero() || has && !j.has(kid)
	if j.flight == nil {
		since := now.Sub(j.tried)
		due := j.tried.IsZero() || since >= JWKSEvery || since < 0 || j.got.IsZero() && since >= JWKSFirst
		if !due || !missing && now.Sub(j.got) < jwksFresh {
			return nil
		}
		j.tried, j.flight, j.unknown = now, make(chan struct{}), 0
		f.Go(func() { j.fly(f) })
	}
	if !missing {
		return nil
	}
	if !j.got.IsZero() {
		if j.unknown++; j.unknown > maxUnknown {
			return nil
		}
	}
	return j.flight
}

// fly asks for the keys.
func (j *JWKS) fly(f Fetcher) {
	keys, err := get(f)
	j.mu.Lock()
	if j.failed = err; err == nil {
		j.keys, j.got = keys, j.now()
	}
	close(j.flight)
	j.flight = nil
	j.mu.Unlock()
	if err != nil && !errors.Is(err, context.Canceled) {
		f.Warn(err)
	}
}

// get never panics: it runs where nobody would recover, on what somebody else has written.
func get(f Fetcher) (keys []namedKey, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the keys: %v", p)
		}
	}()
	text, err := f.Get()
	if err != nil {
		return nil, err
	}
	return parseJWKS(text)
}

func (j *JWKS) has(kid string) bool {
	return slices.ContainsFunc(j.keys, func(n namedKey) bool { return n.kid == kid })
}

// Candidates are the keys of a name, or all.
func (j *JWKS) Candidates(kid string, has bool) ([]*Key, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.got.IsZero() {
		if j.failed != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, j.failed)
		}
		return nil, ErrUnavailable
	}
	var keys []*Key
	for _, n := range j.keys {
		if has && n.kid != kid {
			continue
		}
		if keys == nil {
			keys = n.key.alone[:] // which append does not change
		} else {
			keys = append(keys, n.key)
		}
	}
	if len(keys) == 0 {
		return nil, errUnknownKey
	}
	return keys, nil
}

// parseJWKS reads a document of keys, RFC 7517. Keys of other kinds, and for other uses, are left
// out. A secret is no key that one publishes.
func parseJWKS(text []byte) ([]namedKey, error) {
	members, err := readObject(text, nil)
	if err != nil {
		return nil, fmt.Errorf("the answer is no set of keys in JSON: %w", err)
	}
	var list []json.RawMessage
	if written := find(members, "keys"); written != nil && json.Unmarshal(written, &list) != nil {
		return nil, errors.New("the answer is no set of keys in JSON: keys is no list")
	}
	if len(list) > MaxKeys {
		return nil, fmt.Errorf("the answer has more than %d keys", MaxKeys)
	}
	var keys []namedKey
	for _, raw := range list {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || k.Use != "" && k.Use != "sig" || !k.Valid() {
			continue
		}
		public := k.Public()
		key, err := newKey(public.Key)
		if err != nil || k.Algorithm != "" && !slices.Contains(key.can, k.Algorithm) {
			continue
		}
		key.only = k.Algorithm
		keys = append(keys, namedKey{k.KeyID, key})
	}
	if len(keys) == 0 {
		return nil, errors.New("the answer has no key that signs tokens")
	}
	return keys, nil
}
