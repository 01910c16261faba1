package jsonlua

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// number reads a number; the byte at pos is its sign or first digit.
func (d *decoder) number() (lua.LValue, error) {
	start := d.pos
	negative := d.b[d.pos] == '-'
	if negative {
		d.pos++
	}
	first := d.pos
	whole, err := d.digits()
	if err != nil {
		return nil, err
	}
	if d.b[first] == '0' && d.pos > first+1 {
		d.pos = first + 1
		return nil, d.errorf("a number must not start with 0")
	}
	integral := true
	if d.pos < len(d.b) && d.b[d.pos] == '.' {
		d.pos++
		integral = false
		if _, err := d.digits(); err != nil {
			return nil, err
		}
	}
	if d.pos < len(d.b) && d.b[d.pos]|0x20 == 'e' {
		d.pos++
		integral = false
		if d.pos < len(d.b) && (d.b[d.pos] == '+' || d.b[d.pos] == '-') {
			d.pos++
		}
		if _, err := d.digits(); err != nil {
			return nil, err
		}
	}
	if integral && d.pos-first <= 15 { // always below 2^53
		if negative {
			return lua.LNumber(-float64(whole)), nil
		}
		return lua.LNumber(whole), nil
	}
	text := string(d.b[start:d.pos])
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case d.o.Exact && !(err != nil && d.o.Finite) && isInexact(text, f):
		if !exponentFits(text) {
			d.pos = start
			return nil, d.errorf("the exponent of a number is out of range")
		}
		return luaval.NewExactNumber(text), nil
	case err != nil: // the syntax is fine, so it is the range
		d.pos = start
		return nil, d.errorf("number out of range")
	}
	return lua.LNumber(f), nil
}

// isInexact reports whether the number that text spells is none that f, the nearest float64, may
// stand for: see Options.Exact.
func isInexact(text string, f float64) bool {
	if math.Abs(f) > luaval.MaxExact {
		return true
	}
	var buf [32]byte
	return luaval.CompareDecimals(text, string(strconv.AppendFloat(buf[:0], f, 'e', -1, 64))) != 0
}

// exponentFits reports whether the exponent of a number, if it has one, is within int32.
func exponentFits(text string) bool {
	e := strings.IndexAny(text, "eE")
	if e < 0 {
		return true
	}
	_, err := strconv.ParseInt(text[e+1:], 10, 32)
	return err == nil
}

// digits reads at least one digit. Its value is good for up to 18 of them.
func (d *decoder) digits() (int64, error) {
	start := d.pos
	var n int64
	for d.pos < len(d.b) && '0' <= d.b[d.pos] && d.b[d.pos] <= '9' {
		n = n*10 + int64(d.b[d.pos]-'0')
		d.pos++
	}
	if d.pos == start {
		return 0, d.expected("a digit")
	}
	return n, nil
}
