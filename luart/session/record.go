// Package session is what a session is outside of Lua: its record as bytes, ids, sealed cookies and
// CSRF tokens. It asks no store, and knows no Lua. Nothing in it is changed behind its caller: any
// goroutine may call everything, but a Record is one goroutine's at a time.
package session

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"
)

// MaxBytes bounds a record, written.
const MaxBytes = 16 << 10

// Record is what is kept of a session. Values are bytes by their names; they are not changed in place.
type Record struct {
	Created time.Time // to the millisecond, as Touched
	Touched time.Time // when it was last used, within a part of its idle time
	Values  map[string][]byte
}

// New returns a record without values.
func New(now time.Time) Record {
	return Record{Created: now, Touched: now, Values: map[string][]byte{}}
}

// Clone returns a copy with a map of its own.
func (r Record) Clone() Record {
	r.Values = maps.Clone(r.Values)
	return r
}

// Size is how long the record is, written; it may be a few bytes less.
func (r Record) Size() int {
	n := 1 + 3*binary.MaxVarintLen64
	for name, value := range r.Values {
		n += len(name) + len(value) + 4
	}
	return n
}

// format is the first byte of a record.
const format = 1

// Append appends the record.
func (r Record) Append(dst []byte) []byte {
	dst = append(dst, format)
	dst = binary.AppendVarint(dst, r.Created.UnixMilli())
	dst = binary.AppendVarint(dst, r.Touched.UnixMilli())
	dst = binary.AppendUvarint(dst, uint64(len(r.Values)))
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		dst = appendText(dst, []byte(name))
		dst = appendText(dst, r.Values[name])
	}
	return dst
}

func appendText(dst, text []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

var errRecord = errors.New("the value is no session")

// Parse reads what Append has written. Data may be anything; the values are parts of it.
func Parse(data []byte) (Record, error) {
	p := parser{data: data}
	if p.byte() != format || len(data) > MaxBytes {
		return Record{}, errRecord
	}
	r := Record{Created: time.UnixMilli(p.int()), Touched: time.UnixMilli(p.int())}
	n := p.count()
	r.Values = make(map[string][]byte, n)
	for range n {
		name := string(p.text())
		if _, twice := r.Values[name]; twice || p.failed {
			return Record{}, errRecord
		}
		r.Values[name] = p.text()
	}
	if p.failed || len(p.data) > 0 {
		return Record{}, errRecord
	}
	return r, nil
}

// parser reads a record. Once failed it returns nothing.
type parser struct {
	data   []byte
	failed bool
}

func (p *parser) byte() byte {
	if len(p.data) == 0 {
		p.failed = true
		return 0
	}
	b := p.data[0]
	p.data = p.data[1:]
	return b
}

func (p *parser) int() int64 {
	v, n := binary.Varint(p.data)
	if n <= 0 {
		p.failed, p.data = true, nil
		return 0
	}
	p.data = p.data[n:]
	return v
}

// count is a number of things each of which is a byte at least.
func (p *parser) count() int {
	v, n := binary.Uvarint(p.data)
	if n <= 0 || v > uint64(len(p.data)-n) {
		p.failed, p.data = true, nil
		return 0
	}
	p.data = p.data[n:]
	return int(v)
}

func (p *parser) text() []byte {
	n := p.count()
	text := p.data[:n:n]
	p.data = p.data[n:]
	return text
}

// Merge makes the record what somebody else has written meanwhile, with the values of some names as
// they are in mine: what has none there is removed.
func (r Record) Merge(mine Record, names map[string]bool) Record {
	merged := r.Clone()
	for name := range names {
		if value, ok := mine.Values[name]; ok {
			merged.Values[name] = value
		} else {
			delete(merged.Values, name)
		}
	}
	if mine.Touched.After(merged.Touched) {
		merged.Touched = mine.Touched
	}
	return merged
}
