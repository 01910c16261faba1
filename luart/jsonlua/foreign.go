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
		if stop, bad := d.skim(e, e.depth, "a value"); stop != nil {
			return dst, stop
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
// says what is wrong with the text, stop that e has to end.
func (d *decoder) skim(e *encoder, depth int, what string) (stop *encodeError, bad error) {
	if stop := e.look(1); stop != nil {
		return stop, nil
	}
	c := d.next()
	if c != '{' && c != '[' {
		start := d.pos
		_, bad := d.scalar(c, what)
		e.work += (d.pos - start) / 64
		return nil, bad
	}
	if depth == MaxDepth {
		return nil, d.errorf("nested deeper than %d levels", MaxDepth)
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
				return nil, d.expected("a string key")
			}
			if _, bad := d.str(); bad != nil {
				return nil, bad
			}
			if d.next() != ':' {
				return nil, d.expected("':'")
			}
			d.pos++
		}
		if stop, bad := d.skim(e, depth+1, "a value"); stop != nil || bad != nil {
			return stop, bad
		}
		switch d.next() {
		case ',':
			d.pos++
		case end:
			d.pos++
			return nil, nil
		default:
			return nil, d.expected("',' or the end")
		}
	}
}
