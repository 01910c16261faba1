package luaval

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// exactNumber is the text of a number, in the syntax of JSON, that a Lua number cannot hold:
// 2^53 + 1, or 1e400.
type exactNumber string

// exactMeta is the metatable of every exact number. Every VM of the process shares it, and nothing
// may write to it: see JSONNull.
var exactMeta = newExactMeta()

func newExactMeta() *lua.LTable {
	meta := newJSONMeta("json.number")
	set := func(name string, fn lua.LGFunction) {
		meta.RawSetString(name, &lua.LFunction{IsG: true, GFunction: fn})
	}
	set("__tostring", func(L *lua.LState) int {
		text, _ := ExactNumber(L.Get(1))
		L.Push(lua.LString(text))
		return 1
	})
	set("__concat", func(L *lua.LState) int {
		a, b := concatenated(L, L.Get(1)), concatenated(L, L.Get(2))
		CheckSize(L, len(a)+len(b))
		L.Push(lua.LString(a + b))
		return 1
	})
	// Both are exact numbers: Lua calls these for two values that have the same one.
	compare := func(holds func(order int) bool) lua.LGFunction {
		return func(L *lua.LState) int {
			a, _ := ExactNumber(L.Get(1))
			b, _ := ExactNumber(L.Get(2))
			L.Push(lua.LBool(holds(CompareDecimals(a, b))))
			return 1
		}
	}
	set("__eq", compare(func(order int) bool { return order == 0 }))
	set("__lt", compare(func(order int) bool { return order < 0 }))
	set("__le", compare(func(order int) bool { return order <= 0 }))
	for _, name := range [...]string{"__add", "__sub", "__mul", "__div", "__mod", "__pow", "__unm"} {
		set(name, func(L *lua.LState) int {
			text, ok := ExactNumber(L.Get(1))
			if !ok {
				text, _ = ExactNumber(L.Get(2))
			}
			L.RaiseError("attempt to compute with %s, which a Lua number cannot hold: "+
				"tonumber(tostring(n)) is the nearest", Shown(text))
			return 0
		})
	}
	return meta
}

// concatenated is v as .. takes it, which exact numbers do as well.
func concatenated(L *lua.LState, v lua.LValue) string {
	if text, ok := ExactNumber(v); ok {
		return text
	}
	text, ok := TextOf(v)
	if !ok {
		L.RaiseError("attempt to concatenate a %s value", TypeName(v))
	}
	return text
}

// NewExactNumber returns a Lua value that stands for the number with the given text, in the syntax
// of JSON and with an exponent within int32, and encodes as that text. It does not change, and any
// number of VMs may have it.
//
// A script sees a userdata: tostring and .. give its text, == < <= compare it with others of its
// kind by value, and arithmetic raises, because a result would have lost digits.
func NewExactNumber(text string) *lua.LUserData {
	return &lua.LUserData{Value: exactNumber(text), Metatable: exactMeta}
}

// ParseExactNumber is NewExactNumber for a text that may be none of a number.
func ParseExactNumber(text string) (*lua.LUserData, bool) {
	if !numberSyntax.MatchString(text) {
		return nil, false
	}
	return NewExactNumber(text), true
}

var numberSyntax = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// ExactNumber is the text of a value that NewExactNumber has made.
func ExactNumber(v lua.LValue) (string, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		if n, ok := ud.Value.(exactNumber); ok {
			return string(n), true
		}
	}
	return "", false
}

// CompareDecimals compares two numbers in the syntax of JSON by value: -1, 0 or 1.
func CompareDecimals(a, b string) int {
	x, y := decimalOf(a), decimalOf(b)
	if x.sign != y.sign {
		return cmp.Compare(x.sign, y.sign)
	}
	return x.sign * cmp.Or(cmp.Compare(x.exp, y.exp), cmp.Compare(x.digits, y.digits))
}

// IsInteger reports whether a number in the syntax of JSON has no fraction, however it is written.
func IsInteger(text string) bool {
	d := decimalOf(text)
	return d.exp >= int64(len(d.digits))
}

// decimal is sign · 0.digits · 10^exp. Neither end of digits is a zero; of zero all fields are.
type decimal struct {
	sign   int
	digits string
	exp    int64
}

// decimalOf reads a number in the syntax of JSON. An exponent beyond int32 counts as its end.
func decimalOf(text string) decimal {
	d := decimal{sign: 1}
	if strings.HasPrefix(text, "-") {
		d.sign, text = -1, text[1:]
	}
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		n, _ := strconv.ParseInt(text[e+1:], 10, 32) // the nearest one where it is beyond
		d.exp, text = n, text[:e]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	d.exp += int64(len(whole))
	digits := whole + fraction
	d.digits = strings.TrimLeft(digits, "0")
	d.exp -= int64(len(digits) - len(d.digits))
	d.digits = strings.TrimRight(d.digits, "0")
	if d.digits == "" {
		return decimal{}
	}
	return d
}
