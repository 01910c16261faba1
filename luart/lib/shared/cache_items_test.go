package shared

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
	lua "github.com/yuin/gopher-lua"
)

// modelCache is what a cache is meant to be, without a thought for speed.
type modelCache struct {
	cacheOptions
	now   time.Time
	items []modelItem // the one used longest ago first
}

type modelItem struct {
	key     cacheKey
	value   int
	bytes   int
	expires time.Time
	stale   time.Duration
}

func (m *modelCache) index(key cacheKey) int {
	return slices.IndexFunc(m.items, func(it modelItem) bool { return it.key == key })
}

func (m *modelCache) remove(key cacheKey) {
	m.items = slices.DeleteFunc(m.items, func(it modelItem) bool { return it.key == key })
}

func (m *modelCache) expireAll() {
	m.items = slices.DeleteFunc(m.items, func(it modelItem) bool {
		return !it.expires.IsZero() && !m.now.Before(it.expires.Add(it.stale))
	})
}

func (m *modelCache) total() (n int) {
	for _, it := range m.items {
		n += it.bytes
	}
	return n
}

func (m *modelCache) shrink() {
	for len(m.items) > m.maxItems || m.total() > m.maxBytes {
		m.items = m.items[1:]
	}
}

func (m *modelCache) set(key cacheKey, value, bytes int, ttl, stale time.Duration) {
	m.remove(key)
	if ttl == 0 {
		return
	}
	it := modelItem{key: key, value: value, bytes: cacheItemBytes + key.bytes() + bytes, stale: stale}
	if ttl != luaval.Forever {
		it.expires = m.now.Add(ttl)
	}
	m.items = append(m.items, it)
	m.shrink()
}

func (m *modelCache) find(key cacheKey, stale time.Duration) (value int, found, fresh bool) {
	i := m.index(key)
	if i < 0 {
		return 0, false, false
	}
	it := m.items[i]
	m.remove(key)
	age := m.now.Sub(it.expires)
	if it.expires.IsZero() || age < it.stale || age < 0 {
		m.items = append(m.items, it)
	}
	switch {
	case it.expires.IsZero() || age < 0:
		return it.value, true, true
	case age < min(stale, it.stale):
		return it.value, true, false
	}
	return 0, false, false
}

// A cache does what the model does, whatever comes in whatever order.
func TestCacheModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := cacheOptions{maxItems: 1 + r.IntN(8), maxBytes: 400 + r.IntN(2000), ttl: luaval.Forever}
		m := &modelCache{cacheOptions: o, now: time.Unix(1000, 0)}
		c := newCache[int](o, func() time.Time { return m.now })
		for step := range 300 {
			key := cacheKey{text: string(rune('a' + r.IntN(10)))}
			if r.IntN(3) == 0 {
				key = cacheKey{number: float64(r.IntN(3)), numeric: true}
			}
			switch op := r.IntN(20); {
			case op < 8:
				ttl := []time.Duration{luaval.Forever, time.Second, 5 * time.Second, 0}[r.IntN(4)]
				stale := time.Duration(r.IntN(2)) * 3 * time.Second
				bytes := r.IntN(min(1000, c.room(key)+1))
				c.set(key, step, bytes, ttl, stale)
				m.set(key, step, bytes, ttl, stale)
			case op < 15:
				stale := time.Duration(r.IntN(5)) * time.Second
				it, fresh := c.find(key, stale)
				v, found, wantFresh := m.find(key, stale)
				if (it != nil) != found || fresh != wantFresh || found && it.value != v {
					t.Fatalf("seed %d step %d: find(%v) = %+v, %v, want %v, %v, %v", seed, step, key, it, fresh, v, found, wantFresh)
				}
			case op < 17:
				c.remove(key)
				m.remove(key)
			case op < 18:
				m.now = m.now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			case op < 19:
				m.maxItems, m.maxBytes = 1+r.IntN(8), 400+r.IntN(2000)
				c.configure(m.cacheOptions, func() {})
				m.shrink()
			case r.IntN(2) == 0:
				m.expireAll()
				for c.expire(1+r.IntN(3)) > 0 { //nolint:revive // until nothing is left to drop
				}
			case r.IntN(5) == 0:
				c.clear()
				m.items = nil
			}
			keys := make([]cacheKey, 0, len(m.items))
			for _, it := range m.items {
				keys = append(keys, it.key)
			}
			if got := c.lru.Keys(); !slices.Equal(got, keys) || c.bytes != m.total() {
				t.Fatalf("seed %d step %d: keys %v with %d bytes, want %v with %d", seed, step, got, c.bytes, keys, m.total())
			}
		}
	}
}

// What has to make room is counted as an eviction, or as expired if its time was over.
func TestCacheCounts(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newCache[int](cacheOptions{maxItems: 2, maxBytes: 10_000}, func() time.Time { return now })
	key := func(s string) cacheKey { return cacheKey{text: s} }
	c.set(key("short"), 1, 16, time.Second, 0)
	c.set(key("long"), 2, 16, time.Hour, 0)
	now = now.Add(time.Second)
	c.set(key("a"), 3, 16, time.Hour, 0) // pushes out short
	c.set(key("b"), 4, 16, time.Hour, 0) // pushes out long
	if c.expired != 1 || c.evictions != 1 {
		t.Errorf("expired %d, evictions %d", c.expired, c.evictions)
	}
	now = now.Add(time.Hour)
	if _, ok := c.get(key("a")); ok || c.expired != 2 || c.lru.Len() != 1 || c.misses != 1 {
		t.Errorf("found %v, expired %d, items %d, misses %d", ok, c.expired, c.lru.Len(), c.misses)
	}
}

func BenchmarkCacheGet(b *testing.B) {
	c := newCache[luaval.DataCopy](defaultCache, time.Now)
	c.set(cacheKey{text: "key"}, 1, 16, time.Hour, 0)
	b.ReportAllocs()
	for b.Loop() {
		c.get(cacheKey{text: "key"})
	}
}

// A cache that is made smaller looks at the burst on the way.
func TestConfigureEndsWithTheBurst(t *testing.T) {
	const n = 5000
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"cache, fewer items": func(L *lua.LState) {
			c := newCache[int](cacheOptions{maxItems: n, maxBytes: 1 << 20}, time.Now)
			for i := range n {
				c.set(cacheKey{text: strconv.Itoa(i)}, i, 1, luaval.Forever, 0)
			}
			var p luaval.Pace
			c.configure(cacheOptions{maxItems: 1, maxBytes: 1 << 20}, func() { p.Step(L) })
		},
	})
}
