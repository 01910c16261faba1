package scripts

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// fakeStorage is a storage in memory that can be away.
type fakeStorage struct {
	mu     sync.Mutex
	keys   map[string][]byte
	away   error
	loads  int
	stored chan string // keys, as they come
	hangs  chan string // keys of calls that do not return before hang is closed
	hang   chan struct{}
}

// stuck waits until the storage answers.
func (s *fakeStorage) stuck(key string) {
	s.mu.Lock()
	hang := s.hang
	s.mu.Unlock()
	if hang != nil {
		s.hangs <- key
		<-hang
	}
}

func (s *fakeStorage) Store(_ context.Context, key string, value []byte) error {
	s.stuck(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return s.away
	}
	s.keys[key] = slices.Clone(value)
	s.stored <- key
	return nil
}

func (s *fakeStorage) Load(_ context.Context, key string) ([]byte, error) {
	s.stuck(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	if s.away != nil {
		return nil, s.away
	}
	data, ok := s.keys[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(data), nil
}

// set changes the storage; away is why it does not answer.
func (s *fakeStorage) set(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func (s *fakeStorage) value(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.keys[key])
}

func (s *fakeStorage) list() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.keys {
		keys = append(keys, filepath.Base(key))
	}
	slices.Sort(keys)
	return keys
}

func newStorage() *fakeStorage {
	return &fakeStorage{keys: map[string][]byte{}, stored: make(chan string, 1000)}
}
