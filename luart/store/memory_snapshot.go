package store

import (
	"bytes"
	"cmp"
	"container/heap"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/caddy-rover/rover/luart/varint"
)

// SnapshotFormat is the version of what Append writes.
const SnapshotFormat = 1

// ErrSnapshotSize says that a snapshot would be larger than its limit.
var ErrSnapshotSize = errors.New("the snapshot would be too large")

// maxDrift is how far the clock that snapshots are dated by may be from the system's.
const maxDrift = time.Second

// Append appends a snapshot: the values, what is left of the rates, and the last version. Locks are
// not in it: those who hold them end with the process. ErrSnapshotSize: it would have more than
// limit bytes. Equal contents make equal snapshots. The engine is locked while a list is made of what
// it has, not while that is written: locked says for how long. Any goroutine may call it.
func (m *Memory) Append(dst []byte, limit int) (_ []byte, locked time.Duration, err error) {
	s, locked := m.snapshot()
	if s.bytes > int64(limit) {
		return nil, locked, ErrSnapshotSize
	}
	slices.SortFunc(s.items, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	slices.SortFunc(s.rates, func(x, y rateLeft) int { return cmp.Compare(x.key, y.key) })
	begin := len(dst)
	dst = varint.AppendInt(dst, s.serial)
	dst = varint.AppendCount(dst, len(s.items))
	for _, e := range s.items {
		dst = varint.AppendText(varint.AppendText(dst, e.key), e.value)
		dst = varint.AppendInt(dst, e.version)
		dst = varint.AppendInt(dst, e.expires)
	}
	dst = varint.AppendCount(dst, len(s.rates))
	for _, r := range s.rates {
		dst = varint.AppendInt(varint.AppendText(dst, r.key), r.full)
	}
	if len(dst)-begin > limit {
		return nil, locked, ErrSnapshotSize
	}
	return dst, locked, nil
}

// memorySnapshot is what a Memory had at one moment, dated by the system's clock.
type memorySnapshot struct {
	serial int64
	bytes  int64   // about what it takes, written
	items  []entry // expires in milliseconds since 1970; 0: never
	rates  []rateLeft
}

// rateLeft is a rate that is not full.
type rateLeft struct {
	key  string
	full int64 // when it is, in nanoseconds since 1970
}

func (m *Memory) snapshot() (s memorySnapshot, locked time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	began := time.Now()
	m.expire()
	now, base := m.now(), m.base()
	s = memorySnapshot{serial: m.serial, items: make([]entry, 0, len(m.items)), rates: make([]rateLeft, 0, len(m.rates.byKey))}
	for _, e := range m.items {
		if e.lock != "" {
			continue
		}
		item := entry{key: e.key, value: e.value, version: e.version} // values are not changed in place
		if e.expires != 0 {
			item.expires = max(1, (base+e.expires)/int64(time.Millisecond))
		}
		s.items = append(s.items, item)
		s.bytes += int64(len(e.key) + len(e.value))
	}
	keep := func(key string, full int64) {
		if full > now {
			s.rates = append(s.rates, rateLeft{key, base + full})
			s.bytes += int64(len(key))
		}
	}
	for key, r := range m.rates.byKey {
		keep(key, r.tat)
	}
	for prefix, g := range m.rates.groups {
		keep(sharedRate+prefix, g.shared)
		keep(floorRate+prefix, g.floor)
	}
	return s, time.Since(began)
}

// The keys of what a group of rates has beside its keys begin so, and then with its prefix. Older
// versions had one shared rate, of the key "".
const (
	sharedRate = "\x00shared\x00"
	floorRate  = "\x00floor\x00"
)

// restore adds what a snapshot has of a rate.
func (rs *rates) restore(key string, full int64) {
	if prefix, ok := strings.CutPrefix(key, sharedRate); ok || key == "" {
		rs.groupNamed(prefix).shared = full
	} else if prefix, ok := strings.CutPrefix(key, floorRate); ok {
		rs.groupNamed(prefix).floor = full
	} else if r := rs.byKey[key]; r != nil {
		r.tat = full
	} else {
		rs.add(key, rs.group(key), full)
	}
}

// base is what times of the engine's clock are counted from, in nanoseconds since 1970. It stays
// as it is until somebody sets the system's clock.
func (m *Memory) base() int64 {
	base := m.clock.Now().UnixNano() - m.now()
	if drift := time.Duration(base - m.dated).Abs(); m.dated == 0 || drift > maxDrift {
		m.dated = base
	}
	return m.dated
}

var errSnapshot = errors.New("it is no snapshot of a store")

// Restore makes what Append has written the contents, in place of what is there. What has expired
// since then is left out; where the system's clock was set back meanwhile no time has passed. After
// an error nothing has changed. data may be anything.
func (m *Memory) Restore(data []byte, written time.Time) error {
	p := varint.NewReader(data)
	serial := p.Int()
	m.mu.Lock()
	defer m.mu.Unlock()
	now, base := m.now(), m.base()
	base += max(0, written.UnixNano()-now-base) // what is later than that is to live on
	items, size := map[string]*entry{}, int64(0)
	var expires expiring
	for range p.Count() {
		e := &entry{key: string(p.Text()), value: bytes.Clone(p.Text()), version: p.Int()}
		date := p.Int()
		if p.Failed() || checkKey(e.key) != nil || checkValue(e.value) != nil || items[e.key] != nil || date < 0 || date > maxDate {
			return errSnapshot
		}
		if date != 0 {
			if e.expires = date*int64(time.Millisecond) - base; e.expires <= now {
				continue
			}
			expires = append(expires, e)
			e.place = len(expires)
		}
		items[e.key] = e
		size += int64(len(e.key) + len(e.value) + overhead)
		serial = max(serial, e.version)
	}
	rates := newRates()
	for range p.Count() {
		key, full := string(p.Text()), p.Int()
		if p.Failed() || checkKey(key) != nil && key != "" || full < 0 {
			return errSnapshot
		}
		if full -= base; full > now {
			rates.restore(key, full)
		}
	}
	if !p.AtEnd() || serial < 0 || serial > maxSerial {
		return errSnapshot
	}
	heap.Init(&expires)
	m.items, m.rates, m.bytes, m.expiring = items, rates, size, expires
	m.places = map[string]*places{}
	m.serial = max(m.serial, serial) // also where the clock was set back
	m.changed = true
	return nil
}

const (
	// maxDate is far from where milliseconds are too many nanoseconds: the year 2255.
	maxDate = 9e12

	// maxSerial leaves room for versions to come: microseconds, 146,000 years from now.
	maxSerial = 1 << 62
)

// IsUsed reports whether anything was ever kept. Any goroutine may call it.
func (m *Memory) IsUsed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Calls is how often the engine was asked for something. Any goroutine may call it.
func (m *Memory) Calls() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}
