package luart

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// RestoreState makes what SaveState has written rover.state again, in place of what is
// there. Tables that were the same one are again, lists are lists, next() has the same
// order. It is for a VM whose scripts have not begun to serve. The error says that data is
// not a state, and where; then nothing has changed. Data may be anything: it costs no more
// memory than some 100 bytes for each of its own. Any goroutine may call it.
func (vm *VM) RestoreState(data []byte) error {
	return vm.loop.DoAdmitted(func(*thread) error {
		d := stateDecoder{vm: vm, data: data, prealloc: len(data) / leastMemberSize, keys: map[string]string{}}
		states, err := d.decode()
		if err != nil {
			return fmt.Errorf("byte %d of %d of the state: %w", d.pos, len(data), err)
		}
		vm.states = map[string]*lua.LTable{}
		for name, t := range states {
			vm.keepState(name, t)
		}
		return nil
	})
}

// leastMemberSize bytes are the least that a key with its value takes: an empty string and
// a boolean.
const leastMemberSize = 3

// maxKeptKeys different keys of up to luaval.MaxPathKeyBytes are kept, so that a hundred thousand
// records share the names of their fields, as they did when a script made them.
const maxKeptKeys = 1024

var (
	errStateShort  = errors.New("it ends too early")
	errStateNumber = errors.New("a number is too large")
	errStateKey    = errors.New("a key is not allowed there")
	errStateTwice  = errors.New("a key is there twice")
	errStateName   = errors.New("a name is there twice")
	errStateTable  = errors.New("a table is out of turn")
	errStateTag    = errors.New("an unknown kind of value")
	errStateCount  = errors.New("the number of members is wrong")
	errStateLong   = errors.New("it goes on after its end")
)

// stateDecoder is one run of RestoreState. Its methods are for the holder only.
type stateDecoder struct {
	vm       *VM
	data     []byte
	pos      int
	prealloc int               // members that room may still be made for, in all tables
	keys     map[string]string // short keys, by themselves
	tables   []*lua.LTable     // by id; those that are not filled yet are at the end
}

func (d *stateDecoder) decode() (map[string]*lua.LTable, error) {
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
			return nil, errStateName
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
		return nil, errStateLong
	}
	return states, nil
}

// left is how many bytes have not been read.
func (d *stateDecoder) left() int { return len(d.data) - d.pos }

// count reads the number of things that take a byte each at least.
func (d *stateDecoder) count() (int, error) {
	n, err := d.uvarint()
	if err == nil && n > uint64(d.left()) {
		err = errStateShort
	}
	return int(n), err
}

func (d *stateDecoder) uvarint() (uint64, error) {
	n, size := binary.Uvarint(d.data[d.pos:])
	return n, d.varint(size)
}

// varint goes on after a varint of the given size, as encoding/binary tells it.
func (d *stateDecoder) varint(size int) error {
	switch {
	case size == 0:
		return errStateShort
	case size < 0:
		return errStateNumber
	}
	d.pos += size
	return nil
}

// bytes reads a string. What it returns is a part of the data.
func (d *stateDecoder) bytes() ([]byte, error) {
	n, err := d.count()
	if err != nil {
		return nil, err
	}
	d.pos += n
	return d.data[d.pos-n : d.pos], nil
}

func (d *stateDecoder) byte() (byte, error) {
	if d.left() == 0 {
		return 0, errStateShort
	}
	d.pos++
	return d.data[d.pos-1], nil
}

// table reads the id of a table. A new one is empty as yet.
func (d *stateDecoder) table() (*lua.LTable, error) {
	id, err := d.uvarint()
	switch {
	case err != nil:
		return nil, err
	case id < uint64(len(d.tables)):
		return d.tables[id], nil
	case id > uint64(len(d.tables)):
		return nil, errStateTable
	}
	t := &lua.LTable{Metatable: lua.LNil}
	d.tables = append(d.tables, t)
	return t, nil
}

// fill reads the contents of a table.
func (d *stateDecoder) fill(t *lua.LTable) error {
	flags, err := d.byte()
	if err != nil {
		return err
	}
	if d.left() < stateMembersSize {
		return errStateShort
	}
	members := int(binary.LittleEndian.Uint32(d.data[d.pos:]))
	d.pos += stateMembersSize
	items, err := d.count()
	if err != nil {
		return err
	}
	if d.prealloc -= members; d.prealloc < 0 || members < 0 {
		return errStateCount
	}
	*t = *d.vm.main.CreateTable(items, members)
	switch flags {
	case 0:
	case stateArrayMark:
		t.Metatable = luaval.JSONArray
	default:
		return errStateTag
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
			return errStateTwice
		}
		v, err := d.value()
		if err != nil {
			return err
		}
		if v == lua.LNil {
			return errStateTag
		}
		if _, ok := key.(lua.LString); ok {
			members--
		}
		t.RawSet(key, v)
	}
	if members != 0 {
		return errStateCount
	}
	return nil
}

// key reads the key of a member, nil at the end of a table.
func (d *stateDecoder) key() (lua.LValue, error) {
	tag, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case stateEnd:
		return nil, nil
	case stateString:
		b, err := d.bytes()
		return lua.LString(d.keep(b)), err
	case stateTrue, stateFalse, stateInt, stateFloat:
		v, err := d.scalar(tag)
		// An index would make gopher-lua fill the list up to it; it has been written in the
		// list. NaN is no key.
		if f, ok := v.(lua.LNumber); ok && (f != f || f >= 1 && float64(f) < float64(lua.MaxArrayIndex) && f == lua.LNumber(int64(f))) {
			return nil, errStateKey
		}
		return v, err
	default:
		return nil, errStateKey
	}
}

// keep returns a key as a string.
func (d *stateDecoder) keep(b []byte) string {
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

func (d *stateDecoder) value() (lua.LValue, error) {
	tag, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case stateString:
		b, err := d.bytes()
		return lua.LString(b), err
	case stateTable:
		return d.table()
	}
	return d.scalar(tag)
}

// scalar reads the rest of a value that is neither a string nor a table.
func (d *stateDecoder) scalar(tag byte) (lua.LValue, error) {
	switch tag {
	case stateNil:
		return lua.LNil, nil
	case stateFalse:
		return lua.LFalse, nil
	case stateTrue:
		return lua.LTrue, nil
	case stateNull:
		return luaval.JSONNull, nil
	case stateInt:
		n, size := binary.Varint(d.data[d.pos:])
		return lua.LNumber(n), d.varint(size)
	case stateFloat:
		if d.left() < 8 {
			return nil, errStateShort
		}
		d.pos += 8
		return lua.LNumber(math.Float64frombits(binary.LittleEndian.Uint64(d.data[d.pos-8:]))), nil
	}
	return nil, errStateTag
}
