package stdlib

import (
	"fmt"
	"math"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// maxUnix bounds the times of os.date and os.time to the years -9999 to 9999.
const maxUnix = 253402300799

// osGetenv is os.getenv(name): the environment variable, where "allow env" grants it; else nil, as
// for one that is not set.
func osGetenv(b *envBuilder) lua.LValue {
	getenv := b.hooks.Getenv
	return b.L.NewFunction(func(L *lua.LState) int {
		name := luaval.CheckString(L, 1)
		L.Push(lua.LNil)
		if getenv == nil {
			return 1
		}
		if value, ok := getenv(name); ok {
			L.Push(lua.LString(value))
		}
		return 1
	})
}

// osDifftime is os.difftime(t2[, t1]): t2 - t1 in whole seconds, as C has times.
func osDifftime(L *lua.LState) int {
	t2, t1 := luaval.CheckNumber(L, 1), 0.0
	if L.Get(2) != lua.LNil {
		t1 = luaval.CheckNumber(L, 2)
	}
	L.Push(lua.LNumber(math.Trunc(t2) - math.Trunc(t1)))
	return 1
}

// osClock is os.clock(): seconds since the process began. A clock that stands still says how
// long that has been by itself.
func osClock(b *envBuilder, lib, name string) lua.LValue {
	c := b.hooks.Clock
	if c == nil {
		return stock(b, lib, name)
	}
	return b.L.NewFunction(func(L *lua.LState) int { L.Push(lua.LNumber(c.Since(c.Start()).Seconds())); return 1 })
}

// osTime is os.time([table]): seconds since 1970 UTC, of now or of the local time in the table.
// year, month and day must be there, hour is 12 and min and sec are 0 when left out; values beyond
// their range carry over. isdst says whether the time is daylight-saving time; left out, the season
// does.
func osTime(b *envBuilder) lua.LValue {
	c := b.hooks.Clock
	return b.L.NewFunction(func(L *lua.LState) int {
		if L.Get(1) == lua.LNil {
			L.Push(lua.LNumber(c.Now().Unix()))
			return 1
		}
		return pushDateTable(L)
	})
}

// pushDateTable is os.time(table).
func pushDateTable(L *lua.LState) int {
	table := luaval.CheckTable(L, 1)
	field := func(name string, otherwise int) int {
		var n float64
		ok := true
		switch v := table.RawGetString(name).(type) {
		case lua.LNumber:
			n = float64(v)
		case lua.LString:
			n, ok = luaval.ParseNumber(string(v))
		default:
			if otherwise < 0 || v != lua.LNil {
				L.RaiseError("field '%s' missing in date table", name)
			}
			return otherwise
		}
		if !ok || !(math.Abs(n) < math.MaxInt32) {
			L.RaiseError("field '%s' of the date table is not a number in range", name)
		}
		return int(n)
	}
	shown := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1),
		field("hour", 12), field("min", 0), field("sec", 0), 0, time.UTC)
	var t time.Time
	if isdst := table.RawGetString("isdst"); isdst == lua.LNil {
		t = inZone(shown, time.Local)
	} else {
		t = inSummer(shown, time.Local, lua.LVAsBool(isdst))
	}
	if t.Unix() > maxUnix || t.Unix() < -maxUnix {
		L.RaiseError("time out of range")
	}
	L.Push(lua.LNumber(t.Unix()))
	return 1
}

// inZone is the time that clocks of a zone show as shown, which is in UTC.
func inZone(shown time.Time, zone *time.Location) time.Time {
	return time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), 0, zone)
}

// inSummer is inZone for clocks that are set to daylight-saving time, or not, whatever the season:
// by the offset that they have in the nearest season of that kind; where there is none, by an hour.
func inSummer(shown time.Time, zone *time.Location, dst bool) time.Time {
	t := inZone(shown, zone)
	_, east := t.Zone()
	if t.IsDST() != dst {
		begins, ends := t.ZoneBounds()
		switch before := begins.Add(-time.Second); {
		case !ends.IsZero() && ends.IsDST() == dst:
			_, east = ends.Zone()
		case !begins.IsZero() && before.IsDST() == dst:
			_, east = before.Zone()
		case dst:
			east += 3600
		default:
			east -= 3600
		}
	}
	return shown.Add(-time.Duration(east) * time.Second)
}

// osDate is os.date([format[, time]]): the time (now when left out) by strftime's conversions in
// the C locale, "%c" when there is no format. A leading '!' means UTC instead of the server's zone;
// "*t" gives a table of year, month, day, hour, min, sec, wday, yday and isdst. Errors: an unknown
// conversion, a time beyond the year 9999.
func osDate(b *envBuilder) lua.LValue {
	c := b.hooks.Clock
	return b.L.NewFunction(func(L *lua.LState) int { return pushDate(L, c.Now()) })
}

// pushDate is os.date at now.
func pushDate(L *lua.LState, now time.Time) int {
	format, t := "%c", now.Local()
	if L.Get(1) != lua.LNil {
		format = luaval.CheckString(L, 1)
	}
	if L.Get(2) != lua.LNil {
		unix := luaval.CheckNumber(L, 2)
		if !(math.Abs(unix) <= maxUnix) {
			luaval.ArgError(L, 2, "time out of range")
		}
		t = time.Unix(int64(unix), 0)
	}
	format, utc := strings.CutPrefix(format, "!")
	if utc {
		t = t.In(time.FixedZone("GMT", 0)) // as %Z of C names it
	}
	if format == "*t" {
		L.Push(dateTable(L, t))
		return 1
	}
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) || !writeDate(&out, format[i], t) {
			luaval.ArgError(L, 1, fmt.Sprintf("invalid conversion specifier '%%%s'", format[i:min(i+1, len(format))]))
		}
		luaval.CheckSize(L, out.Len())
	}
	L.Push(lua.LString(out.String()))
	return 1
}

func dateTable(L *lua.LState, t time.Time) *lua.LTable {
	table := L.CreateTable(0, 9)
	for name, n := range map[string]int{
		"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "min": t.Minute(),
		"sec": t.Second(), "wday": int(t.Weekday()) + 1, "yday": t.YearDay(),
	} {
		table.RawSetString(name, lua.LNumber(n))
	}
	table.RawSetString("isdst", lua.LBool(t.IsDST()))
	return table
}

// dateLayouts are strftime's conversions that Go's layouts can spell.
var dateLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02",
	'D': "01/02/06", 'e': "_2", 'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03", 'm': "01", 'M': "04",
	'p': "PM", 'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
	'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'j': "002",
}

// writeDate writes one conversion and returns false for an unknown one.
func writeDate(out *strings.Builder, conversion byte, t time.Time) bool {
	if layout, ok := dateLayouts[conversion]; ok {
		out.WriteString(t.Format(layout))
		return true
	}
	yday, wday := t.YearDay()-1, int(t.Weekday())
	monday := (wday + 6) % 7
	isoYear, isoWeek := t.ISOWeek()
	switch conversion {
	case '%':
		out.WriteByte('%')
	case 'n':
		out.WriteByte('\n')
	case 't':
		out.WriteByte('\t')
	case 'w':
		fmt.Fprint(out, wday)
	case 'u':
		fmt.Fprint(out, monday+1)
	case 's':
		fmt.Fprint(out, t.Unix())
	case 'C':
		fmt.Fprintf(out, "%02d", t.Year()/100)
	case 'U':
		fmt.Fprintf(out, "%02d", (yday+7-wday)/7)
	case 'W':
		fmt.Fprintf(out, "%02d", (yday+7-monday)/7)
	case 'V':
		fmt.Fprintf(out, "%02d", isoWeek)
	case 'G':
		fmt.Fprint(out, isoYear)
	case 'g':
		fmt.Fprintf(out, "%02d", isoYear%100)
	default:
		return false
	}
	return true
}
