package luart

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxExact is the end of the whole numbers that a Lua number holds exactly.
const maxExact = 1 << 53

// baseTonumber is tonumber(v[, base]). Without a base, or with 10: a number, or the number that a string spells as in
// Lua source (1e3, .5, 0x10, blanks around it), else nil. "inf", "nan" and "1_000" spell none. With another base from
// 2 to 36 the whole number that the string spells in it, else nil. Only the holder may call it.
func baseTonumber(L *lua.LState) int {
	v, base := L.CheckAny(1), optInt(L, 2, 10)
	if base < 2 || base > 36 {
		L.ArgError(2, "base out of range")
	}
	var number float64
	ok := false
	switch lv := v.(type) {
	case lua.LNumber:
		number, ok = float64(lv), true
		if base != 10 {
			number, ok = parseInBase(numberString(lv), base)
		}
	case lua.LString:
		if base == 10 {
			number, ok = parseNumber(string(lv))
		} else {
			number, ok = parseInBase(string(lv), base)
		}
	}
	if ok {
		L.Push(lua.LNumber(number))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

// parseNumber returns the number that s spells as a Lua numeral, with a sign and white space around it. Any goroutine
// may call it.
func parseNumber(s string) (float64, bool) {
	s = trimSpace(s)
	sign, digits := splitSign(s)
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		if strings.Trim(digits[2:], "0123456789abcdefABCDEF.pP+-") != "" {
			return 0, false
		}
		if !strings.ContainsAny(digits, "pP") {
			digits += "p0"
		}
		n, err := strconv.ParseFloat(digits, 64)
		return sign * n, err == nil || math.IsInf(n, 0)
	}
	// What is left of ParseFloat's language once inf, nan, hexadecimal floats and underscores are gone is C's.
	if digits == "" || strings.Trim(digits, "0123456789.eE+-") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil && !math.IsInf(n, 0) {
		return 0, false
	}
	if digits[0] == '+' || digits[0] == '-' { // a second sign
		return 0, false
	}
	return sign * n, true
}

// parseInBase is parseNumber for whole numbers in a base from 2 to 36. Any goroutine may call it.
func parseInBase(s string, base int) (float64, bool) {
	sign, digits := splitSign(trimSpace(s))
	if base == 16 && len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		digits = digits[2:]
	}
	n, ok := parseDigits(digits, base)
	return sign * n, ok
}

func parseDigits(digits string, base int) (float64, bool) {
	n := 0.0
	for i := range len(digits) {
		d := 99
		switch c := digits[i]; {
		case '0' <= c && c <= '9':
			d = int(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			d = int(c|0x20-'a') + 10
		}
		if d >= base {
			return 0, false
		}
		n = n*float64(base) + float64(d)
	}
	return n, digits != ""
}

func splitSign(s string) (float64, string) {
	switch {
	case strings.HasPrefix(s, "-"):
		return -1, s[1:]
	case strings.HasPrefix(s, "+"):
		return 1, s[1:]
	}
	return 1, s
}

func trimSpace(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// checkAny returns argument n, which must be there. Only the holder may call it.
func checkAny(L *lua.LState, n int) lua.LValue {
	if n > L.GetTop() {
		L.ArgError(n, "value expected")
	}
	return L.Get(n)
}

// checkString returns argument n, a string or a number. Only the holder may call it.
func checkString(L *lua.LState, n int) string {
	text, ok := textOf(L.Get(n))
	if !ok {
		argTypeError(L, n, "string")
	}
	return text
}

// checkNumber returns argument n, a number or a string that spells one. Only the holder may call it.
func checkNumber(L *lua.LState, n int) float64 {
	switch v := L.Get(n).(type) {
	case lua.LNumber:
		return float64(v)
	case lua.LString:
		if number, ok := parseNumber(string(v)); ok {
			return number
		}
	}
	argTypeError(L, n, "number")
	return 0
}

// checkInt is checkNumber without the fraction, drawn into ±maxExact; NaN is 0. Only the holder may call it.
func checkInt(L *lua.LState, n int) int {
	number := checkNumber(L, n)
	if number != number {
		return 0
	}
	return int(max(-maxExact, min(maxExact, number)))
}

// optInt is checkInt with a value for nil and for an argument that was left out. Only the holder may call it.
func optInt(L *lua.LState, n, otherwise int) int {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return checkInt(L, n)
}

// argTypeError raises gopher-lua's error for a wrong type, and C Lua's "no value" for an argument that was left out.
// Only the holder may call it.
func argTypeError(L *lua.LState, n int, want string) {
	got := "no value"
	if n <= L.GetTop() {
		got = L.Get(n).Type().String()
	}
	L.ArgError(n, want+" expected, got "+got)
}

// toString is tostring. Only the holder may call it.
func toString(L *lua.LState, v lua.LValue) string {
	if text, ok := textOf(v); ok {
		return text
	}
	s := L.ToStringMeta(v)
	text, ok := textOf(s)
	if !ok {
		L.RaiseError("'__tostring' must return a string, not a %s", s.Type().String())
	}
	return text
}

// numberString is a number as a text: C's "%.14g". It is what tostring, .. and print show, and what the functions of
// the language see that take a text and get a number. NaN has no sign. Any goroutine may call it.
func numberString(n lua.LNumber) string {
	f := float64(n)
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	if text, ok := unusualString(f); ok {
		return text
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

// exactString is a number as a text with as many digits as it takes to read the same number again: what Rover's own
// functions make of a number that stands for a text. An id of 16 digits is not cut there. Any goroutine may call it.
func exactString(n lua.LNumber) string {
	if text, ok := unusualString(float64(n)); ok {
		return text
	}
	return n.String()
}

// unusualString is an infinity or NaN as a text. Any goroutine may call it.
func unusualString(f float64) (string, bool) {
	switch {
	case math.IsInf(f, 1):
		return "inf", true
	case math.IsInf(f, -1):
		return "-inf", true
	case f != f:
		return "nan", true
	}
	return "", false
}

// textOf is numberString of a number, the text of a string, and false for any other value. Any goroutine may call it.
func textOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return numberString(v), true
	}
	return "", false
}
