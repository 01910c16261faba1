package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Format is the version of what Encode writes and Decode reads. A change of
// the format below needs another one, and Decode must go on reading the older ones.
//
//	state   count, then for each named table: string name, id; then the tables by id, 0 first
//	table   flags (1: marked by rover.json.array), members with a string key as 4 bytes,
//	        length of the list, its values (nil where there is a hole),
//	        key and value of every other member in the order of next(), end
//	value   nil | false | true | null | int zigzag | float 8 bytes | string length, bytes | table id
//	        | exact length, bytes (of a number in the syntax of JSON; since format 2)
//
// Counts, lengths and ids are unsigned varints, fixed numbers little-endian. An id is a
// table that an id before it has named already, or the next new one. So a table that stands
// in several places, or in itself, is written once, nothing is nested, and however deep a
// structure is neither side needs a stack for it.
const Format = 2

// What a value in a state begins with.
const (
	tagEnd = iota // of a table
	tagNil        // a hole in a list
	tagFalse
	tagTrue
	tagNull // rover.json.null
	tagInt
	tagFloat
	tagString
	tagTable
	tagExact // a number that Lua cannot hold
)

const (
	arrayMark   = 1 // the flag of rover.json.array
	membersSize = 4 // bytes of the number of members

	// maxLeftOutNamed values that cannot be saved are named; the others are counted.
	maxLeftOutNamed = 100
)

// ErrSize says that rover.state is larger than it may be to be saved.
var ErrSize = errors.New("rover.state is too large to be saved")

// Encoded is what Encode has written.
type Encoded struct {
	Data   []byte // for Decode
	Tables int    // in it

	// What could not be saved, at most 100 of it, sorted: `rover.state "x".cb: a function is
	// not saved`. LeftOut counts all.
	LeftOutNames []string
	LeftOut      int
}

// Encode appends the tables to dst, by their names. Values that are not plain data are left
// out: functions, coroutines, userdata, members with such keys, and metatables. No metamethod
// runs. The same tables give the same bytes. tables is how many there were last time, 0 where that
// is not known. ErrStateSize: Data would be longer than limit bytes.
func Encode(dst []byte, limit int, states map[string]*lua.LTable, tables int) (Encoded, error) {
	e := encoder{
		buf: dst, limit: len(dst) + limit,
		ids: make(map[*lua.LTable]int, tables), tables: make([]foundTable, 0, tables),
	}
	err := e.encode(states)
	slices.Sort(e.leftOut)
	return Encoded{e.buf, len(e.tables), e.leftOut, e.leftOutCount}, err
}

// encoder is one run of Encode.
type encoder struct {
	buf    []byte
	limit  int // length that buf may not pass
	ids    map[*lua.LTable]int
	tables []foundTable // by id

	leftOut      []string
	leftOutCount int
}

// foundTable is a table, and where it was found first.
type foundTable struct {
	t      *lua.LTable
	in     int        // the id of the table that it is in; negative: it is the named one
	member lua.LValue // where in that
	name   string     // of the named table that it is in, or is
}

func (e *encoder) encode(states map[string]*lua.LTable) error {
	e.count(len(states))
	for _, name := range slices.Sorted(maps.Keys(states)) {
		e.string(name)
		e.count(e.id(foundTable{t: states[name], in: -1, name: name}))
	}
	for id := 0; id < len(e.tables); id++ { // table finds more
		e.table(id)
		if len(e.buf) > e.limit {
			return ErrSize
		}
	}
	return nil
}

func (e *encoder) count(n int) { e.buf = binary.AppendUvarint(e.buf, uint64(n)) }

func (e *encoder) string(s string) {
	e.count(len(s))
	if len(e.buf)+len(s) > e.limit { // do not copy what is refused anyway
		e.limit = -1
		return
	}
	e.buf = append(e.buf, s...)
}

// id returns the number of a table.
func (e *encoder) id(found foundTable) int {
	id, ok := e.ids[found.t]
	if !ok {
		id = len(e.tables)
		if found.in >= 0 {
			found.name = e.tables[found.in].name
		}
		e.ids[found.t] = id
		e.tables = append(e.tables, found)
	}
	return id
}

// table appends the contents of a table. It stops in the middle when buf is too long.
func (e *encoder) table(id int) {
	t := e.tables[id].t
	flags := byte(0)
	if luaval.IsJSONArray(t) {
		flags = arrayMark
	} else if !luaval.Unmarked(t) {
		e.leave(id, nil, "the metatable")
	}
	e.buf = append(e.buf, flags, 0, 0, 0, 0)
	members := len(e.buf) - membersSize // how many is known at the end
	n := t.MaxN()
	e.count(n)
	for i := 1; i <= n && len(e.buf) <= e.limit; i++ {
		if v := t.RawGetInt(i); v == lua.LNil || !e.value(id, nil, i, v) {
			e.buf = append(e.buf, tagNil)
		}
	}
	strings := e.members(id)
	e.buf = append(e.buf, tagEnd)
	binary.LittleEndian.PutUint32(e.buf[members:], uint32(strings))
}

// members appends what is not in the list of a table. It returns how many string keys there are.
func (e *encoder) members(id int) (strings int) {
	f := glua.TableOf(e.tables[id].t)
	for _, key := range f.Keys {
		if len(e.buf) > e.limit {
			return strings
		}
		if s, ok := key.(lua.LString); ok {
			if v, ok := f.Strings[string(s)]; ok && e.member(id, key, v) {
				strings++
			}
		} else if v, ok := f.Values[key]; ok {
			e.member(id, key, v)
		}
	}
	return strings
}

// member appends a key and its value, or nothing and returns false when one of them cannot
// be saved.
func (e *encoder) member(id int, key, v lua.LValue) bool {
	if v == lua.LNil {
		return false
	}
	start := len(e.buf)
	switch key.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		e.value(id, nil, 0, key)
		if e.value(id, key, 0, v) {
			return true
		}
	default:
		e.leave(id, nil, "a member with a "+luaval.TypeName(key)+" as its key")
	}
	e.buf = e.buf[:start]
	return false
}

// value appends a value, which stands at key, or if that is nil at an index, in the table
// with the given id. It returns false when it cannot be saved.
func (e *encoder) value(id int, key lua.LValue, index int, v lua.LValue) bool {
	switch v := v.(type) {
	case lua.LString:
		e.buf = append(e.buf, tagString)
		e.string(string(v))
	case lua.LNumber:
		f := float64(v)
		if n := int64(f); float64(n) == f && -luaval.MaxExact <= n && n <= luaval.MaxExact && (n != 0 || !math.Signbit(f)) {
			e.buf = binary.AppendVarint(append(e.buf, tagInt), n)
		} else {
			e.buf = binary.LittleEndian.AppendUint64(append(e.buf, tagFloat), math.Float64bits(f))
		}
	case lua.LBool:
		if v {
			e.buf = append(e.buf, tagTrue)
		} else {
			e.buf = append(e.buf, tagFalse)
		}
	case *lua.LTable:
		e.buf = append(e.buf, tagTable)
		if key == nil {
			key = lua.LNumber(index)
		}
		e.count(e.id(foundTable{t: v, in: id, member: key}))
	default:
		if text, ok := luaval.ExactNumber(v); ok {
			e.buf = append(e.buf, tagExact)
			e.string(text)
			return true
		}
		if v != lua.LValue(luaval.JSONNull) {
			if key == nil {
				key = lua.LNumber(index)
			}
			e.leave(id, key, "a "+luaval.TypeName(v))
			return false
		}
		e.buf = append(e.buf, tagNull)
	}
	return true
}

// leave notes that something in the table with the given id, at key if that is not nil, is
// not saved.
func (e *encoder) leave(id int, key lua.LValue, what string) {
	e.leftOutCount++
	if len(e.leftOut) == maxLeftOutNamed {
		return
	}
	path := ""
	if key != nil {
		path = stepOfKey(key)
	}
	at := e.tables[id]
	for ; at.in >= 0; at = e.tables[at.in] {
		if len(path) > maxLeftOutPath {
			path = "[…]" + path
			break
		}
		path = stepOfKey(at.member) + path
	}
	e.leftOut = append(e.leftOut, fmt.Sprintf("rover.state %q%s: %s is not saved", at.name, path, what))
}

// maxLeftOutPath bytes of a path are enough to find a value: a list of a million linked
// tables has long ones.
const maxLeftOutPath = 200

// stepOfKey is the step of a path that a key makes.
func stepOfKey(key lua.LValue) string {
	if s, ok := key.(lua.LString); ok {
		return luaval.PathOfKey(string(s))
	}
	return "[" + key.String() + "]"
}
