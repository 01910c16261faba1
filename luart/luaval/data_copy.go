package luaval

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What plain data counts for, in bytes: near what it takes in Go, and easy to say.
const (
	DataScalarBytes = 32  // a boolean or a number; a string beside its length
	dataTableBytes  = 128 // beside its keys and values
)

const (
	// MaxDataBytes bounds one value, as MaxStringBytes does a string.
	MaxDataBytes = 16 << 20

	// MaxDataValues bounds the values in one, tables included: a copy of 100,000 takes
	// 30 to 100 ms, so that no single call stalls other requests for longer.
	MaxDataValues = 100_000

	// MaxDataDepth is maxJSONDepth: what came from JSON can be copied.
	MaxDataDepth = 64
)

// DataCopy is a value that belongs to no Lua code: a boolean, a number, a string,
// rover.json.null, an exact number, nil, or a *DataTable. It does not change, so that any number of
// copies can be made of it, and keeps nothing of a generation alive.
type DataCopy any

// DataTable is a table of plain data. Its members are in the order of next().
type DataTable struct {
	Items   []DataCopy // at 1, 2, 3, …
	Members []DataMember
	Array   bool // marked by rover.json.array
}

type DataMember struct {
	Key   lua.LValue // a boolean, a number or a string
	Value DataCopy
}

// CopyData returns v as plain data, and what it counts for. It fails on functions, coroutines,
// userdata and tables with metatables (rover.json's null and array are fine), on cycles, on more
// than MaxDataDepth levels, on more than limit bytes and on more than MaxDataValues values; the
// error names the place: "a function is no plain data (at .items[3].run)". A table that stands in
// two places is copied twice.
func CopyData(v lua.LValue, limit int) (DataCopy, int, error) {
	c := dataCopier{limit: limit}
	p, err := c.copy(v)
	if err != nil {
		return nil, 0, err
	}
	return p, c.bytes, nil
}

// dataCopier is one run of CopyData. Its methods are for the holder only.
type dataCopier struct {
	bytes, limit int
	values       int
	keys         map[string]lua.LValue     // copied already: records have the same ones
	depth        int                       // tables being copied now,
	open         [MaxDataDepth]*lua.LTable // and which, from the outermost to the innermost
}

func (c *dataCopier) count(bytes int) *valueError {
	c.bytes += bytes
	if c.bytes > c.limit {
		return &valueError{text: fmt.Sprintf("the value is larger than %d bytes, the limit", c.limit), whole: true}
	}
	return nil
}

func (c *dataCopier) copy(v lua.LValue) (DataCopy, *valueError) {
	if c.values++; c.values > MaxDataValues {
		return nil, &valueError{text: fmt.Sprintf("the value has more than %d values in it, the limit", MaxDataValues), whole: true}
	}
	switch v := v.(type) {
	case lua.LString:
		if err := c.count(DataScalarBytes + len(v)); err != nil {
			return nil, err
		}
		return lua.LString(strings.Clone(string(v))), nil // it may be a small part of a large string
	case *lua.LTable:
		return c.table(v)
	case lua.LBool, lua.LNumber, *lua.LNilType:
		return v, c.count(DataScalarBytes)
	default:
		if v == lua.LValue(JSONNull) {
			return v, c.count(DataScalarBytes)
		}
		if text, ok := ExactNumber(v); ok { // it does not change either
			return v, c.count(DataScalarBytes + len(text))
		}
		return nil, &valueError{text: "a " + TypeName(v) + " is no plain data"}
	}
}

func (c *dataCopier) table(t *lua.LTable) (*DataTable, *valueError) {
	for _, outer := range c.open[:c.depth] {
		if outer == t {
			return nil, &valueError{text: "the table contains itself"}
		}
	}
	p := &DataTable{Array: IsJSONArray(t)}
	switch {
	case c.depth == MaxDataDepth:
		return nil, &valueError{text: fmt.Sprintf("tables are nested deeper than %d levels", MaxDataDepth)}
	case !Unmarked(t) && !p.Array:
		return nil, &valueError{text: "a table with a metatable is no plain data"}
	}
	if err := c.count(dataTableBytes); err != nil {
		return nil, err
	}
	c.open[c.depth] = t
	c.depth++
	defer func() { c.depth-- }()
	key := lua.LNil
	for i := 1; ; i++ { // next boxes each index
		v := t.RawGetInt(i)
		if v == lua.LNil {
			break
		}
		item, err := c.copy(v)
		if err != nil {
			return nil, err.in("[" + strconv.Itoa(i) + "]")
		}
		p.Items = append(p.Items, item)
		key = lua.LNumber(i)
	}
	for {
		var v lua.LValue
		if key, v = t.Next(key); key == lua.LNil {
			return p, nil
		}
		m, err := c.member(key, v)
		if err != nil {
			return nil, err
		}
		p.Members = append(p.Members, m)
	}
}

func (c *dataCopier) member(key, v lua.LValue) (m DataMember, err *valueError) {
	switch k := key.(type) {
	case lua.LString:
		m.Key = c.key(string(k))
		err = c.count(DataScalarBytes + len(k))
	case lua.LNumber, lua.LBool:
		m.Key = k
		err = c.count(DataScalarBytes)
	default:
		err = &valueError{text: "a " + TypeName(key) + " as a key is no plain data"}
	}
	if err == nil {
		m.Value, err = c.copy(v)
	}
	if err == nil {
		return m, nil
	}
	switch k := key.(type) {
	case lua.LString:
		return m, err.in(PathOfKey(string(k)))
	case lua.LNumber, lua.LBool:
		return m, err.in("[" + k.String() + "]")
	default:
		return m, err
	}
}

// key returns a copy of a string key.
func (c *dataCopier) key(k string) lua.LValue {
	key := c.keys[k]
	if key == nil {
		k = strings.Clone(k)
		key = lua.LString(k)
		if c.keys == nil {
			c.keys = map[string]lua.LValue{}
		}
		c.keys[k] = key
	}
	return key
}

// NewValue returns a copy of p for Lua code: a table in it is the caller's own.
func NewValue(L *lua.LState, p DataCopy) lua.LValue {
	switch p := p.(type) {
	case *DataTable:
		t := L.CreateTable(len(p.Items), len(p.Members))
		if p.Array {
			t.Metatable = JSONArray
		}
		for i, item := range p.Items {
			t.RawSetInt(i+1, NewValue(L, item))
		}
		for _, m := range p.Members {
			t.RawSet(m.Key, NewValue(L, m.Value))
		}
		return t
	case lua.LValue:
		return p
	default:
		return lua.LNil
	}
}

// valueError says what is no plain data, and where.
type valueError struct {
	text string
	path string // from the copied value to the trouble, as Lua would write it

	whole bool // it is about the whole value: there is no path
}

func (e *valueError) in(step string) *valueError {
	if !e.whole {
		e.path = step + e.path
	}
	return e
}

func (e *valueError) Error() string {
	if e.path == "" {
		return e.text
	}
	return e.text + " (at " + e.path + ")"
}
