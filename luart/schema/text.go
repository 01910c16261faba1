package schema

import (
	"math"
	"strconv"
	"strings"
)

// maxExact is the end of the whole numbers that a float64 holds exactly.
const maxExact = 1 << 53

// ParseInteger reads a whole number from a text: of a query, say. It takes what everybody reads alike:
// digits without a leading zero, a minus in front of them, and no more than a float64 holds exactly.
func ParseInteger(text string) (float64, bool) {
	digits := strings.TrimPrefix(text, "-")
	if !isDigits(digits) || digits[0] == '0' && text != "0" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return float64(n), err == nil && -maxExact < n && n < maxExact
}

// ParseNumber reads a number from a text: in the syntax of JSON without an exponent. One that a float64
// cannot hold, 10.0000000000000000000001, is none: who else reads it may get another one.
func ParseNumber(text string) (float64, bool) {
	whole, fraction, isFraction := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if !isDigits(whole) || whole[0] == '0' && whole != "0" || isFraction && !isDigits(fraction) {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(n) >= maxExact || n == 0 && text[0] == '-' {
		return n, false
	}
	if isFraction {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return n, text == strconv.FormatFloat(n, 'f', -1, 64)
}

// ParseBoolean reads true or false.
func ParseBoolean(text string) (value, ok bool) {
	return text == "true", text == "true" || text == "false"
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
