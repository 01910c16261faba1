package jsonlua

import (
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string; the byte at pos is its opening quote.
func (d *decoder) str() (string, error) {
	d.pos++
	start := d.pos // b[start:pos] waits to be copied as it is
	d.text = d.text[:0]
	for ; d.pos < len(d.b); d.pos++ {
		switch c := d.b[d.pos]; {
		case c == '"':
			rest := d.b[start:d.pos]
			d.pos++
			if len(d.text) == 0 {
				return string(rest), nil
			}
			return string(append(d.text, rest...)), nil
		case c == '\\':
			d.text = append(d.text, d.b[start:d.pos]...)
			d.pos++
			if err := d.escape(); err != nil {
				return "", err
			}
			start = d.pos + 1
		case c < ' ':
			return "", d.errorf("control character 0x%02x in a string must be escaped", c)
		}
	}
	return "", d.expected(`'"'`)
}

// escape appends to text what the escape behind a backslash stands for, and leaves pos on its last
// byte.
func (d *decoder) escape() error {
	c := byte(0)
	if d.pos < len(d.b) {
		c = d.b[d.pos]
	}
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode()
	default:
		return d.expected(`one of "\/bfnrtu after a backslash`)
	}
	d.text = append(d.text, c)
	return nil
}

// unicode is escape for \uXXXX, and for the second half of a surrogate pair behind it.
func (d *decoder) unicode() error {
	r, bad := d.hex4(d.pos + 1)
	if bad >= 0 {
		d.pos = bad
		return d.expected(`four hexadecimal digits after \u`)
	}
	d.pos += 4
	if utf16.IsSurrogate(r) {
		high := r
		r = utf8.RuneError
		if d.pos+2 < len(d.b) && d.b[d.pos+1] == '\\' && d.b[d.pos+2] == 'u' {
			// A bad or unpaired second escape is read again, on its own, by str.
			if low, bad := d.hex4(d.pos + 3); bad < 0 {
				if pair := utf16.DecodeRune(high, low); pair != utf8.RuneError {
					r = pair
					d.pos += 6
				}
			}
		}
		if r == utf8.RuneError && d.o.Strict {
			return d.errorf("half of a surrogate pair")
		}
	}
	d.text = utf8.AppendRune(d.text, r)
	return nil
}

// hex4 returns the value of the four hexadecimal digits from at on, and -1 or the place of the byte
// that is not one.
func (d *decoder) hex4(at int) (r rune, bad int) {
	for i := at; i < at+4; i++ {
		c := byte(0)
		if i < len(d.b) {
			c = d.b[i]
		}
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, min(i, len(d.b))
		}
	}
	return r, -1
}
