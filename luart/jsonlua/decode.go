package jsonlua

import (
	"fmt"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Options say what Decode keeps that Lua has no value for.
type Options struct {
	// Null makes each null rover.json.null, and not only those in arrays. Without it a member that
	// is null is not in its table, and null alone is nil.
	Null bool

	// Exact keeps numbers that a Lua number cannot hold: see luaval.NewExactNumber. They are all
	// beyond ±2^53, however they are written, so that one field of a document has one type, and
	// two spellings of a value are equal; and those of which the nearest float64 is another one: 0.1
	// is a number, 0.10000000000000000001 is not.
	Exact bool

	// Finite makes an error of numbers beyond the range of float64 also where Exact would keep them.
	Finite bool

	// Strict makes an error of what others may read in another way: members with the same name,
	// bytes that are no UTF-8, and half of a surrogate pair. It is for what somebody else reads
	// again.
	Strict bool
}

// decoder reads one JSON text. Not safe for concurrent use.
type decoder struct {
	L    *lua.LState
	o    Options
	b    []byte
	pos  int    // of the next byte to read
	text []byte // scratch for a string with escapes

	// Items of the arrays and members of the objects that are still open. A container is made when
	// it closes and its size is known: NewTable reserves 32+32 slots, and a table that grows pays
	// twice.
	items   []lua.LValue
	members []member

	doc   *Document // is told where each container stands; nil: nobody asks
	twice bool      // two members of the object that has just been read have one name; with doc

	pace luaval.Pace // values read, and put into tables
}

type member struct {
	key   string
	value lua.LValue
}

// Decode is DecodeWith without options.
func Decode(L *lua.LState, b []byte) (lua.LValue, error) { return DecodeWith(L, b, Options{}) }

// DecodeWith returns the Lua value of the JSON text b, and keeps no reference to b.
//
// The syntax is strict RFC 8259: one value, no comments, no trailing commas, no leading zeros, no raw
// control characters in strings. What the RFC leaves open:
//   - null is nil where it stands alone and as an object's member ("if body.name then" works, the
//     member is absent), and rover.json.null in an array, where later items must keep their index,
//     and everywhere with the option Null.
//   - An empty array carries the mark of rover.json.array, so that [] comes back as [] and not as {}.
//     Other arrays are plain tables.
//   - Of members with the same name the last one counts, also when it is null; with Strict they are an
//     error.
//   - Numbers are float64: integers beyond 2^53 lose their low digits, and a number beyond the range
//     of float64 is an error, both unless Exact is set; then an exponent beyond int32 is an error.
//     -0 stays -0.
//   - Bytes of a string that are not valid UTF-8 are kept as they are: a proxy must not change what it
//     hands on; with Strict they are an error. An escaped surrogate without its partner becomes U+FFFD, or an error likewise.
//
// Errors are of the form "invalid JSON at byte 17: expected ',' or '}', got 'x'"; bytes count from
// 1, as in string.sub. More than MaxDepth levels are an error too, and an array of more items than
// a table keeps as an array: behind those it costs a hundred times as much.
func DecodeWith(L *lua.LState, b []byte, o Options) (lua.LValue, error) {
	if o.Strict {
		if err := CheckUTF8(b); err != nil {
			return lua.LNil, err
		}
	}
	d := decoder{L: L, b: b, o: o}
	v, err := d.value(0, "a value")
	if err != nil {
		return lua.LNil, err
	}
	if d.next(); d.pos < len(b) {
		return lua.LNil, d.expected("end of input")
	}
	if v == lua.LValue(luaval.JSONNull) && !o.Null {
		return lua.LNil, nil
	}
	return v, nil
}

// DropNulls makes a value that was read with the option Null what it is without. It changes the tables
// in it.
func DropNulls(L *lua.LState, v lua.LValue) lua.LValue {
	if v == lua.LValue(luaval.JSONNull) {
		return lua.LNil
	}
	if t, ok := v.(*lua.LTable); ok {
		var pace luaval.Pace
		dropNulls(L, &pace, t)
	}
	return v
}

func dropNulls(L *lua.LState, pace *luaval.Pace, t *lua.LTable) {
	var null []lua.LValue
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		pace.Step(L)
		if _, member := k.(lua.LString); member && v == lua.LValue(luaval.JSONNull) {
			null = append(null, k)
		} else if inner, ok := v.(*lua.LTable); ok {
			dropNulls(L, pace, inner)
		}
	}
	for _, k := range null {
		t.RawSet(k, lua.LNil)
	}
}

// CheckUTF8 returns an error, as those of DecodeWith, for a text that is no UTF-8.
func CheckUTF8(text []byte) error {
	if utf8.Valid(text) {
		return nil
	}
	d := decoder{b: text}
	for {
		r, n := utf8.DecodeRune(text[d.pos:])
		if r == utf8.RuneError && n <= 1 {
			return d.errorf("a byte that is no UTF-8")
		}
		d.pos += n
	}
}

// next skips white space and returns the byte at pos, or 0 at the end: no token starts with a NUL.
func (d *decoder) next() byte {
	for ; d.pos < len(d.b); d.pos++ {
		switch c := d.b[d.pos]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

// value reads a value inside depth containers; null is luaval.JSONNull. what names the value in an
// error.
func (d *decoder) value(depth int, what string) (lua.LValue, error) {
	d.look()
	c := d.next()
	if c != '{' && c != '[' {
		return d.scalar(c, what)
	}
	if depth == MaxDepth {
		return nil, d.errorf("nested deeper than %d levels", MaxDepth)
	}
	start := d.pos
	d.pos++
	read := d.array
	if c == '{' {
		read = d.object
	}
	t, err := read(depth + 1)
	if err != nil {
		return nil, err
	}
	if d.doc != nil {
		d.doc.note(t, start, d.pos, c == '{', d.twice)
	}
	return t, nil
}

// scalar reads a value that is no container; c is its first byte.
func (d *decoder) scalar(c byte, what string) (lua.LValue, error) {
	switch c {
	case '"':
		s, err := d.str()
		return lua.LString(s), err
	case 't':
		return lua.LTrue, d.literal("true")
	case 'f':
		return lua.LFalse, d.literal("false")
	case 'n':
		return luaval.JSONNull, d.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number()
	}
	return nil, d.expected(what)
}

// look asks the budget now and then.
func (d *decoder) look() { d.pace.Step(d.L) }

// array reads an array behind its opening bracket.
func (d *decoder) array(depth int) (*lua.LTable, error) {
	if d.next() == ']' {
		d.pos++
		return luaval.NewJSONArray(d.L), nil
	}
	base := len(d.items)
	for what := "a value or ']'"; ; what = "a value" {
		v, err := d.value(depth, what)
		if err != nil {
			return nil, err
		}
		if d.items = append(d.items, v); len(d.items)-base >= lua.MaxArrayIndex {
			return nil, d.errorf("an array of more than %d items, the limit", lua.MaxArrayIndex-1)
		}
		switch d.next() {
		case ',':
			d.pos++
			d.doc.noteComma(d)
		case ']':
			d.pos++
			t := d.L.CreateTable(len(d.items)-base, 0)
			for i, v := range d.items[base:] {
				d.look()
				t.RawSetInt(i+1, v)
			}
			d.items = d.items[:base]
			return t, nil
		default:
			return nil, d.expected("',' or ']'")
		}
	}
}

// object reads an object behind its opening brace.
func (d *decoder) object(depth int) (*lua.LTable, error) {
	if d.next() == '}' {
		d.pos++
		d.twice = false
		return d.L.CreateTable(0, 0), nil
	}
	base := len(d.members)
	for what := "a string key or '}'"; ; what = "a string key" {
		if d.next() != '"' {
			return nil, d.expected(what)
		}
		key, err := d.str()
		if err != nil {
			return nil, err
		}
		named := d.pos
		if d.next() != ':' {
			return nil, d.expected("':'")
		}
		d.pos++
		d.doc.noteColon(d, named)
		v, err := d.value(depth, "a value")
		if err != nil {
			return nil, err
		}
		d.members = append(d.members, member{key, v})
		switch d.next() {
		case ',':
			d.pos++
			d.doc.noteComma(d)
		case '}':
			d.pos++
			t, err := d.table(d.members[base:])
			d.members = d.members[:base]
			return t, err
		default:
			return nil, d.expected("',' or '}'")
		}
	}
}

// table makes the table of an object.
func (d *decoder) table(members []member) (*lua.LTable, error) {
	t := d.L.CreateTable(0, len(members))
	d.twice = false
	nulls := false
	for _, m := range members {
		d.look()
		if m.value == lua.LValue(luaval.JSONNull) && !d.o.Null {
			if !d.o.Strict {
				t.RawSetString(m.key, lua.LNil) // the last one counts
				continue
			}
			nulls = true // it is to be found again
		}
		if (d.doc != nil || d.o.Strict) && t.RawGetString(m.key) != lua.LNil {
			if d.doc == nil { // a document is written with the last one alone
				return nil, d.errorf("two members of the object before are called %s", luaval.Quote(luaval.Shown(m.key)))
			}
			d.twice = true
		}
		t.RawSetString(m.key, m.value)
	}
	if nulls {
		for _, m := range members {
			if m.value == lua.LValue(luaval.JSONNull) {
				t.RawSetString(m.key, lua.LNil)
			}
		}
	}
	return t, nil
}

func (d *decoder) literal(word string) error {
	for i := 0; i < len(word); i++ {
		if d.pos == len(d.b) || d.b[d.pos] != word[i] {
			return d.expected(word)
		}
		d.pos++
	}
	return nil
}

// expected is the error for the byte at pos where what should stand.
func (d *decoder) expected(what string) error {
	got := "end of input"
	if d.pos < len(d.b) {
		if c := d.b[d.pos]; ' ' <= c && c <= '~' {
			got = "'" + string(rune(c)) + "'"
		} else {
			got = fmt.Sprintf("byte 0x%02x", c)
		}
	}
	return d.errorf("expected %s, got %s", what, got)
}

func (d *decoder) errorf(format string, args ...any) error {
	return fmt.Errorf("invalid JSON at byte %d: %s", d.pos+1, fmt.Sprintf(format, args...))
}
