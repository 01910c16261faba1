package jsonlua

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// MaxDepth is how many arrays and objects may stand inside each other, in both directions.
	// 64 is the contract's number; it keeps the Go stack of an encode or a decode under 64 KiB.
	MaxDepth = 64

	// MaxBytes bounds one encoded value. Lua tables may share subtables, so 64 small tables can
	// describe 2^64 values. 16 MiB: the worst of those took 0.4 to 0.9s to fill it on a busy
	// machine, still within the default burst of 1s.
	MaxBytes = 16 << 20

	// maxHoles is how many nils an array may have beyond its number of items. It lets small
	// arrays be as sparse as they like, and refuses {[1]=1, [60000000]=1}: 300 MB of "null,".
	maxHoles = 1024
)

// encoder is one run of Append. It lives on the Go stack and costs no allocation. Its methods
// are for the holder only.
type encoder struct {
	budget luaval.Budget // nil: no slice of VM time ends it
	work   int           // values since that was asked, and 64 bytes of strings each

	limit int                   // length that dst may not pass
	depth int                   // tables being encoded now,
	open  [MaxDepth]*lua.LTable // and which, from the outermost to the innermost

	doc   *Document // whose tables are written as they stand there; nil: none are
	parts []part    // of those that are being encoded now
	style spacing
}

// spacing is the white space of what is written anew. The zero value is none.
type spacing struct{ afterComma, beforeColon, afterColon []byte }

func (s *spacing) comma(dst []byte) []byte { return append(append(dst, ','), s.afterComma...) }

func (s *spacing) colon(dst []byte) []byte {
	return append(append(append(dst, s.beforeColon...), ':'), s.afterColon...)
}

// Append appends v as JSON to dst and returns the extended slice; after an error it returns dst
// as it was. It allocates only to grow dst, to print number keys, and for an error.
//
// Tables follow the contract of LUA_API.md, section 2:
//   - With a value at [1], or marked by rover.json.array, a table is an array up to the last non-nil
//     index of its array part. Holes become null. All its other keys are left out: strings, booleans,
//     numbers below 1 or with a fraction, and indexes from 2^26 on, which gopher-lua keeps in its hash
//     part. An array with over 1024 more holes than items is an error.
//   - Any other table is an object; {} is an empty one. Members come in the order of next(): integer
//     keys ascending, then the others in the order in which they were first set. A number key becomes
//     its text with all digits; if a string key has the same text, or a key is of another type, that is an error.
//   - No metamethod is called and no metatable is looked at, but for the array mark.
//
// Numbers are JSON integers when they are integral and within ±2^53 (-0 is 0); all others print the
// shortest text that reads back as the same float64. NaN and infinities are null. An exact number is
// the text that it was read from. Strings are bytes
// in Lua and UTF-8 in JSON: each byte that is not valid UTF-8 becomes U+FFFD. U+2028 and U+2029 are
// escaped, because JavaScript before ES2019 takes them for line ends. <, > and & are not: the
// answer is application/json and not HTML, and escapes would only make it longer and its bytes
// surprising.
//
// Errors name the place: "cannot encode a function as JSON (at .items[3].run)". They are: a type
// JSON does not have, a cycle, more than MaxDepth levels, more than MaxBytes bytes, and the table
// errors above; and the end of the slice of VM time that b, unless it is nil, bounds. Only the
// holder may call it.
func Append(b luaval.Budget, dst []byte, v lua.LValue) ([]byte, error) {
	start := len(dst)
	e := encoder{budget: b, limit: start + MaxBytes}
	out, err := e.value(dst, v)
	if err != nil {
		return out[:start], err
	}
	return out, nil
}

// look returns an error when the slice of VM time is over. It asks now and then.
func (e *encoder) look(work int) *encodeError {
	if e.work += work; e.work < 1024 || e.budget == nil {
		return nil
	}
	e.work = 0
	if e.budget.Over() {
		return encodeErrorf("%s", e.budget.Err())
	}
	return nil
}

func (e *encoder) value(dst []byte, v lua.LValue) ([]byte, *encodeError) {
	if err := e.look(1); err != nil {
		return dst, err
	}
	switch v := v.(type) {
	case lua.LString:
		dst = AppendString(dst, string(v))
		e.work += len(v) / 64
	case lua.LNumber:
		dst = AppendNumber(dst, float64(v))
	case *lua.LTable:
		return e.table(dst, v)
	case lua.LBool:
		dst = strconv.AppendBool(dst, bool(v))
	case *lua.LNilType:
		dst = append(dst, "null"...)
	default:
		if ud, ok := v.(*lua.LUserData); ok {
			if text, ok := ud.Value.(luaval.JSONText); ok {
				return e.foreign(dst, text)
			}
		}
		text, ok := luaval.ExactNumber(v)
		plain, hasText := luaval.TextValue(v)
		switch {
		case hasText:
			dst = AppendString(dst, plain)
			e.work += len(plain) / 64
		case ok:
			dst = append(dst, text...)
			e.work += len(text) / 64
		case v == lua.LValue(luaval.JSONNull):
			dst = append(dst, "null"...)
		default:
			return dst, encodeErrorf("cannot encode a %s as JSON", v.Type())
		}
	}
	if len(dst) > e.limit {
		return dst, sizeError()
	}
	return dst, nil
}

func (e *encoder) table(dst []byte, t *lua.LTable) ([]byte, *encodeError) {
	for _, outer := range e.open[:e.depth] {
		if outer == t {
			return dst, encodeErrorf("cannot encode a table as JSON: it contains itself")
		}
	}
	if e.depth == MaxDepth {
		return dst, encodeErrorf("cannot encode a table as JSON: nested deeper than %d levels", MaxDepth)
	}
	if len(dst) > e.limit { // tables without a single scalar in them come only here
		return dst, sizeError()
	}
	e.open[e.depth] = t
	e.depth++
	var err *encodeError
	if w := e.doc.written(t); w != nil {
		dst, err = e.again(dst, w)
	} else if t.RawGetInt(1) != lua.LNil || luaval.IsJSONArray(t) {
		dst, err = e.array(dst, t)
	} else {
		dst, err = e.object(dst, t)
	}
	e.depth--
	return dst, err
}

func (e *encoder) array(dst []byte, t *lua.LTable) ([]byte, *encodeError) {
	n, sparse := e.length(t)
	if sparse != nil {
		return dst, sparse
	}
	dst = append(dst, '[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			dst = e.style.comma(dst)
		}
		var err *encodeError
		if dst, err = e.value(dst, t.RawGetInt(i)); err != nil {
			return dst, err.in(stepOfIndex(i))
		}
	}
	return append(dst, ']'), nil
}

// length returns how many items t has as an array, or an error when nearly all of them are holes.
func (e *encoder) length(t *lua.LTable) (int, *encodeError) {
	n := t.MaxN()
	if n <= maxHoles {
		return n, nil
	}
	items := 0
	for i := 1; i <= n; i++ {
		if err := e.look(1); err != nil {
			return 0, err
		}
		if t.RawGetInt(i) != lua.LNil {
			items++
		}
	}
	if n-items > items+maxHoles {
		return 0, encodeErrorf("cannot encode a table as JSON: too sparse for an array (%d items, last index %d)", items, n)
	}
	return n, nil
}

// object appends t as an object.
//
// LTable.Next costs two map lookups a member (30 ns), and is still the best that gopher-lua
// exports: ForEach boxes each key, is no faster, and ranges over Go maps, which shuffles the
// answer; see BenchmarkTableIteration. Next boxes each index of the array part, so those are read
// by RawGetInt, and Next starts behind them.
func (e *encoder) object(dst []byte, t *lua.LTable) ([]byte, *encodeError) {
	var err *encodeError
	dst = append(dst, '{')
	first := len(dst)
	n := t.MaxN()
	for i := 1; i <= n; i++ {
		if err = e.look(1); err != nil {
			return dst, err
		}
		if v := t.RawGetInt(i); v != lua.LNil {
			if len(dst) > first {
				dst = e.style.comma(dst)
			}
			if dst, err = e.numberMember(dst, t, strconv.Itoa(i), v, &e.style); err != nil {
				return dst, err
			}
		}
	}
	key := lua.LNil
	if n > 0 {
		key = lua.LNumber(n)
	}
	for {
		var v lua.LValue
		key, v = t.Next(key)
		switch k := key.(type) {
		case lua.LString:
			if len(dst) > first {
				dst = e.style.comma(dst)
			}
			dst = e.style.colon(AppendString(dst, string(k)))
			e.work += len(k) / 64
			if dst, err = e.value(dst, v); err != nil {
				return dst, err.in(luaval.PathOfKey(string(k)))
			}
		case lua.LNumber:
			if len(dst) > first {
				dst = e.style.comma(dst)
			}
			if dst, err = e.numberMember(dst, t, luaval.ExactString(k), v, &e.style); err != nil {
				return dst, err
			}
		case *lua.LNilType:
			return append(dst, '}'), nil
		default:
			return dst, keyError(k)
		}
	}
}

// numberMember appends a member of t whose key is a number with the given text. An object that
// would have the text twice is an error: readers disagree on which one counts.
func (e *encoder) numberMember(dst []byte, t *lua.LTable, text string, v lua.LValue, style *spacing) ([]byte, *encodeError) {
	if t.RawGetString(text) != lua.LNil {
		return dst, encodeErrorf("cannot encode a table as JSON: it has both the number %s and the string %q as keys", text, text)
	}
	dst = style.colon(append(append(append(dst, '"'), text...), '"'))
	dst, err := e.value(dst, v)
	if err != nil {
		return dst, err.in("[" + text + "]")
	}
	return dst, nil
}

// AppendNumber appends f as Append describes it. Any goroutine may call it.
func AppendNumber(dst []byte, f float64) []byte {
	if n := int64(f); float64(n) == f && -luaval.MaxExact <= n && n <= luaval.MaxExact {
		return strconv.AppendInt(dst, n, 10)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 { // where JavaScript changes its format too
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

// plainBytes has the bytes that stand for themselves in a JSON string and are characters of their
// own.
var plainBytes = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// AppendString appends s quoted, as Append describes it. Any goroutine may call it.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // s[start:i] waits to be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if plainBytes[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = appendEscape(append(dst, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			start = i + size
		case r == '\u2028':
			dst = append(append(dst, s[start:i]...), `\u2028`...)
			start = i + size
		case r == '\u2029':
			dst = append(append(dst, s[start:i]...), `\u2029`...)
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

// appendEscape appends the escape of a quote, a backslash or a control character.
func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// encodeError says what cannot be encoded, and where. Not safe for concurrent use.
type encodeError struct {
	text string
	path string // from the encoded value to the trouble, as Lua would write it; "" for the value itself
}

func encodeErrorf(format string, args ...any) *encodeError {
	return &encodeError{text: fmt.Sprintf(format, args...)}
}

func keyError(key lua.LValue) *encodeError {
	return encodeErrorf("cannot encode a table as JSON: keys must be strings or numbers, not a %s", key.Type())
}

// stepOfIndex is the step of a path that an item makes.
func stepOfIndex(i int) string { return "[" + strconv.Itoa(i) + "]" }

func sizeError() *encodeError {
	return encodeErrorf("cannot encode a value as JSON: longer than %d bytes", MaxBytes)
}

// in returns e after the way out of one more table, by the given step.
func (e *encodeError) in(step string) *encodeError {
	e.path = step + e.path
	return e
}

func (e *encodeError) Error() string {
	if e.path == "" {
		return e.text
	}
	return e.text + " (at " + e.path + ")"
}
