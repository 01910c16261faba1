package luaval

import (
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// MaxExact is the end of the whole numbers that a Lua number holds exactly.
const MaxExact = 1 << 53

// ParseNumber returns the number that s spells as a Lua numeral, with a sign and white space around
// it.
func ParseNumber(s string) (float64, bool) {
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
	// What is left of ParseFloat's language once inf, nan, hexadecimal floats and underscores are
	// gone is C's.
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

// ParseInBase is ParseNumber for whole numbers in a base from 2 to 36.
func ParseInBase(s string, base int) (float64, bool) {
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

// NumberString is a number as a text: C's "%.14g". It is what tostring, .. and print show, and what
// the functions of the language see that take a text and get a number. NaN has no sign.
func NumberString(n lua.LNumber) string {
	f := float64(n)
	if f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	if text, ok := unusualString(f); ok {
		return text
	}
	return strconv.FormatFloat(f, 'g', 14, 64)
}

// ExactString is a number as a text with as many digits as it takes to read the same number again:
// what Rover's own functions make of a number that stands for a text. An id of 16 digits is not cut
// there.
func ExactString(n lua.LNumber) string {
	if text, ok := unusualString(float64(n)); ok {
		return text
	}
	return n.String()
}

// ExactText is ExactString of a number, and of any other value what gopher-lua shows.
func ExactText(v lua.LValue) string {
	if n, ok := v.(lua.LNumber); ok {
		return ExactString(n)
	}
	if text, ok := ExactNumber(v); ok {
		return text
	}
	return v.String()
}

// unusualString is an infinity or NaN as a text.
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

// TextOf is NumberString of a number, the text of a string, and false for any other value.
func TextOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return NumberString(v), true
	}
	return "", false
}
