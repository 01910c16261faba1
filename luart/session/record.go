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

	"github.com/caddy-rover/rover/luart/varint"
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
	dst = varint.AppendInt(dst, r.Created.UnixMilli())
	dst = varint.AppendInt(dst, r.Touched.UnixMilli())
	dst = varint.AppendCount(dst, len(r.Values))
	for _, name := range slices.Sorted(maps.Keys(r.Values)) {
		dst = varint.AppendText(dst, name)
		dst = varint.AppendText(dst, r.Values[name])
	}
	return dst
}

var errRecord = errors.New("the value is no session")

// Parse reads what Append has written. Data may be anything; the values are parts of it.
func Parse(data []byte) (Record, error) {
	p := varint.NewReader(data)
	if p.Byte() != format || len(data) > MaxBytes {
		return Record{}, errRecord
	}
	r := Record{Created: time.UnixMilli(p.Int()), Touched: time.UnixMilli(p.Int())}
	n := p.Count()
	r.Values = make(map[string][]byte, n)
	for range n {
		name := string(p.Text())
		if _, twice := r.Values[name]; twice || p.Failed() {
			return Record{}, errRecord
		}
		r.Values[name] = p.Text()
	}
	if !p.AtEnd() {
		return Record{}, errRecord
	}
	return r, nil
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
