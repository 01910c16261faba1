package shared

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// remoteCache is what all machines have of a cache: values in a store, and messages about what has
// changed there. In front of it each VM has the cache of package shared, its local level.
//
// A value that is set or deleted has a new version. A message with it has the others drop what they have,
// where it has another version. A message that is missed leaves an old value for the local ttl at most;
// where some may have been missed, because the connection was away, all is dropped. A read that was under
// way when a message came is not kept: see pending.
//
// A value that is deleted leaves a mark for a while, so that who is about to store what it has asked for
// before finds another version than it has seen. Values lie under the epoch of the cache, which clear
// changes.
//
// What is above mu is the holder's.
type remoteCache struct {
	store  store.Store
	name   string
	cancel func() // ends the subscription

	epoch      int64 // 0: it is not known
	epochUntil time.Time
	pending    map[string]*pendingKey // keys that are read or written now

	hits        int64 // values that were found in the store
	errors      int64 // calls that it has not answered
	invalidated int64 // values of the local level that were dropped because others have changed them

	mu    sync.Mutex
	heard []change                 // not applied yet
	lost  bool                     // and all may have changed
	told  map[string]chan struct{} // closed by the next message about a key
}

// change is a message about a key.
type change struct {
	key     string
	version int64 // 0: whatever it is now
}

// pendingKey is what was heard of a key while calls about it were under way.
type pendingKey struct {
	calls    int
	versions []int64
	unknown  bool
}

// maxHeard bounds what is kept of messages until somebody uses the cache. With more all is dropped.
const maxHeard = 2000

// Kinds of messages.
const (
	changedMessage = 'c' // a version and a key
	endedMessage   = 'e' // a key: nobody asks for it any more, and it has not changed
	clearedMessage = 'a'
)

// newRemoteCache returns a cache that hears of what others do.
func newRemoteCache(in store.Store, name string) *remoteCache {
	r := &remoteCache{store: in, name: name, pending: map[string]*pendingKey{}, told: map[string]chan struct{}{}}
	r.cancel = in.Subscribe(r.topic(), r.hear)
	return r
}

func (r *remoteCache) topic() string    { return "cache:" + r.name }
func (r *remoteCache) epochKey() string { return "cache-epoch:" + r.name }

// valueKey is where a value lies. No two names and keys make the same.
func (r *remoteCache) valueKey(epoch int64, key string) string {
	return "cache:" + strconv.Itoa(len(r.name)) + ":" + r.name + ":" + strconv.FormatInt(epoch, 36) + ":" + key
}

// flightKey is the lock of whoever asks for a value.
func (r *remoteCache) flightKey(key string) string {
	return "cache:" + strconv.Itoa(len(r.name)) + ":" + r.name + ":" + key
}

// hear takes a message. It is called by any goroutine.
func (r *remoteCache) hear(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(message) > 9 && message[0] == changedMessage:
		c := change{key: string(message[9:]), version: int64(binary.BigEndian.Uint64(message[1:]))}
		if len(r.heard) < maxHeard {
			r.heard = append(r.heard, c)
		} else {
			r.heard, r.lost = nil, true
		}
		r.wake(c.key)
	case len(message) > 1 && message[0] == endedMessage:
		r.wake(string(message[1:]))
	default: // all is cleared, messages begin to come again, or it is nothing that is known
		r.heard, r.lost = nil, true
		for key := range r.told {
			r.wake(key)
		}
	}
}

// wake wakes those who wait for a key. r.mu is held.
func (r *remoteCache) wake(key string) {
	if told := r.told[key]; told != nil {
		close(told)
		delete(r.told, key)
	}
}

// awaitChange returns what is closed by the next message about a key; forget it afterwards.
func (r *remoteCache) awaitChange(key string) (told chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if told = r.told[key]; told == nil {
		told = make(chan struct{})
		r.told[key] = told
	}
	return told
}

// forgetChange is for who waits no more. Others who wait for the same look again after a while.
func (r *remoteCache) forgetChange(key string, told chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[key] == told {
		delete(r.told, key)
	}
}

// takeHeard returns what was heard since the last time.
func (r *remoteCache) takeHeard() (heard []change, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard, lost = r.heard, r.lost
	r.heard, r.lost = nil, false
	return heard, lost
}

// begin says that a call about a key is under way. end tells whether the version that it has brought is
// the last one that is known of.
func (r *remoteCache) begin(key string) (end func(version int64) bool) {
	p := r.pending[key]
	if p == nil {
		p = &pendingKey{}
		r.pending[key] = p
	}
	p.calls++
	return func(version int64) bool {
		if p.calls--; p.calls == 0 && r.pending[key] == p {
			delete(r.pending, key)
		}
		for _, v := range p.versions {
			if v != version {
				return false
			}
		}
		return !p.unknown
	}
}

// note has calls about a key know of a change.
func (r *remoteCache) note(c change) {
	p := r.pending[c.key]
	switch {
	case p == nil:
	case len(p.versions) < 8:
		p.versions = append(p.versions, c.version)
	default:
		p.unknown = true
	}
}

// tell sends a message about a key. One that is lost costs others the local ttl.
func (r *remoteCache) tell(ctx context.Context, kind byte, version int64, key string) {
	message := []byte{kind}
	if kind == changedMessage {
		message = binary.BigEndian.AppendUint64(message, uint64(version))
	}
	_ = r.store.Publish(ctx, r.topic(), append(message, key...))
}

// awaitEpoch returns the epoch of the cache, which it makes where there is none; known is what is
// known of it, 0 for nothing.
func (r *remoteCache) awaitEpoch(ctx context.Context, known int64) (int64, error) {
	for known == 0 {
		item, ok, err := r.store.Get(ctx, r.epochKey())
		if err != nil {
			return 0, err
		}
		if known = item.Version; ok {
			break
		}
		// Another one than any before: values of an epoch that the store has forgotten do not come back.
		if known, _, err = r.store.Set(ctx, r.epochKey(), nil, store.Forever, store.New); err != nil {
			return 0, err
		}
	}
	return known, nil
}

// keyText is a key as others know it, and parseKey the other way round.
func (k cacheKey) keyText() string {
	if k.numeric {
		return "n" + strconv.FormatFloat(k.number, 'g', -1, 64)
	}
	return "s" + k.text
}

func parseKey(text string) (k cacheKey, ok bool) {
	if number, numeric := strings.CutPrefix(text, "n"); numeric {
		n, err := strconv.ParseFloat(number, 64)
		return cacheKey{number: n, numeric: true}, err == nil
	}
	k.text, ok = strings.CutPrefix(text, "s")
	return k, ok
}

// What a record begins with. A number that is good for nothing afterwards is one of the store, so that it can
// be counted there.
const (
	valueRecord   = 'v' // how long it is good for fetch after its time, in milliseconds, and the value; nothing: nil
	deletedRecord = 'x'
)

// record makes what the store keeps of a value.
func record(value []byte, stale time.Duration) []byte {
	if _, ok := store.ParseNumber(value); ok && stale == 0 {
		return value
	}
	r := binary.AppendUvarint([]byte{valueRecord}, uint64(stale.Milliseconds()))
	return append(r, value...)
}

// parseRecord reads a record; ok is false for what is none, or a deleted value. No value is nil.
func parseRecord(r []byte) (value []byte, stale time.Duration, ok bool) {
	if _, ok := store.ParseNumber(r); ok {
		return r, 0, true
	}
	if len(r) == 0 || r[0] != valueRecord {
		return nil, 0, false
	}
	ms, n := binary.Uvarint(r[1:])
	if n <= 0 || ms > uint64(maxStale.Milliseconds()) {
		return nil, 0, false
	}
	return r[1+n:], time.Duration(ms) * time.Millisecond, true
}

// maxStale bounds what fetch's option stale may be, of a cache that is shared.
const maxStale = 366 * 24 * time.Hour
