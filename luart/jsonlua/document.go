package jsonlua

import (
	"bytes"
	"errors"
	"math"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Document is a JSON text whose value may be changed. What has not been changed is written as it
// stood there, byte for byte: the order of members, white space, how numbers and strings are
// written.
//
// It knows where each table stands in the text, and reads the text again when it is written: what
// it costs beside the value is one entry for each table.
type Document struct {
	Value lua.LValue // with both Options; null is rover.json.null

	text     []byte
	from, to int         // of the value
	arrays   *lua.LTable // the metatable of its arrays
	style    spacing     // how the text writes commas and colons
	commas   bool        // the first comma within a line has been seen
	colons   bool        // the first colon has been
	byTable  map[*lua.LTable]*written
	byPlace  map[uint32]*written
}

// written is a table and where it stands in the text, from its opening bracket to behind the
// closing one.
type written struct {
	t        *lua.LTable
	from, to uint32
	object   bool
	twice    bool // two members have one name
}

// ReadDocument reads a JSON text, by the rules of DecodeWith, and keeps it.
//
// Its arrays have indexes only. Who sets a member of one, or takes one away, means the object that he
// expects there: that raises a 502. Else the change would be lost, and the document go on as it came.
//
// Strict is for what a client has sent, where that is a 400. What others may read in another way is an
// error then, as with Options.Strict, but members with the same name are none: Append writes the last
// one alone.
func ReadDocument(L *lua.LState, text []byte, strict bool) (*Document, error) {
	if strict {
		if err := CheckUTF8(text); err != nil {
			return nil, err
		}
	}
	if uint64(len(text)) > math.MaxUint32 {
		return nil, errors.New("JSON of 4 GiB or more is not changed")
	}
	doc := &Document{text: text, byTable: map[*lua.LTable]*written{}, byPlace: map[uint32]*written{}, arrays: responseArray}
	if strict {
		doc.arrays = requestArray
	}
	d := decoder{L: L, b: text, o: Options{Null: true, Exact: true, Strict: strict}, doc: doc}
	d.next()
	doc.from = d.pos
	v, err := d.value(0, "a value")
	if err != nil {
		return nil, err
	}
	doc.Value, doc.to = v, d.pos
	doc.completeStyle()
	if d.next(); d.pos < len(text) {
		return nil, d.expected("end of input")
	}
	return doc, nil
}

func (doc *Document) note(t *lua.LTable, from, to int, object, twice bool) {
	if !object {
		t.Metatable = doc.arrays
	}
	w := &written{t: t, from: uint32(from), to: uint32(to), object: object, twice: twice}
	doc.byTable[t] = w
	doc.byPlace[w.from] = w
}

// written returns where t stands in the text, nil if it does not.
func (doc *Document) written(t *lua.LTable) *written {
	if doc == nil {
		return nil
	}
	return doc.byTable[t]
}

// noteComma is told of a comma, behind which the decoder stands. The first one on whose line the text
// goes on says how the text spaces them.
func (doc *Document) noteComma(d *decoder) {
	if doc == nil || doc.commas {
		return
	}
	from := d.pos
	d.next()
	if space := d.b[from:d.pos]; bytes.IndexByte(space, '\n') < 0 {
		doc.style.afterComma, doc.commas = space, true
	}
}

// noteColon is told of a name, behind which the decoder stands, and of the colon that follows.
func (doc *Document) noteColon(d *decoder, from int) {
	if doc == nil || doc.colons {
		return
	}
	colon := d.pos - 1
	d.next()
	doc.colons = true
	doc.style.beforeColon, doc.style.afterColon = d.b[from:colon], d.b[colon+1:d.pos]
}

// completeStyle is for a text that has no commas, but where lines end, or no colons: who spaces the
// one spaces the other.
func (doc *Document) completeStyle() {
	s := &doc.style
	if !doc.commas && len(s.afterColon) > 0 {
		s.afterComma = []byte(" ")
	}
	if !doc.colons && len(s.afterComma) > 0 {
		s.afterColon = []byte(" ")
	}
}

// Append is the function Append for v, which is doc.Value or another value, with the tables of doc
// in it or without. MaxBytes bounds what is longer than the text. Beside the rules of Append:
//
//   - A table that stands in doc is written from there, wherever it is now: a value that is the same
//     (a number of the same value, a string of the same bytes) as it stands there, another one in its
//     place, members that are nil no more, and new ones at the end.
//   - What was an array stays one, also when it is empty now, and an object that had members stays an
//     object, also with a value at [1].
//   - Of members with the same name only the last one is written, the one that is in the table:
//     readers disagree on which one counts, and might find what the script has not seen.
func (doc *Document) Append(b luaval.Budget, dst []byte, v lua.LValue) ([]byte, error) {
	start := len(dst)
	e := encoder{budget: b, limit: start + len(doc.text) + MaxBytes, doc: doc, style: doc.style}
	out := append(dst, doc.text[:doc.from]...)
	if _, isTable := v.(*lua.LTable); !isTable && v == doc.Value {
		return append(out, doc.text[doc.from:]...), nil
	}
	out, err := e.value(out, v)
	if err != nil {
		return out[:start], err
	}
	return append(out, doc.text[doc.to:]...), nil
}
