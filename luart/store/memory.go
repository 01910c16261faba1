package store

import (
	"bytes"
	"container/heap"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/topics"
)

// Limits bound what a Memory keeps. What is 0 is the default.
type Limits struct {
	Items int   // keys with values and locks
	Bytes int64 // of keys and values
	Rates int   // keys that something was taken from and that are not full again
}

// The defaults of Limits.
const (
	DefaultItems = 100_000
	DefaultBytes = 64 << 20
	DefaultRates = 100_000
)

// Memory is the engine inside the process.
type Memory struct {
	clock *clock.Clock
	epoch time.Time

	mu       sync.Mutex
	limits   Limits
	items    map[string]*entry
	expiring expiring // the items that expire, the next one in front
	bytes    int64
	serial   int64              // the last version, and the last fence
	changed  bool               // something was kept, at any time
	dated    int64              // see base; 0: not yet
	places   map[string]*places // of locks that somebody holds, by key
	rates    rates
	topics   topics.Set[[]byte]
	calls    uint64
}

type entry struct {
	key     string
	value   []byte
	lock    string // the key of the lock that it is a place of, and version its fence; "": a value
	version int64
	expires int64 // by Memory.now; 0: never
	place   int   // in expiring, from 1; 0: it is not there
}

// overhead is about what an entry takes beside its bytes.
const overhead = 160

// NewMemory makes an engine that goes by a clock; nil is the system's.
func NewMemory(c *clock.Clock, limits Limits) *Memory {
	m := &Memory{clock: c, items: map[string]*entry{}, places: map[string]*places{}, rates: newRates(), topics: topics.Set[[]byte]{Instant: true}}
	m.epoch = c.Now()
	m.serial = m.epoch.UnixMicro() // beyond those of an earlier process
	m.SetLimits(limits)
	return m
}

// SetLimits changes the limits. What is there stays.
func (m *Memory) SetLimits(l Limits) {
	if l.Items == 0 {
		l.Items = DefaultItems
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultBytes
	}
	if l.Rates == 0 {
		l.Rates = DefaultRates
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limits = l
}

// now is never 0, and a clock that is set does not change it.
func (m *Memory) now() int64 { return int64(m.clock.Since(m.epoch)) + 1 }

// begin locks, and checks the key.
func (m *Memory) begin(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	m.calls++
	return nil
}

// find returns the entry of a key that has not expired.
func (m *Memory) find(key string) *entry {
	e := m.items[key]
	if e != nil && e.expires != 0 && e.expires <= m.now() {
		m.drop(e)
		return nil
	}
	return e
}

func (m *Memory) drop(e *entry) {
	delete(m.items, e.key)
	m.bytes -= int64(len(e.key) + len(e.value) + overhead)
	if e.place > 0 {
		heap.Remove(&m.expiring, e.place-1)
	}
	if e.lock == "" {
		return
	}
	if p := m.places[e.lock]; p.held > 1 {
		p.held--
	} else {
		delete(m.places, e.lock)
	}
}

// expire drops what has expired.
func (m *Memory) expire() {
	now := m.now()
	for len(m.expiring) > 0 && m.expiring[0].expires <= now {
		m.drop(m.expiring[0])
	}
}

// put gives a key a value. e is the entry that it has; nil: none.
func (m *Memory) put(e *entry, key string, value []byte, ttl time.Duration) (*entry, error) {
	more := int64(len(value))
	if e == nil {
		more += int64(len(key) + overhead)
	} else {
		more -= int64(len(e.value))
	}
	if m.expire(); more > 0 && m.bytes+more > m.limits.Bytes || e == nil && len(m.items) >= m.limits.Items {
		return nil, ErrFull
	}
	m.bytes += more
	if e == nil {
		e = &entry{key: key}
		m.items[key] = e
	}
	m.serial++
	m.changed = true
	e.value, e.version = value, m.serial
	m.live(e, ttl)
	return e, nil
}

// live sets the time to live.
func (m *Memory) live(e *entry, ttl time.Duration) {
	switch {
	case ttl == Keep:
		return
	case ttl == Forever:
		if e.expires = 0; e.place > 0 {
			heap.Remove(&m.expiring, e.place-1)
		}
		return
	}
	e.expires = m.now() + int64(whole(ttl))
	if e.place > 0 {
		heap.Fix(&m.expiring, e.place-1)
	} else {
		heap.Push(&m.expiring, e)
	}
}

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) (Item, bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return Item{}, false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	if e == nil {
		return Item{}, false, nil
	}
	return Item{bytes.Clone(e.value), e.version}, true, nil
}

// GetTTL implements Store.
func (m *Memory) GetTTL(ctx context.Context, key string) (item Item, ttl time.Duration, ok bool, err error) {
	if err := m.begin(ctx, key); err != nil {
		return Item{}, 0, false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	if e == nil {
		return Item{}, 0, false, nil
	}
	if ttl = Forever; e.expires != 0 {
		ttl = time.Duration(e.expires - m.now())
	}
	return Item{bytes.Clone(e.value), e.version}, ttl, true, nil
}

// Set implements Store.
func (m *Memory) Set(ctx context.Context, key string, value []byte, ttl time.Duration, only Only) (int64, bool, error) {
	return m.change(ctx, key, value, ttl, func(e *entry) bool {
		return only == Always || (only == Old) == (e != nil)
	})
}

// CAS implements Store.
func (m *Memory) CAS(ctx context.Context, key string, version int64, value []byte, ttl time.Duration) (int64, bool, error) {
	return m.change(ctx, key, value, ttl, func(e *entry) bool {
		if e == nil {
			return version == 0
		}
		return e.version == version
	})
}

func (m *Memory) change(ctx context.Context, key string, value []byte, ttl time.Duration, may func(*entry) bool) (int64, bool, error) {
	if err := checkValue(value); err != nil {
		return 0, false, err
	}
	if err := m.begin(ctx, key); err != nil {
		return 0, false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	if !may(e) {
		return 0, false, nil
	}
	e, err := m.put(e, key, bytes.Clone(value), ttl)
	if err != nil {
		return 0, false, err
	}
	return e.version, true, nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, key string) (bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	if e != nil {
		m.drop(e)
	}
	return e != nil, nil
}

// Incr implements Store.
func (m *Memory) Incr(ctx context.Context, key string, by, init int64, ttl time.Duration) (int64, error) {
	if outOfRange(by) || outOfRange(init) {
		return 0, ErrRange
	}
	if err := m.begin(ctx, key); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	n := init
	if e != nil {
		var ok bool
		if n, ok = ParseNumber(e.value); !ok {
			return 0, ErrNotANumber
		}
		ttl = Keep
	} else if ttl == Keep {
		ttl = Forever
	}
	sum := n + by
	if outOfRange(sum) {
		return 0, ErrRange
	}
	if _, err := m.put(e, key, Number(sum), ttl); err != nil {
		return 0, err
	}
	return sum, nil
}

// Expire implements Store.
func (m *Memory) Expire(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	if e != nil {
		m.live(e, ttl)
	}
	return e != nil, nil
}

// TTL implements Store.
func (m *Memory) TTL(ctx context.Context, key string) (time.Duration, bool, error) {
	if err := m.begin(ctx, key); err != nil {
		return 0, false, err
	}
	defer m.mu.Unlock()
	e := m.find(key)
	switch {
	case e == nil:
		return 0, false, nil
	case e.expires == 0:
		return Forever, true, nil
	}
	return time.Duration(e.expires - m.now()), true, nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	m.expire()
	var keys []string
	for key, e := range m.items {
		if e.lock == "" && key > after && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Clone(keys[:min(max(limit, 0), len(keys))]), nil
}

// Publish implements Store.
func (m *Memory) Publish(ctx context.Context, topic string, message []byte) error {
	if err := checkValue(message); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if tp := m.topics.Find(topic); tp != nil {
		tp.Deliver(bytes.Clone(message))
	}
	return nil
}

// Subscribe implements Store.
func (m *Memory) Subscribe(name string, deliver func(message []byte)) (cancel func()) {
	return m.topics.Add(name, deliver, func(*topics.Topic[[]byte]) func() { return func() {} })
}

// Sweep drops at most n items that have expired, and returns how many it has dropped.
func (m *Memory) Sweep(n int) (dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for ; dropped < n && len(m.expiring) > 0 && m.expiring[0].expires <= now; dropped++ {
		m.drop(m.expiring[0])
	}
	return dropped
}

// Local implements Store.
func (m *Memory) Local() bool { return true }

// Status implements Store.
func (m *Memory) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := make([]uint64, len(LatencyBounds)+1)
	times[0] = m.calls
	return Status{Engine: "memory", Up: true, Since: m.epoch, Calls: m.calls, Answered: m.calls, Times: times, Items: len(m.items) + len(m.rates.byKey), Bytes: m.bytes}
}

// Close implements Store. What it has is gone.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items, m.places, m.rates, m.expiring, m.bytes = map[string]*entry{}, map[string]*places{}, newRates(), nil, 0
	return nil
}
