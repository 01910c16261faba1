package luaval

import (
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Forever is a time that never ends.
const Forever time.Duration = math.MaxInt64

// CheckSeconds returns argument n, a time in seconds; otherwise if there is none.
func CheckSeconds(L *lua.LState, n int, otherwise time.Duration) time.Duration {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	d, ok := Seconds(CheckNumber(L, n))
	if !ok {
		ArgError(L, n, "seconds, 0 or more, expected")
	}
	return d
}

// Seconds returns so many seconds, ok = false for what is no time. A hundred years are Forever.
func Seconds(seconds float64) (time.Duration, bool) {
	switch {
	case !(seconds >= 0):
		return 0, false
	case seconds >= 100*365*24*3600:
		return Forever, true
	default:
		return time.Duration(math.Ceil(seconds * float64(time.Second))), true
	}
}
