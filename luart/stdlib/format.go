package stdlib

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// strFormat is string.format(format, …): C's printf. Conversions: %d %i %u %o %x %X (whole numbers:
// fractions are cut), %e %E %f %g %G, %c (a byte), %s (any value, as tostring shows it), %q (a
// string that Lua can read back), %%. Flags -+ #0, width and precision of at most two digits.
// Errors: another conversion, an argument that is missing or no number, more than 16 MiB.
func strFormat(L *lua.LState) int {
	format := luaval.CheckString(L, 1)
	var out strings.Builder
	arg := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		if strings.HasPrefix(format[i:], "%%") {
			out.WriteByte('%')
			i++
			continue
		}
		spec := parseSpec(L, format[i+1:])
		i += spec.length
		arg++
		if arg > L.GetTop() {
			luaval.ArgError(L, arg, "no value")
		}
		out.WriteString(spec.convert(L, arg))
		luaval.CheckSize(L, out.Len())
	}
	L.Push(lua.LString(out.String()))
	return 1
}

// formatSpec is one conversion of a format.
type formatSpec struct {
	minus, plus, space, sharp, zero bool
	width, precision                int // precision -1: none
	verb                            byte
	length                          int // bytes after the percent sign
}

// parseSpec reads a conversion, or raises an error.
func parseSpec(L *lua.LState, s string) (f formatSpec) {
	i := 0
	for ; i < len(s) && strings.IndexByte("-+ #0", s[i]) >= 0; i++ {
		flag := map[byte]*bool{'-': &f.minus, '+': &f.plus, ' ': &f.space, '#': &f.sharp, '0': &f.zero}[s[i]]
		if i == 5 { // as C Lua: only where there are more than kinds of flags
			L.RaiseError("invalid format (repeated flags)")
		}
		*flag = true
	}
	digits := func() (n int) {
		start := i
		for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
			if i-start == 2 {
				L.RaiseError("invalid format (width or precision too long)")
			}
			n = n*10 + int(s[i]-'0')
		}
		return n
	}
	f.width, f.precision = digits(), -1
	if i < len(s) && s[i] == '.' {
		i++
		f.precision = digits()
	}
	if i == len(s) || strings.IndexByte("diuoxXeEfgGcsq", s[i]) < 0 {
		L.RaiseError("invalid conversion '%%%s' to 'format'", s[:min(i+1, len(s))])
	}
	f.verb, f.length = s[i], i+1
	return f
}

// convert returns argument n in the form of the conversion.
func (f formatSpec) convert(L *lua.LState, n int) string {
	switch f.verb {
	case 'd', 'i':
		return f.integer(signed(L, n))
	case 'u', 'o', 'x', 'X':
		f.plus, f.space = false, false
		return f.integer(unsigned(L, n))
	case 'e', 'E', 'f', 'g', 'G':
		return f.float(luaval.CheckNumber(L, n))
	case 'c':
		return f.pad("", string([]byte{byte(luaval.CheckInt(L, n))}), false)
	case 'q':
		return quote(L, luaval.CheckString(L, n))
	default: // 's'
		s := luaval.ToString(L, L.Get(n))
		if f.precision >= 0 && f.precision < len(s) {
			s = s[:f.precision]
		}
		return f.pad("", s, false)
	}
}

// signed returns the sign and the absolute value of argument n.
func signed(L *lua.LState, n int) (bool, uint64) {
	number := math.Trunc(luaval.CheckNumber(L, n))
	if !(number >= -(1<<63) && number < 1<<63) {
		luaval.ArgError(L, n, "number has no integer representation")
	}
	if number < 0 {
		return true, uint64(-int64(number))
	}
	return false, uint64(number)
}

// unsigned returns argument n; negative numbers count from 2^64 down, as in C.
func unsigned(L *lua.LState, n int) (bool, uint64) {
	number := math.Trunc(luaval.CheckNumber(L, n))
	if !(number >= -(1<<63) && number < 1<<64) {
		luaval.ArgError(L, n, "number has no integer representation")
	}
	if number < 0 {
		return false, uint64(int64(number))
	}
	return false, uint64(number)
}

func (f formatSpec) integer(negative bool, n uint64) string {
	base, prefix := 10, f.sign(negative)
	switch f.verb {
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
	}
	digits := strconv.FormatUint(n, base)
	if f.precision == 0 && n == 0 {
		digits = ""
	}
	digits = strings.Repeat("0", max(0, f.precision-len(digits))) + digits
	if f.sharp && base == 8 && !strings.HasPrefix(digits, "0") {
		digits = "0" + digits
	}
	if f.sharp && base == 16 && n != 0 {
		prefix = "0x"
	}
	if f.verb == 'X' {
		digits, prefix = strings.ToUpper(digits), strings.ToUpper(prefix)
	}
	return f.pad(prefix, digits, f.zero && f.precision < 0)
}

func (f formatSpec) float(n float64) string {
	prefix := f.sign(math.Signbit(n) && n == n)
	if math.IsInf(n, 0) || n != n {
		digits := "inf"
		if n != n {
			digits = "nan"
		}
		if f.verb < 'a' {
			digits = strings.ToUpper(digits)
		}
		return f.pad(prefix, digits, false)
	}
	precision := f.precision
	if precision < 0 {
		precision = 6
	}
	if precision == 0 && f.verb|0x20 == 'g' {
		precision = 1
	}
	if !f.sharp {
		return f.pad(prefix, strconv.FormatFloat(math.Abs(n), f.verb, precision, 64), f.zero)
	}
	return f.pad(prefix, fmt.Sprintf("%#.*"+string(rune(f.verb)), precision, math.Abs(n)), f.zero)
}

func (f formatSpec) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case f.plus:
		return "+"
	case f.space:
		return " "
	}
	return ""
}

// pad brings a text to the width, with blanks or with zeros behind its prefix.
func (f formatSpec) pad(prefix, text string, zeros bool) string {
	missing := max(0, f.width-len(prefix)-len(text))
	switch {
	case f.minus:
		return prefix + text + strings.Repeat(" ", missing)
	case zeros:
		return prefix + strings.Repeat("0", missing) + text
	}
	return strings.Repeat(" ", missing) + prefix + text
}

// quote is %q. It raises an error for a result of more than 16 MiB.
func quote(L *lua.LState, s string) string {
	var out strings.Builder
	out.Grow(len(s) + 2)
	out.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\r':
			out.WriteString(`\r`)
		case 0:
			out.WriteString(`\000`)
		default:
			out.WriteByte(c)
		}
		luaval.CheckSize(L, out.Len())
	}
	out.WriteByte('"')
	return out.String()
}
