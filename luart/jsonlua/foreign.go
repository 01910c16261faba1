package jsonlua

import (
	"bytes"
	"unicode/utf8"

	"github.com/caddy-rover/rover/luart/luaval"
)

// foreign appends a text of somebody else: as it is written where it is JSON that may stand here,
// else as a string.
func (e *encoder) foreign(dst []byte, v luaval.JSONText) ([]byte, *encodeError) {
	text, isJSON, wrong := v.JSONText()
	if wrong != nil {
		return dst, encodeErrorf("%s", wrong)
	}
	if isJSON && utf8.Valid(text) {
		d := decoder{b: text, o: Options{Exact: true}}
		if bad, err := d.skim(e, e.depth, "a value"); err != nil {
			return dst, err
		} else if d.next(); bad == nil && d.pos == len(text) {
			dst = append(dst, bytes.Trim(text, " \t\r\n")...)
			if len(dst) > e.limit {
				return dst, sizeError()
			}
			return dst, nil
		}
	}
	if e.work += len(text) / 64; len(dst)+len(text) > e.limit {
		return dst, sizeError()
	}
	return AppendString(dst, string(text)), nil
}

// skim reads a value inside depth containers, as decoder.value does, and makes nothing of it. bad
// says what is wrong with the text, err that e has to end.
func (d *decoder) skim(e *encoder, depth int, what string) (bad error, err *encodeError) {
	if err := e.look(1); err != nil {
		return nil, err
	}
	c := d.next()
	if c != '{' && c != '[' {
		start := d.pos
		_, bad := d.scalar(c, what)
		e.work += (d.pos - start) / 64
		return bad, nil
	}
	if depth == MaxDepth {
		return d.errorf("nested deeper than %d levels", MaxDepth), nil
	}
	end := c + 2 // ] is two behind [, and } behind {
	d.pos++
	if d.next() == end {
		d.pos++
		return nil, nil
	}
	for {
		if c == '{' {
			if d.next() != '"' {
				return d.expected("a string key"), nil
			}
			if _, bad := d.str(); bad != nil {
				return bad, nil
			}
			if d.next() != ':' {
				return d.expected("':'"), nil
			}
			d.pos++
		}
		if bad, err := d.skim(e, depth+1, "a value"); bad != nil || err != nil {
			return bad, err
		}
		switch d.next() {
		case ',':
			d.pos++
		case end:
			d.pos++
			return nil, nil
		default:
			return d.expected("',' or the end"), nil
		}
	}
}
