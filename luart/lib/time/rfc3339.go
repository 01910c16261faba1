package time

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errRFC3339 = errors.New("not a time of RFC 3339")

// parseRFC3339 reads a time of RFC 3339. Go's own parser takes a comma for the point, "T0:00:00" and
// offsets of 24 hours and more, and refuses what the RFC has: a leap second, at the end of a month
// in UTC, which is read as the second after it, and "t" and "z".
func parseRFC3339(text string) (time.Time, error) {
	const form = "0000-00-00T00:00:00"
	if len(text) <= len(form) {
		return time.Time{}, errRFC3339
	}
	for i, c := range []byte(strings.Replace(text[:len(form)], "t", "T", 1)) {
		if isDigit := c >= '0' && c <= '9'; isDigit != (form[i] == '0') || !isDigit && c != form[i] {
			return time.Time{}, errRFC3339
		}
	}
	field := func(from, to int) int {
		n, _ := strconv.Atoi(text[from:to]) // they are digits
		return n
	}
	year, month, day := field(0, 4), field(5, 7), field(8, 10)
	hour, minute, second := field(11, 13), field(14, 16), field(17, 19)
	nanoseconds, rest, ok := fraction(text[len(form):])
	east, known := offset(rest)
	if !ok || !known || hour > 23 || minute > 59 || second > 60 {
		return time.Time{}, errRFC3339
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanoseconds, time.FixedZone("", east))
	date := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if month < 1 || month > 12 || day < 1 || date.Day() != day {
		return time.Time{}, errRFC3339
	}
	if utc := t.UTC(); second == 60 && (utc.Day() != 1 || utc.Hour() != 0 || utc.Minute() != 0) {
		return time.Time{}, errRFC3339
	}
	return t, nil
}

// fraction reads ".5", or nothing, and returns what is left.
func fraction(text string) (nanoseconds int, rest string, ok bool) {
	digits, found := strings.CutPrefix(text, ".")
	if !found {
		return 0, text, true
	}
	n := countDigits(digits, len(digits))
	if n == 0 {
		return 0, "", false
	}
	nanoseconds, _ = strconv.Atoi((digits[:n] + "000000000")[:9])
	return nanoseconds, digits[n:], true
}

// offset reads "Z" or "+01:30", all of text, as seconds east of UTC.
func offset(text string) (east int, ok bool) {
	if text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) != len("+00:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' ||
		countDigits(text[1:], 2) != 2 || countDigits(text[4:], 2) != 2 {
		return 0, false
	}
	hours, _ := strconv.Atoi(text[1:3])
	minutes, _ := strconv.Atoi(text[4:6])
	east = hours*3600 + minutes*60
	if text[0] == '-' {
		east = -east
	}
	return east, hours <= 23 && minutes <= 59
}

// formatRFC3339 is t as RFC 3339 has it. That has whole minutes for offsets: a zone of the time
// before there were zones, 9 minutes and 21 seconds east, is written as 9 minutes, so that the
// time is the same.
func formatRFC3339(t time.Time) string {
	if _, east := t.Zone(); east%60 != 0 {
		t = t.In(time.FixedZone("", east-east%60))
	}
	return t.Format(time.RFC3339)
}
