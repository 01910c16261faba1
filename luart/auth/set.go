package auth

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-rover/rover/luart/secrets"
)

// MaxKeys bounds the keys of a set.
const MaxKeys = 100

// maxID bounds the name of a key.
const maxID = 128

// Set are keys with names, one of which signs. Any goroutine may use it.
type Set struct {
	mu     sync.Mutex
	active string
	texts  map[string]string
	keys   map[string]*Key // nil in it: the text is not read as a key
}

// NewSet returns a set. parse says that its texts are keys of tokens.
func NewSet(active string, texts map[string]string, parse bool) (*Set, error) {
	s := &Set{active: active, texts: map[string]string{}, keys: map[string]*Key{}}
	for id, text := range texts {
		if err := s.Add(id, text, parse); err != nil {
			return nil, err
		}
	}
	if _, ok := texts[active]; !ok {
		return nil, fmt.Errorf("the active key %.40q is not among the keys", active)
	}
	s.active = active
	return s, nil
}

// Add adds a key, or takes the place of one, and has it sign from now on.
func (s *Set) Add(id, text string, parse bool) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("the name of a key is a text of 1 to %d bytes", maxID)
	}
	var key *Key
	if parse {
		var err error
		if key, err = ParseKey(text); err != nil {
			return fmt.Errorf("key %.40q: %w", id, err)
		}
	} else if len(text) < MinSecret { // the error has nothing of it
		return fmt.Errorf("key %.40q: at least %d random bytes expected", id, MinSecret)
	} else if err := secrets.Check(text); err != nil {
		return fmt.Errorf("key %.40q: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.texts[id]; !there && len(s.texts) >= MaxKeys {
		return fmt.Errorf("a set has at most %d keys", MaxKeys)
	}
	s.active, s.texts[id], s.keys[id] = id, text, key
	return nil
}

// Active returns the key that signs. The key is nil where the set was not parsed.
func (s *Set) Active() (id, text string, key *Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active, s.texts[s.active], s.keys[s.active]
}

// Candidates are the key that a kid names, or all, the active one first.
func (s *Set) Candidates(kid string, has bool) ([]*Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if has {
		if key := s.keys[kid]; key != nil {
			return key.alone[:], nil
		}
		return nil, errUnknownKey
	}
	ids := make([]string, 0, len(s.keys))
	for id := range s.keys {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if (a == s.active) != (b == s.active) {
			if a == s.active {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	keys := make([]*Key, 0, len(ids))
	for _, id := range ids {
		if s.keys[id] != nil {
			keys = append(keys, s.keys[id])
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("the set has no keys that sign")
	}
	return keys, nil
}

// Short returns the names of secrets that are too short.
func (s *Set) Short() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, key := range s.keys {
		if key != nil && key.IsShort() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Shortest returns how many bytes the shortest of these has, 0 where there is none.
func (s *Set) Shortest() (bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if key != nil && key.IsShort() && (bytes == 0 || key.Shortest() < bytes) {
			bytes = key.Shortest()
		}
	}
	return bytes
}

// IsQuick reports whether that holds for all keys, see Key.IsQuick.
func (s *Set) IsQuick() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.keys {
		if key != nil && !key.IsQuick() {
			return false
		}
	}
	return true
}

// Texts returns the keys as they were given, the active one first.
func (s *Set) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := []string{s.texts[s.active]}
	for _, id := range slices.Sorted(maps.Keys(s.texts)) {
		if id != s.active {
			texts = append(texts, s.texts[id])
		}
	}
	return texts
}
