package jsonlua

import (
	"bytes"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// part is a member or an item, as it stands in the text of a document: text[from:at] is white space,
// and of a member the name and the colon; text[at:to] is the value.
type part struct {
	key          string
	from, at, to uint32
	value        lua.LValue // what stands there; of a container its table
	dropped      bool       // another member of the same name follows
}

// again appends a table that stands in e.doc.
func (e *encoder) again(dst []byte, w *written) ([]byte, *encodeError) {
	base := len(e.parts)
	defer func() { e.parts = e.parts[:base] }()
	if err := e.read(w); err != nil {
		return dst, err
	}
	end := w.from + 1 // of the white space in front of the closing bracket
	if last := len(e.parts); last > base {
		end = e.parts[last-1].to
	}
	behind := e.doc.text[end : w.to-1]
	switch {
	case !w.object:
		return e.arrayAgain(dst, w.t, base, behind)
	case len(e.parts) == base && w.t.RawGetInt(1) != lua.LNil:
		return e.array(dst, w.t) // from somebody who knows no other empty table
	}
	return e.objectAgain(dst, w.t, base, behind)
}

// read appends the parts of w to e.parts. The text has been read before: nothing is wrong with it.
func (e *encoder) read(w *written) *encodeError {
	base := len(e.parts)
	d := decoder{b: e.doc.text, pos: int(w.from) + 1, o: Options{Null: true, Exact: true}}
	if c := d.next(); c == ']' || c == '}' {
		return nil
	}
	for d.pos = int(w.from) + 1; ; d.pos++ {
		p := part{from: uint32(d.pos)}
		c := d.next()
		if w.object {
			p.key, _ = d.str()
			d.next()
			d.pos++ // the colon
			c = d.next()
		}
		p.at = uint32(d.pos)
		if inner := e.doc.byPlace[p.at]; inner != nil {
			p.value, d.pos = inner.t, int(inner.to)
		} else {
			p.value, _ = d.scalar(c, "")
		}
		p.to = uint32(d.pos)
		e.parts = append(e.parts, p)
		if err := e.look(1 + int(p.at-p.from)/64); err != nil {
			return err
		}
		if d.next() != ',' {
			break
		}
	}
	if w.twice {
		last := map[string]int{}
		for i := base; i < len(e.parts); i++ {
			if before, ok := last[e.parts[i].key]; ok {
				e.parts[before].dropped = true
			}
			last[e.parts[i].key] = i
		}
	}
	return nil
}

// arrayAgain appends t as an array, whose parts are those from base on.
func (e *encoder) arrayAgain(dst []byte, t *lua.LTable, base int, behind []byte) ([]byte, *encodeError) {
	n, err := e.length(t)
	if err != nil {
		return dst, err
	}
	last := len(e.parts)
	dst = append(dst, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			dst = append(dst, ',')
		}
		v, at := t.RawGetInt(i), base+i-1
		if at < last {
			dst, err = e.part(dst, e.parts[at], v)
		} else {
			if last > base && i > 1 {
				dst = append(dst, e.leadOfNew(base)...)
			} else if i > 1 {
				dst = append(dst, e.style.afterComma...)
			}
			dst, err = e.value(dst, v)
		}
		if err != nil {
			return dst, err.in(stepOfIndex(i))
		}
		if at+1 < last && i < n {
			dst = append(dst, e.gap(at)...)
		}
	}
	return append(append(dst, behind...), ']'), nil
}

// objectAgain appends t as an object, whose parts are those from base on.
func (e *encoder) objectAgain(dst []byte, t *lua.LTable, base int, behind []byte) ([]byte, *encodeError) {
	var err *encodeError
	last := len(e.parts)
	dst = append(dst, '{')
	first := len(dst)
	kept := 0
	for at := base; at < last; at++ {
		p := e.parts[at]
		v := t.RawGetString(p.key)
		if p.dropped || v == lua.LNil {
			continue
		}
		kept++
		if len(dst) > first {
			dst = append(dst, ',')
		}
		if dst, err = e.part(dst, p, v); err != nil {
			return dst, err.in(luaval.PathOfKey(p.key))
		}
		if at+1 < last {
			dst = append(dst, e.gap(at)...)
		}
	}
	if dst, err = e.added(dst, first, t, base, kept); err != nil {
		return dst, err
	}
	return append(append(dst, behind...), '}'), nil
}

// added appends the members of t that are no parts. kept of its members are.
func (e *encoder) added(dst []byte, first int, t *lua.LTable, base, kept int) ([]byte, *encodeError) {
	members := 0
	for key, _ := t.Next(lua.LNil); key != lua.LNil; key, _ = t.Next(key) {
		members++
		if err := e.look(1); err != nil {
			return dst, err
		}
	}
	if members == kept {
		return dst, nil
	}
	known := make(map[string]bool, len(e.parts)-base)
	for _, p := range e.parts[base:] {
		known[p.key] = true
	}
	style, lead := e.style, []byte(nil) // lead is that of a member which is the first now
	if len(known) > 0 {
		lead = e.lead(base)
		style = e.styleOf(base)
	}
	var err *encodeError
	for key, v := t.Next(lua.LNil); key != lua.LNil; key, v = t.Next(key) {
		text, isText := key.(lua.LString)
		if isText && known[string(text)] {
			continue
		}
		if len(dst) > first {
			dst = style.comma(dst)
		} else {
			dst = append(dst, lead...)
		}
		switch k := key.(type) {
		case lua.LString:
			dst = style.colon(AppendString(dst, string(k)))
			e.work += len(k) / 64
			if dst, err = e.value(dst, v); err != nil {
				return dst, err.in(luaval.PathOfKey(string(k)))
			}
		case lua.LNumber:
			if dst, err = e.numberMember(dst, t, luaval.ExactString(k), v, &style); err != nil {
				return dst, err
			}
		default:
			return dst, keyError(k)
		}
	}
	return dst, nil
}

// styleOf is how a new member of an object is written, whose parts are those from base on: as its last
// one.
func (e *encoder) styleOf(base int) spacing {
	p := e.parts[len(e.parts)-1]
	name := e.doc.text[p.from:p.at]
	colon := name[bytes.LastIndexByte(name, '"')+1:]
	at := bytes.IndexByte(colon, ':')
	return spacing{e.leadOfNew(base), colon[:at], colon[at+1:]}
}

// leadOfNew is the white space in front of a part that comes behind those from base on. That of the
// first tells nothing of a comma, unless each has a line of its own.
func (e *encoder) leadOfNew(base int) []byte {
	last := len(e.parts) - 1
	lead := e.lead(last)
	if last == base && bytes.IndexByte(lead, '\n') < 0 {
		return e.style.afterComma
	}
	return lead
}

// part appends p with the value v, which may have taken the place of another one.
func (e *encoder) part(dst []byte, p part, v lua.LValue) ([]byte, *encodeError) {
	dst = append(dst, e.doc.text[p.from:p.at]...)
	if _, isTable := v.(*lua.LTable); isTable || !same(v, p.value) {
		return e.value(dst, v)
	}
	if err := e.look(1 + int(p.to-p.at)/64); err != nil {
		return dst, err
	}
	return append(dst, e.doc.text[p.at:p.to]...), nil
}

// same reports whether a scalar is the one that stands in a document.
func same(v, stands lua.LValue) bool {
	if v == stands {
		return true
	}
	text, exact := luaval.ExactNumber(v)
	other, otherExact := luaval.ExactNumber(stands)
	return exact && otherExact && text == other
}

// gap is the white space between a part and the comma behind it.
func (e *encoder) gap(at int) []byte {
	return e.doc.text[e.parts[at].to : e.parts[at+1].from-1]
}

// lead is the white space in front of a part.
func (e *encoder) lead(at int) []byte {
	text := e.doc.text[e.parts[at].from:e.parts[at].at]
	return text[:len(text)-len(bytes.TrimLeft(text, " \n\t\r"))]
}
