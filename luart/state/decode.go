package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Decode makes tables of what Encode has written. Tables that were the same one are
// again, lists are lists, next() has the same order. The error says that data is not a state, and
// where. Data may be anything: it costs no more memory than some 100 bytes for each of its own.
func Decode(L *lua.LState, data []byte) (map[string]*lua.LTable, error) {
	d := decoder{state: L, data: data, prealloc: len(data) / leastMemberSize, keys: map[string]string{}}
	states, err := d.decode()
	if err != nil {
		return nil, fmt.Errorf("byte %d of %d of the state: %w", d.pos, len(data), err)
	}
	return states, nil
}

// leastMemberSize bytes are the least that a key with its value takes: an empty string and
// a boolean.
const leastMemberSize = 3

// maxKeptKeys different keys of up to luaval.MaxPathKeyBytes are kept, so that a hundred thousand
// records share the names of their fields, as they did when a script made them.
const maxKeptKeys = 1024

var (
	errShort  = errors.New("it ends too early")
	errNumber = errors.New("a number is too large")
	errKey    = errors.New("a key is not allowed there")
	errTwice  = errors.New("a key is there twice")
	errName   = errors.New("a name is there twice")
	errTable  = errors.New("a table is out of turn")
	errTag    = errors.New("an unknown kind of value")
	errExact  = errors.New("a number is none")
	errCount  = errors.New("the number of members is wrong")
	errLong   = errors.New("it goes on after its end")
)

// decoder is one run of Decode.
type decoder struct {
	state    *lua.LState
	data     []byte
	pos      int
	prealloc int               // members that room may still be made for, in all tables
	keys     map[string]string // short keys, by themselves
	tables   []*lua.LTable     // by id; those that are not filled yet are at the end
}

func (d *decoder) decode() (map[string]*lua.LTable, error) {
	n, err := d.count()
	if err != nil {
		return nil, err
	}
	states := map[string]*lua.LTable{}
	for range n {
		name, err := d.bytes()
		if err != nil {
			return nil, err
		}
		if _, ok := states[string(name)]; ok {
			return nil, errName
		}
		if states[string(name)], err = d.table(); err != nil {
			return nil, err
		}
	}
	for id := 0; id < len(d.tables); id++ { // fill finds more
		if err := d.fill(d.tables[id]); err != nil {
			return nil, err
		}
	}
	if d.pos != len(d.data) {
		return nil, errLong
	}
	return states, nil
}

// left is how many bytes have not been read.
func (d *decoder) left() int { return len(d.data) - d.pos }

// count reads the number of things that take a byte each at least.
func (d *decoder) count() (int, error) {
	n, err := d.uvarint()
	if err == nil && n > uint64(d.left()) {
		err = errShort
	}
	return int(n), err
}

func (d *decoder) uvarint() (uint64, error) {
	n, size := binary.Uvarint(d.data[d.pos:])
	return n, d.varint(size)
}

// varint goes on after a varint of the given size, as encoding/binary tells it.
func (d *decoder) varint(size int) error {
	switch {
	case size == 0:
		return errShort
	case size < 0:
		return errNumber
	}
	d.pos += size
	return nil
}

// bytes reads a string. What it returns is a part of the data.
func (d *decoder) bytes() ([]byte, error) {
	n, err := d.count()
	if err != nil {
		return nil, err
	}
	d.pos += n
	return d.data[d.pos-n : d.pos], nil
}

func (d *decoder) byte() (byte, error) {
	if d.left() == 0 {
		return 0, errShort
	}
	d.pos++
	return d.data[d.pos-1], nil
}

// table reads the id of a table. A new one is empty as yet.
func (d *decoder) table() (*lua.LTable, error) {
	id, err := d.uvarint()
	switch {
	case err != nil:
		return nil, err
	case id < uint64(len(d.tables)):
		return d.tables[id], nil
	case id > uint64(len(d.tables)):
		return nil, errTable
	}
	t := &lua.LTable{Metatable: lua.LNil}
	d.tables = append(d.tables, t)
	return t, nil
}

// fill reads the contents of a table.
func (d *decoder) fill(t *lua.LTable) error {
	flags, err := d.byte()
	if err != nil {
		return err
	}
	if d.left() < membersSize {
		return errShort
	}
	members := int(binary.LittleEndian.Uint32(d.data[d.pos:]))
	d.pos += membersSize
	items, err := d.count()
	if err != nil {
		return err
	}
	if d.prealloc -= members; d.prealloc < 0 || members < 0 {
		return errCount
	}
	*t = *d.state.CreateTable(items, members)
	switch flags {
	case 0:
	case arrayMark:
		t.Metatable = luaval.JSONArray
	default:
		return errTag
	}
	for i := 1; i <= items; i++ {
		v, err := d.value()
		if err != nil {
			return err
		}
		t.RawSetInt(i, v)
	}
	for {
		key, err := d.key()
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		if t.RawGet(key) != lua.LNil {
			return errTwice
		}
		v, err := d.value()
		if err != nil {
			return err
		}
		if v == lua.LNil {
			return errTag
		}
		if _, ok := key.(lua.LString); ok {
			members--
		}
		t.RawSet(key, v)
	}
	if members != 0 {
		return errCount
	}
	return nil
}

// key reads the key of a member, nil at the end of a table.
func (d *decoder) key() (lua.LValue, error) {
	tag, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tagEnd:
		return nil, nil
	case tagString:
		b, err := d.bytes()
		return lua.LString(d.keep(b)), err
	case tagTrue, tagFalse, tagInt, tagFloat:
		v, err := d.scalar(tag)
		// An index would make gopher-lua fill the list up to it; it has been written in the
		// list. NaN is no key.
		if f, ok := v.(lua.LNumber); ok && (f != f || f >= 1 && float64(f) < float64(lua.MaxArrayIndex) && f == lua.LNumber(int64(f))) {
			return nil, errKey
		}
		return v, err
	default:
		return nil, errKey
	}
}

// keep returns a key as a string.
func (d *decoder) keep(b []byte) string {
	if len(b) > luaval.MaxPathKeyBytes {
		return string(b)
	}
	if s, ok := d.keys[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(d.keys) < maxKeptKeys {
		d.keys[s] = s
	}
	return s
}

func (d *decoder) value() (lua.LValue, error) {
	tag, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tagString:
		b, err := d.bytes()
		return lua.LString(b), err
	case tagTable:
		return d.table()
	case tagExact:
		b, err := d.bytes()
		if err != nil {
			return nil, err
		}
		n, ok := luaval.ParseExactNumber(string(b))
		if !ok {
			return nil, errExact
		}
		return n, nil
	}
	return d.scalar(tag)
}

// scalar reads the rest of a value that is neither a string nor a table.
func (d *decoder) scalar(tag byte) (lua.LValue, error) {
	switch tag {
	case tagNil:
		return lua.LNil, nil
	case tagFalse:
		return lua.LFalse, nil
	case tagTrue:
		return lua.LTrue, nil
	case tagNull:
		return luaval.JSONNull, nil
	case tagInt:
		n, size := binary.Varint(d.data[d.pos:])
		return lua.LNumber(n), d.varint(size)
	case tagFloat:
		if d.left() < 8 {
			return nil, errShort
		}
		d.pos += 8
		return lua.LNumber(math.Float64frombits(binary.LittleEndian.Uint64(d.data[d.pos-8:]))), nil
	}
	return nil, errTag
}
