package shared

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/caddy-rover/rover/luart/luaval"
)

// cacheItemBytes is what an item counts for beside its key and value: its place in the
// list and in the map.
const cacheItemBytes = 240

// cacheKey is a string or a number: "1" and 1 are two keys.
type cacheKey struct {
	text    string
	number  float64
	numeric bool
}

func (k cacheKey) bytes() int { return luaval.DataScalarBytes + len(k.text) }

func (k cacheKey) String() string {
	if k.numeric {
		return fmt.Sprint(k.number)
	}
	return fmt.Sprintf("%q", k.text)
}

// cacheOptions are the bounds of a cache, and how long an item lives when nobody says.
type cacheOptions struct {
	maxItems int
	maxBytes int
	ttl      time.Duration
	localTTL time.Duration // of one that is shared: how long an item is good without a look at the store
}

// cacheStats counts what a cache has done.
type cacheStats struct {
	hits, misses int64 // of get and fetch
	evictions    int64 // items that had to make room
	expired      int64 // items that were removed because their time was over
	fetches      int64 // functions that fetch has called
	stale        int64 // old values that fetch has returned
}

// cache keeps the items that were used last, up to a number of them and of bytes, each
// for a time of its own. An item whose time is over is not returned any more; it is
// removed when somebody asks for it, by expire, or when it is the oldest and room is needed.
//
// It knows neither Lua nor the VM. Not safe for concurrent use.
type cache[V any] struct {
	cacheOptions
	cacheStats
	now   func() time.Time
	lru   *simplelru.LRU[cacheKey, *cacheItem[V]]
	timed expiryQueue[V]
	bytes int
}

type cacheItem[V any] struct {
	key     cacheKey
	value   V
	bytes   int
	place   int           // in timed, from 1; 0: it is not there
	expires time.Time     // zero: never
	stale   time.Duration // how long after that fetch may use it
	version int64         // in the store, of a cache that is shared
}

// newCache returns an empty cache whose time is now's.
func newCache[V any](o cacheOptions, now func() time.Time) *cache[V] {
	c := &cache[V]{cacheOptions: o, now: now}
	c.clear()
	return c
}

// configure changes the options; what has no room any more is evicted. It calls each before
// every eviction, which may end it: the next call goes on.
func (c *cache[V]) configure(o cacheOptions, each func()) {
	for c.lru.Len() > o.maxItems || c.bytes > o.maxBytes {
		each()
		c.evict()
	}
	c.cacheOptions = o
	c.lru.Resize(o.maxItems)
}

// clear removes everything.
func (c *cache[V]) clear() {
	// Not Purge, which walks over all items. The error is for a size below 1.
	c.lru, _ = simplelru.NewLRU(c.maxItems, func(_ cacheKey, it *cacheItem[V]) {
		c.bytes -= it.bytes
		c.timed.forget(it)
	})
	c.bytes, c.timed = 0, nil
}

func (c *cache[V]) evict() {
	_, it, _ := c.lru.RemoveOldest()
	if c.usable(it, it.stale) {
		c.evictions++
	} else {
		c.expired++
	}
}

// usable says whether it is not older than its time and stale.
func (c *cache[V]) usable(it *cacheItem[V], stale time.Duration) bool {
	return it.expires.IsZero() || c.now().Before(it.expires.Add(stale))
}

// over is when nobody may use it any more, of an item that expires.
func (it *cacheItem[V]) over() time.Time { return it.expires.Add(it.stale) }

// find returns the item of a key whose time is not over, or was not before stale. It
// counts nothing.
func (c *cache[V]) find(key cacheKey, stale time.Duration) (it *cacheItem[V], fresh bool) {
	it, ok := c.lru.Get(key)
	switch {
	case !ok:
		return nil, false
	case c.usable(it, 0):
		return it, true
	case c.usable(it, min(stale, it.stale)):
		return it, false
	case !c.usable(it, it.stale):
		c.lru.Remove(key)
		c.expired++
	}
	return nil, false
}

// get returns the value of a key, and whether there is one.
func (c *cache[V]) get(key cacheKey) (value V, ok bool) {
	it, _ := c.find(key, 0)
	if it == nil {
		c.misses++
		return value, false
	}
	c.hits++
	return it.value, true
}

// room returns how many bytes the value of a key may have.
func (c *cache[V]) room(key cacheKey) int { return c.maxBytes - cacheItemBytes - key.bytes() }

// set stores a value of so many bytes, at most room(key), for ttl. 0 is no time at all: it
// removes what is there. fetch may use the value for stale longer.
func (c *cache[V]) set(key cacheKey, value V, bytes int, ttl, stale time.Duration) {
	it, known := c.lru.Peek(key)
	if ttl <= 0 {
		c.lru.Remove(key)
		return
	}
	if known {
		c.bytes -= it.bytes
	} else {
		key.text = strings.Clone(key.text) // it may be a small part of a large string
		it = &cacheItem[V]{key: key}
	}
	*it = cacheItem[V]{
		key: it.key, value: value, bytes: cacheItemBytes + key.bytes() + bytes, stale: stale, place: it.place,
	}
	if ttl != luaval.Forever {
		it.expires = c.now().Add(ttl)
	}
	c.timed.note(it)
	c.bytes += it.bytes
	if !known && c.lru.Len() == c.maxItems {
		c.evict()
	}
	c.lru.Add(key, it)
	for c.bytes > c.maxBytes { // it is the newest, and fits alone
		c.evict()
	}
}

// setStale stores a value whose time is over, which fetch may use for stale.
func (c *cache[V]) setStale(key cacheKey, value V, bytes int, stale time.Duration) {
	c.set(key, value, bytes, 1, stale)
	if it, ok := c.lru.Peek(key); ok {
		it.expires = c.now()
		c.timed.note(it)
	}
}

// remove removes a key.
func (c *cache[V]) remove(key cacheKey) { c.lru.Remove(key) }
