package luart

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What plain data counts for, in bytes: near what it takes in Go, and easy to say.
const (
	plainScalarBytes = 32  // a boolean or a number; a string beside its length
	plainTableBytes  = 128 // beside its keys and values
)

const (
	// maxPlainBytes bounds one value, as maxStringBytes does a string.
	maxPlainBytes = 16 << 20

	// maxPlainValues bounds the values in one, tables included: a copy of 100,000 takes
	// 30 to 100 ms, so that no single call stalls other requests for longer.
	maxPlainValues = 100_000

	// maxPlainDepth is maxJSONDepth: what came from JSON can be copied.
	maxPlainDepth = 64
)

// plain is a value that belongs to no Lua code: a boolean, a number, a string,
// rover.json.null, nil, or a *plainTable. It does not change, so that any number of
// copies can be made of it, and keeps nothing of a generation alive.
type plain any

// plainTable is a table of plain data. Its members are in the order of next().
type plainTable struct {
	items   []plain // at 1, 2, 3, …
	members []plainMember
	array   bool // marked by rover.json.array
}

type plainMember struct {
	key   lua.LValue // a boolean, a number or a string
	value plain
}

// copyPlain returns v as plain data, and what it counts for. It fails on functions,
// coroutines, userdata and tables with metatables (rover.json's null and array are
// fine), on cycles, on more than maxPlainDepth levels, on more than limit bytes and on
// more than maxPlainValues values; the error names the place: "a function is no plain data (at .items[3].run)". A table that
// stands in two places is copied twice. Only the holder may call it.
func copyPlain(v lua.LValue, limit int) (plain, int, error) {
	c := plainCopier{limit: limit}
	p, err := c.copy(v)
	if err != nil {
		return nil, 0, err
	}
	return p, c.bytes, nil
}

// plainCopier is one run of copyPlain. Its methods are for the holder only.
type plainCopier struct {
	bytes, limit int
	values       int
	keys         map[string]lua.LValue      // copied already: records have the same ones
	depth        int                        // tables being copied now,
	open         [maxPlainDepth]*lua.LTable // and which, from the outermost to the innermost
}

func (c *plainCopier) count(bytes int) *plainError {
	c.bytes += bytes
	if c.bytes > c.limit {
		return &plainError{text: fmt.Sprintf("the value is larger than %d bytes, the limit", c.limit), whole: true}
	}
	return nil
}

func (c *plainCopier) copy(v lua.LValue) (plain, *plainError) {
	if c.values++; c.values > maxPlainValues {
		return nil, &plainError{text: fmt.Sprintf("the value has more than %d values in it, the limit", maxPlainValues), whole: true}
	}
	switch v := v.(type) {
	case lua.LString:
		if err := c.count(plainScalarBytes + len(v)); err != nil {
			return nil, err
		}
		return lua.LString(strings.Clone(string(v))), nil // it may be a small part of a large string
	case *lua.LTable:
		return c.table(v)
	case lua.LBool, lua.LNumber, *lua.LNilType:
		return v, c.count(plainScalarBytes)
	default:
		if v == lua.LValue(jsonNull) {
			return v, c.count(plainScalarBytes)
		}
		return nil, &plainError{text: "a " + typeName(v) + " is no plain data"}
	}
}

func (c *plainCopier) table(t *lua.LTable) (*plainTable, *plainError) {
	for _, outer := range c.open[:c.depth] {
		if outer == t {
			return nil, &plainError{text: "the table contains itself"}
		}
	}
	p := &plainTable{array: isJSONArray(t)}
	switch {
	case c.depth == maxPlainDepth:
		return nil, &plainError{text: fmt.Sprintf("tables are nested deeper than %d levels", maxPlainDepth)}
	case !unmarked(t) && !p.array:
		return nil, &plainError{text: "a table with a metatable is no plain data"}
	}
	if err := c.count(plainTableBytes); err != nil {
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
		p.items = append(p.items, item)
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
		p.members = append(p.members, m)
	}
}

func (c *plainCopier) member(key, v lua.LValue) (m plainMember, err *plainError) {
	switch k := key.(type) {
	case lua.LString:
		m.key = c.key(string(k))
		err = c.count(plainScalarBytes + len(k))
	case lua.LNumber, lua.LBool:
		m.key = k
		err = c.count(plainScalarBytes)
	default:
		err = &plainError{text: "a " + typeName(key) + " as a key is no plain data"}
	}
	if err == nil {
		m.value, err = c.copy(v)
	}
	if err == nil {
		return m, nil
	}
	switch k := key.(type) {
	case lua.LString:
		return m, err.in(pathOfKey(string(k)))
	case lua.LNumber, lua.LBool:
		return m, err.in("[" + k.String() + "]")
	default:
		return m, err
	}
}

// key returns a copy of a string key.
func (c *plainCopier) key(k string) lua.LValue {
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

// luaValue returns a copy of p for Lua code: a table in it is the caller's own. Only
// the holder may call it.
func luaValue(L *lua.LState, p plain) lua.LValue {
	switch p := p.(type) {
	case *plainTable:
		t := L.CreateTable(len(p.items), len(p.members))
		if p.array {
			t.Metatable = jsonArrayMeta
		}
		for i, item := range p.items {
			t.RawSetInt(i+1, luaValue(L, item))
		}
		for _, m := range p.members {
			t.RawSet(m.key, luaValue(L, m.value))
		}
		return t
	case lua.LValue:
		return p
	default:
		return lua.LNil
	}
}

// plainError says what is no plain data, and where.
type plainError struct {
	text string
	path string // from the copied value to the trouble, as Lua would write it

	whole bool // it is about the whole value: there is no path
}

func (e *plainError) in(step string) *plainError {
	if !e.whole {
		e.path = step + e.path
	}
	return e
}

func (e *plainError) Error() string {
	if e.path == "" {
		return e.text
	}
	return e.text + " (at " + e.path + ")"
}
