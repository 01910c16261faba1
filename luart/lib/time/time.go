package time

import (
	_ "embed"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zone names must work in a container that has no zone files

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/luaval"
)

// The years 0 to 9999, which is what RFC 3339 can write, in seconds since the epoch.
const (
	timeFirst = -62167219200
	timeLast  = 253402300799
)

// processStart is what rover.time.monotonic counts from.
var processStart = time.Now()

// Stubs are definitions of rover.time for editors. They must not be changed.
//
//go:embed time.lua
var Stubs string

// Open returns the rover.time table.
//
//	rover.time.now() -> number
//		Seconds since 1970-01-01 UTC, with a fraction.
//	rover.time.monotonic() -> number
//		Seconds since the process started; never goes back, whatever is done to the clock.
//	rover.time.format(seconds[, layout[, zone]]) -> string
//	rover.time.parse(string[, layout[, zone]]) -> seconds | nil, message
//
// layout is "rfc3339" (the default: 2006-01-02T15:04:05Z; written without, read also with a fraction; a leap second is
// the second after it), "http" (as in a
// Date header, always GMT), "unix" (seconds; written whole, read also with a fraction), "date" (2006-01-02), or text
// with %Y %m %d %H %M %S %j %a %A %b %B %z %Z %p %I %e %y %s %f (microseconds) %F (%Y-%m-%d) %T (%H:%M:%S) %%.
// Another layout or directive is a bad argument, as are a time outside the years 0 to 9999 and an unknown zone.
// zone is "UTC" (the default), "local" or an IANA name ("Europe/Paris"): what to write in, and what to read text by
// that names no zone itself. Parsing takes names in any case, reads what is missing as in 1970-01-01 00:00:00, and
// wants the whole text to match.
func Open(L *lua.LState, c *clock.Clock) *lua.LTable {
	zones := zones{}
	began := processStart
	if c != nil {
		began = c.Start()
	}
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"now":       func(L *lua.LState) int { L.Push(secondsOf(c.Now())); return 1 },
		"monotonic": func(L *lua.LState) int { L.Push(lua.LNumber(c.Since(began).Seconds())); return 1 },
		"format":    zones.format,
		"parse":     zones.parse,
	})
}

// secondsOf returns t as Lua sees it.
func secondsOf(t time.Time) lua.LNumber {
	return lua.LNumber(float64(t.Unix()) + float64(t.Nanosecond())/1e9)
}

// zones remembers zones by name: time.LoadLocation reads and parses a file each time. It holds at most as many
// as there are zones, since an unknown name is not kept. Only the holder may use it.
type zones map[string]*time.Location

// check returns the zone that argument n names, and raises a bad argument when there is none. Only the holder may
// call it.
func (z zones) check(L *lua.LState, n int) *time.Location {
	name := luaval.OptString(L, n, "UTC")
	switch name {
	case "UTC":
		return time.UTC
	case "local":
		return time.Local
	}
	if loc, ok := z[name]; ok {
		return loc
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" { // LoadLocation has meanings of its own for these two
		luaval.ArgError(L, n, fmt.Sprintf("unknown time zone %q", name))
	}
	z[name] = loc
	return loc
}

// format is rover.time.format.
func (z zones) format(L *lua.LState) int {
	seconds, layout, zone := luaval.CheckNumber(L, 1), luaval.OptString(L, 2, "rfc3339"), z.check(L, 3)
	var t time.Time
	outside := !(seconds >= timeFirst && seconds < timeLast+1)
	if !outside {
		// A float64 of today tells quarters of a microsecond apart: digits below that are noise.
		whole := math.Floor(seconds)
		t = time.Unix(int64(whole), int64(math.Round((seconds-whole)*1e6))*1000).In(zone)
		outside = t.Year() < 0 || t.Year() > 9999 // rounding and the zone move it over the edge
	}
	if outside {
		luaval.ArgError(L, 1, "time between the years 0 and 9999 expected")
	}
	var text string
	switch {
	case layout == "rfc3339":
		text = formatRFC3339(t)
	case layout == "http":
		text = t.UTC().Format(http.TimeFormat)
	case layout == "unix":
		text = strconv.FormatInt(t.Unix(), 10)
	case layout == "date":
		text = t.Format(time.DateOnly)
	default:
		checkLayout(L, layout)
		text = strftime(t, layout)
	}
	L.Push(lua.LString(text))
	return 1
}

// parse is rover.time.parse.
func (z zones) parse(L *lua.LState) int {
	text, layout, zone := luaval.CheckString(L, 1), luaval.OptString(L, 2, "rfc3339"), z.check(L, 3)
	var t time.Time
	var err error
	switch layout {
	case "rfc3339":
		t, err = parseRFC3339(text)
	case "http":
		t, err = http.ParseTime(text)
	case "unix":
		if strings.Trim(text, "0123456789.-") != "" { // not the "0x1p3", "inf" and "1_0" of Go
			err = strconv.ErrSyntax
			break
		}
		var seconds float64
		if seconds, err = strconv.ParseFloat(text, 64); err == nil && seconds >= timeFirst && seconds < timeLast+1 {
			L.Push(lua.LNumber(seconds))
			return 1
		}
		err = strconv.ErrRange
	case "date":
		t, err = time.ParseInLocation(time.DateOnly, text, zone)
	default:
		checkLayout(L, layout)
		p := parser{rest: text, year: 1970, month: 1, day: 1}
		if err = p.layout(layout); err == nil {
			t, err = p.time(zone)
		}
		if err != nil {
			return failure(L, fmt.Sprintf("parsing time %q: %v", clip(text), err))
		}
	}
	if err != nil {
		return failure(L, fmt.Sprintf("parsing time %q: not a time in the layout %q", clip(text), layout))
	}
	L.Push(secondsOf(t))
	return 1
}

// failure returns nil and the message to Lua.
func failure(L *lua.LState, message string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(message))
	return 2
}

// clip shortens text from outside for an error message.
func clip(text string) string {
	if len(text) > 64 {
		return text[:64] + "..."
	}
	return text
}

// directives are the directives that Go writes, and how Go's layouts spell them.
var directives = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'j': "002",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'z': "-0700", 'Z': "MST",
	'p': "PM", 'I': "03", 'e': "_2", 'y': "06", 'F': "2006-01-02", 'T': "15:04:05",
}

// maxLayoutBytes is the longest layout: one of 16 MiB would hold the VM for seconds.
const maxLayoutBytes = 1024

// checkLayout raises a bad argument #2 unless layout is short, has directives and all of them are known. Only the holder
// may call it.
func checkLayout(L *lua.LState, layout string) {
	if len(layout) > maxLayoutBytes {
		luaval.ArgError(L, 2, fmt.Sprintf("layout too long: %d bytes, the limit is %d", len(layout), maxLayoutBytes))
	}
	if !strings.Contains(layout, "%") {
		luaval.ArgError(L, 2, fmt.Sprintf("unknown layout %q: rfc3339, http, unix, date or one with %%Y and the like expected", layout))
	}
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			continue
		}
		if i++; i == len(layout) {
			luaval.ArgError(L, 2, fmt.Sprintf("layout %q ends in a lone %%", layout))
		}
		if _, ok := directives[layout[i]]; !ok && !strings.ContainsRune("sf%", rune(layout[i])) {
			luaval.ArgError(L, 2, fmt.Sprintf("unknown directive %q in layout %q", layout[i-1:i+1], layout))
		}
	}
}

// strftime writes t by a layout that checkLayout has passed.
func strftime(t time.Time, layout string) string {
	text := make([]byte, 0, 2*len(layout))
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			text = append(text, layout[i])
			continue
		}
		i++
		switch layout[i] {
		case '%':
			text = append(text, '%')
		case 's':
			text = strconv.AppendInt(text, t.Unix(), 10)
		case 'z':
			layout := directives['z']
			if _, east := t.Zone(); east%60 != 0 {
				layout = "-070000"
			}
			text = t.AppendFormat(text, layout)
		case 'f':
			text = fmt.Appendf(text, "%06d", t.Nanosecond()/1000)
		default:
			text = t.AppendFormat(text, directives[layout[i]])
		}
	}
	return string(text)
}
