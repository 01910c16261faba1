package time

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parser is what was read of a text so far, and what is left of it. Not safe for concurrent use.
type parser struct {
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

// layout reads the whole text by a layout that checkLayout has passed. Not safe for concurrent use.
func (p *parser) layout(layout string) error {
	if err := p.directives(layout); err != nil {
		return err
	}
	if p.rest != "" {
		return fmt.Errorf("unexpected %q after the time", clip(p.rest))
	}
	return nil
}

// directives reads the text that the layout describes. Not safe for concurrent use.
func (p *parser) directives(layout string) error {
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
			return fmt.Errorf("%q expected at %q", literal, clip(p.rest))
		}
		p.rest = p.rest[1:]
	}
	return nil
}

// directive reads one field. Not safe for concurrent use.
func (p *parser) directive(d byte) (err error) {
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
		n := countDigits(text, 12)
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
			end = 1 + countDigits(p.rest[1:], 4)
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
func (p *parser) expected(d byte) error {
	return fmt.Errorf("%%%c expected at %q", d, clip(p.rest))
}

// number reads atLeast to atMost digits. Not safe for concurrent use.
func (p *parser) number(d byte, atLeast, atMost, low, high int) (int, error) {
	digits := countDigits(p.rest, atMost)
	n, err := strconv.Atoi(p.rest[:digits])
	if err != nil || digits < atLeast || n < low || n > high {
		return 0, p.expected(d)
	}
	p.rest = p.rest[digits:]
	return n, nil
}

// countDigits returns how many digits s starts with, at most as many as atMost.
func countDigits(s string, atMost int) int {
	n := 0
	for n < len(s) && n < atMost && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// name reads one of n names, whole or by its first three letters, and returns its index. Not safe for concurrent use.
func (p *parser) name(d byte, n int, nameOf func(int) string) (int, error) {
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

// numericZone reads Z, +hhmm, +hh:mm, +hh, or one with seconds behind the minutes. Not safe for
// concurrent use.
func (p *parser) numericZone() error {
	for _, layout := range []string{"Z070000", "Z07:00:00", "Z0700", "Z07:00", "Z07"} {
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
func (p *parser) time(zone *time.Location) (time.Time, error) {
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
func (p *parser) abbreviated(t time.Time, zone *time.Location) (time.Time, error) {
	east, known := 0, p.zone == "UTC" || p.zone == "GMT"
	for _, months := range []int{0, -6, 6} {
		if name, offset := t.AddDate(0, months, 0).Zone(); !known && name == p.zone {
			east, known = offset, true
		}
	}
	if !known {
		return t, fmt.Errorf("zone %q is not one of %s", clip(p.zone), zone)
	}
	_, shown := t.Zone()
	return t.Add(time.Duration(shown-east) * time.Second), nil
}
