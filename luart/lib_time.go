package luart

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zone names must work in a container that has no zone files

	lua "github.com/yuin/gopher-lua"
)

// The years 0 to 9999, which is what RFC 3339 can write, in seconds since the epoch.
const (
	timeFirst = -62167219200
	timeLast  = 253402300799
)

// timeStart is what rover.time.monotonic counts from.
var timeStart = time.Now()

// openTime returns the rover.time table. Only the holder may call it.
//
//	rover.time.now() -> number
//		Seconds since 1970-01-01 UTC, with a fraction.
//	rover.time.monotonic() -> number
//		Seconds since the process started; never goes back, whatever is done to the clock.
//	rover.time.format(seconds[, layout[, zone]]) -> string
//	rover.time.parse(string[, layout[, zone]]) -> seconds | nil, message
//
// layout is "rfc3339" (the default: 2006-01-02T15:04:05Z; written without, read also with a fraction), "http" (as in a
// Date header, always GMT), "unix" (seconds; written whole, read also with a fraction), "date" (2006-01-02), or text
// with %Y %m %d %H %M %S %j %a %A %b %B %z %Z %p %I %e %y %s %f (microseconds) %F (%Y-%m-%d) %T (%H:%M:%S) %%.
// Another layout or directive is a bad argument, as are a time outside the years 0 to 9999 and an unknown zone.
// zone is "UTC" (the default), "local" or an IANA name ("Europe/Paris"): what to write in, and what to read text by
// that names no zone itself. Parsing takes names in any case, reads what is missing as in 1970-01-01 00:00:00, and
// wants the whole text to match.
func openTime(L *lua.LState) *lua.LTable {
	zones := timeZones{}
	return L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"now":       timeNow,
		"monotonic": timeMonotonic,
		"format":    zones.format,
		"parse":     zones.parse,
	})
}

// timeNow is rover.time.now. Only the holder may call it.
func timeNow(L *lua.LState) int {
	L.Push(timeSeconds(time.Now()))
	return 1
}

// timeMonotonic is rover.time.monotonic. Only the holder may call it.
func timeMonotonic(L *lua.LState) int {
	L.Push(lua.LNumber(time.Since(timeStart).Seconds()))
	return 1
}

// timeSeconds returns t as Lua sees it. Any goroutine may call it.
func timeSeconds(t time.Time) lua.LNumber {
	return lua.LNumber(float64(t.Unix()) + float64(t.Nanosecond())/1e9)
}

// timeZones remembers zones by name: time.LoadLocation reads and parses a file each time. It holds at most as many
// as there are zones, since an unknown name is not kept. Only the holder may use it.
type timeZones map[string]*time.Location

// check returns the zone that argument n names, and raises a bad argument when there is none. Only the holder may
// call it.
func (z timeZones) check(L *lua.LState, n int) *time.Location {
	name := L.OptString(n, "UTC")
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
		L.ArgError(n, fmt.Sprintf("unknown time zone %q", name))
	}
	z[name] = loc
	return loc
}

// format is rover.time.format. Only the holder may call it.
func (z timeZones) format(L *lua.LState) int {
	seconds, layout, zone := float64(L.CheckNumber(1)), L.OptString(2, "rfc3339"), z.check(L, 3)
	var t time.Time
	outside := !(seconds >= timeFirst && seconds < timeLast+1)
	if !outside {
		// A float64 of today tells quarters of a microsecond apart: digits below that are noise.
		whole := math.Floor(seconds)
		t = time.Unix(int64(whole), int64(math.Round((seconds-whole)*1e6))*1000).In(zone)
		outside = t.Year() < 0 || t.Year() > 9999 // rounding and the zone move it over the edge
	}
	if outside {
		L.ArgError(1, "time between the years 0 and 9999 expected")
	}
	var text string
	switch {
	case layout == "rfc3339":
		text = t.Format(time.RFC3339)
	case layout == "http":
		text = t.UTC().Format(http.TimeFormat)
	case layout == "unix":
		text = strconv.FormatInt(t.Unix(), 10)
	case layout == "date":
		text = t.Format(time.DateOnly)
	default:
		timeCheckLayout(L, layout)
		text = strftime(t, layout)
	}
	L.Push(lua.LString(text))
	return 1
}

// parse is rover.time.parse. Only the holder may call it.
func (z timeZones) parse(L *lua.LState) int {
	text, layout, zone := L.CheckString(1), L.OptString(2, "rfc3339"), z.check(L, 3)
	var t time.Time
	var err error
	switch layout {
	case "rfc3339":
		t, err = time.Parse(time.RFC3339, text)
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
		timeCheckLayout(L, layout)
		p := timeParser{rest: text, year: 1970, month: 1, day: 1}
		if err = p.layout(layout); err == nil {
			t, err = p.time(zone)
		}
		if err != nil {
			return timeFailure(L, fmt.Sprintf("parsing time %q: %v", timeClip(text), err))
		}
	}
	if err != nil {
		return timeFailure(L, fmt.Sprintf("parsing time %q: not a time in the layout %q", timeClip(text), layout))
	}
	L.Push(timeSeconds(t))
	return 1
}

// timeFailure returns nil and the message to Lua. Only the holder may call it.
func timeFailure(L *lua.LState, message string) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(message))
	return 2
}

// timeClip shortens text from outside for an error message. Any goroutine may call it.
func timeClip(text string) string {
	if len(text) > 64 {
		return text[:64] + "..."
	}
	return text
}

// timeDirectives are the directives that Go writes, and how Go's layouts spell them.
var timeDirectives = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'j': "002",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'z': "-0700", 'Z': "MST",
	'p': "PM", 'I': "03", 'e': "_2", 'y': "06", 'F': "2006-01-02", 'T': "15:04:05",
}

// timeLayoutBytes is the longest layout: one of 16 MiB would hold the VM for seconds.
const timeLayoutBytes = 1024

// timeCheckLayout raises a bad argument #2 unless layout is short, has directives and all of them are known. Only the holder
// may call it.
func timeCheckLayout(L *lua.LState, layout string) {
	if len(layout) > timeLayoutBytes {
		L.ArgError(2, fmt.Sprintf("layout too long: %d bytes, the limit is %d", len(layout), timeLayoutBytes))
	}
	if !strings.Contains(layout, "%") {
		L.ArgError(2, fmt.Sprintf("unknown layout %q: rfc3339, http, unix, date or one with %%Y and the like expected", layout))
	}
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			continue
		}
		if i++; i == len(layout) {
			L.ArgError(2, fmt.Sprintf("layout %q ends in a lone %%", layout))
		}
		if _, ok := timeDirectives[layout[i]]; !ok && !strings.ContainsRune("sf%", rune(layout[i])) {
			L.ArgError(2, fmt.Sprintf("unknown directive %q in layout %q", layout[i-1:i+1], layout))
		}
	}
}

// strftime writes t by a layout that timeCheckLayout has passed. Any goroutine may call it.
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
		case 'f':
			text = fmt.Appendf(text, "%06d", t.Nanosecond()/1000)
		default:
			text = t.AppendFormat(text, timeDirectives[layout[i]])
		}
	}
	return string(text)
}

// timeParser is what was read of a text so far, and what is left of it. Not safe for concurrent use.
type timeParser struct {
	rest             string
	year, month, day int
	yearDay          int // 0: not read
	hour, min, sec   int
	nsec             int
	hour12, pm       bool
	epoch            *int64
	offset           *int   // seconds east of UTC
	zone             string // abbreviation
}

// layout reads the whole text by a layout that timeCheckLayout has passed. Not safe for concurrent use.
func (p *timeParser) layout(layout string) error {
	if err := p.directives(layout); err != nil {
		return err
	}
	if p.rest != "" {
		return fmt.Errorf("unexpected %q after the time", timeClip(p.rest))
	}
	return nil
}

// directives reads the text that the layout describes. Not safe for concurrent use.
func (p *timeParser) directives(layout string) error {
	for i := 0; i < len(layout); i++ {
		literal := layout[i]
		if literal == '%' {
			if i++; layout[i] != '%' {
				if err := p.directive(layout[i]); err != nil {
					return err
				}
				continue
			}
		}
		if p.rest == "" || p.rest[0] != literal {
			return fmt.Errorf("%q expected at %q", literal, timeClip(p.rest))
		}
		p.rest = p.rest[1:]
	}
	return nil
}

// directive reads one field. Not safe for concurrent use.
func (p *timeParser) directive(d byte) (err error) {
	switch d {
	case 'Y':
		p.year, err = p.number(d, 4, 4, 0, 9999)
	case 'y':
		if p.year, err = p.number(d, 2, 2, 0, 99); p.year < 69 {
			p.year += 100
		}
		p.year += 1900
	case 'm':
		p.month, err = p.number(d, 1, 2, 1, 12)
	case 'd', 'e':
		if d == 'e' {
			p.rest = strings.TrimLeft(p.rest, " ")
		}
		p.day, err = p.number(d, 1, 2, 1, 31)
	case 'j':
		p.yearDay, err = p.number(d, 1, 3, 1, 366)
	case 'H':
		p.hour, err = p.number(d, 1, 2, 0, 23)
		p.hour12 = false
	case 'I':
		p.hour, err = p.number(d, 1, 2, 1, 12)
		p.hour12 = true
	case 'M':
		p.min, err = p.number(d, 1, 2, 0, 59)
	case 'S':
		p.sec, err = p.number(d, 1, 2, 0, 60) // 60: a leap second, read as the next minute
	case 'f':
		left := len(p.rest)
		p.nsec, err = p.number(d, 1, 9, 0, 999999999)
		for digits := left - len(p.rest); digits < 9; digits++ {
			p.nsec *= 10
		}
	case 's':
		var seconds int64
		sign, text := int64(1), strings.TrimPrefix(p.rest, "-")
		if len(text) < len(p.rest) {
			sign = -1
		}
		n := timeDigits(text, 12)
		seconds, err = strconv.ParseInt(text[:n], 10, 64)
		if seconds *= sign; err != nil || seconds < timeFirst || seconds > timeLast {
			return p.expected(d)
		}
		p.rest, p.epoch = text[n:], &seconds
	case 'a', 'A':
		_, err = p.name(d, 7, func(i int) string { return time.Weekday(i).String() })
	case 'b', 'B':
		p.month, err = p.name(d, 12, func(i int) string { return time.Month(i + 1).String() })
		p.month++
	case 'p':
		var half int
		half, err = p.name(d, 2, func(i int) string { return [2]string{"AM", "PM"}[i] })
		p.pm = half == 1
	case 'z':
		err = p.numericZone()
	case 'Z':
		end := strings.IndexFunc(p.rest+" ", func(r rune) bool { return r < 'A' || r > 'Z' })
		if end == 0 && strings.IndexAny(p.rest, "+-") == 0 { // a zone without letters of its own: "-03"
			end = 1 + timeDigits(p.rest[1:], 4)
		}
		if end == 0 {
			return p.expected(d)
		}
		p.zone, p.rest = p.rest[:end], p.rest[end:]
	case 'F':
		err = p.directives("%Y-%m-%d")
	case 'T':
		err = p.directives("%H:%M:%S")
	}
	return err
}

// expected is the error for a field that the text does not have. Not safe for concurrent use.
func (p *timeParser) expected(d byte) error {
	return fmt.Errorf("%%%c expected at %q", d, timeClip(p.rest))
}

// number reads atLeast to atMost digits. Not safe for concurrent use.
func (p *timeParser) number(d byte, atLeast, atMost, low, high int) (int, error) {
	digits := timeDigits(p.rest, atMost)
	n, err := strconv.Atoi(p.rest[:digits])
	if err != nil || digits < atLeast || n < low || n > high {
		return 0, p.expected(d)
	}
	p.rest = p.rest[digits:]
	return n, nil
}

// timeDigits returns how many digits s starts with, at most as many as atMost. Any goroutine may call it.
func timeDigits(s string, atMost int) int {
	n := 0
	for n < len(s) && n < atMost && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// name reads one of n names, whole or by its first three letters, and returns its index. Not safe for concurrent use.
func (p *timeParser) name(d byte, n int, nameOf func(int) string) (int, error) {
	for i := range n {
		name := nameOf(i)
		for _, form := range []string{name, name[:min(3, len(name))]} {
			if len(p.rest) >= len(form) && strings.EqualFold(p.rest[:len(form)], form) {
				p.rest = p.rest[len(form):]
				return i, nil
			}
		}
	}
	return 0, p.expected(d)
}

// numericZone reads Z, +hhmm, +hh:mm or +hh. Not safe for concurrent use.
func (p *timeParser) numericZone() error {
	for _, layout := range []string{"Z0700", "Z07:00", "Z07"} {
		for _, length := range []int{1, len(layout)} {
			if length > len(p.rest) {
				continue
			}
			if t, err := time.Parse(layout, p.rest[:length]); err == nil {
				_, offset := t.Zone()
				p.offset, p.rest = &offset, p.rest[length:]
				return nil
			}
		}
	}
	return p.expected('z')
}

// time returns what the fields say, read in zone unless they name one. Not safe for concurrent use.
func (p *timeParser) time(zone *time.Location) (time.Time, error) {
	if p.epoch != nil {
		return time.Unix(*p.epoch, int64(p.nsec)), nil
	}
	if p.hour12 {
		p.hour %= 12
		if p.pm {
			p.hour += 12
		}
	}
	month, day := p.month, p.day
	if p.yearDay > 0 {
		month, day = 1, p.yearDay
	}
	if p.offset != nil {
		zone = time.FixedZone("", *p.offset)
	}
	t := time.Date(p.year, time.Month(month), day, p.hour, p.min, p.sec, p.nsec, zone)
	date := time.Date(p.year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Year() != p.year || p.yearDay == 0 && date.Day() != day {
		return t, fmt.Errorf("day out of range")
	}
	if p.offset != nil || p.zone == "" {
		return t, nil
	}
	return p.abbreviated(t, zone)
}

// abbreviated returns t as its zone abbreviation has it: UTC or GMT, or what the clocks of the zone show then or half
// a year before or after. Not safe for concurrent use.
func (p *timeParser) abbreviated(t time.Time, zone *time.Location) (time.Time, error) {
	east, known := 0, p.zone == "UTC" || p.zone == "GMT"
	for _, months := range []int{0, -6, 6} {
		if name, offset := t.AddDate(0, months, 0).Zone(); !known && name == p.zone {
			east, known = offset, true
		}
	}
	if !known {
		return t, fmt.Errorf("zone %q is not one of %s", timeClip(p.zone), zone)
	}
	_, shown := t.Zone()
	return t.Add(time.Duration(shown-east) * time.Second), nil
}
