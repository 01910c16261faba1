package store

import (
	"context"
	"encoding/binary"
	"time"
)

// places are those of a lock that are held.
type places struct {
	held    int
	refused int64 // when somebody was refused one, by Memory.now; 0: nobody was since one was given back
}

// placeKey is the key of an entry that is a place of a lock, which is held with a fence.
func placeKey(key string, fence int64) string {
	return string(binary.BigEndian.AppendUint64([]byte("\x00place\x00"), uint64(fence))) + key
}

// Lock implements Store.
func (m *Memory) Lock(ctx context.Context, key string, n int, ttl time.Duration) (int64, bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return 0, false, err
	}
	defer m.mu.Unlock()
	m.expire()
	p := m.places[key]
	if p != nil && p.held >= n {
		p.refused = m.now()
		return 0, false, nil
	}
	e, err := m.put(nil, placeKey(key, m.serial+1), nil, ttl)
	if err != nil {
		return 0, false, err
	}
	e.lock = key
	if p == nil {
		p = &places{}
		m.places[key] = p
	}
	p.held++
	return e.version, true, nil
}

// Extend implements Store.
func (m *Memory) Extend(ctx context.Context, key string, fence int64, ttl time.Duration) (bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	e := m.find(placeKey(key, fence))
	if e == nil {
		return false, nil
	}
	m.live(e, ttl)
	return true, nil
}

// Unlock implements Store.
func (m *Memory) Unlock(ctx context.Context, key string, fence int64) (ok, wanted bool, err error) {
	if err := m.begin(ctx, key); err != nil {
		return false, false, err
	}
	defer m.mu.Unlock()
	e := m.find(placeKey(key, fence))
	if e == nil {
		return false, false, nil
	}
	p := m.places[key]
	wanted = p.refused != 0 && m.now()-p.refused < int64(wantedFor)
	p.refused = 0
	m.drop(e)
	return true, wanted, nil
}
