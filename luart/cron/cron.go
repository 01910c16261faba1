// Package cron reads when a job of cron is due: crontab(5), also when the clocks change. It knows no
// Lua. Any goroutine may use it.
package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	robfig "github.com/robfig/cron/v3"
)

// A Schedule is the times at which a job is due.
type Schedule interface {
	// Next returns the first of them after t; the zero time: there is none.
	Next(t time.Time) time.Time
}

// Parse reads a cron specification. It must come true after now.
//
// It is read as crontab(5) has it, in what package robfig does otherwise: weekday 7 is Sunday, and a
// day field with * in front, "*/2" as well, is no restriction that would do instead of the other
// one. A job at certain times of the day, or every few hours, runs once on each day, also when the
// clocks change (see dailySchedule). More frequent ones run by the clock.
func Parse(spec string, now time.Time) (schedule Schedule, err error) {
	defer func() { // robfig.ParseStandard("TZ=") slices out of range
		if recover() != nil {
			schedule, err = nil, fmt.Errorf("cron specification %q cannot be read", spec)
		}
	}()
	zone, fields := "", strings.Fields(spec)
	if len(fields) > 0 && (strings.HasPrefix(fields[0], "TZ=") || strings.HasPrefix(fields[0], "CRON_TZ=")) {
		zone, fields = fields[0]+" ", fields[1:]
	}
	text := spec
	if len(fields) == 5 {
		fields[4] = weekdays(fields[4])
		text = zone + strings.Join(fields, " ")
	}
	schedule, err = robfig.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("cron specification %q: %w", spec, err)
	}
	if s, ok := schedule.(*robfig.SpecSchedule); ok {
		minutes := s.Minute&cronStar != 0
		if len(fields) == 5 {
			minutes = fields[0][0] == '*'
			for i, bits := range map[int]*uint64{2: &s.Dom, 4: &s.Dow} {
				if fields[i][0] == '*' {
					*bits |= cronStar
				}
			}
		}
		if !minutes && s.Hour&cronStar == 0 {
			schedule = &dailySchedule{s}
		}
	}
	if schedule.Next(now).IsZero() {
		return nil, fmt.Errorf("cron specification %q never comes true", spec)
	}
	return schedule, nil
}

// cronStar is how package robfig marks a field that is "*".
const cronStar = 1 << 63

// weekdays is a field of weekdays without 7, which is Sunday. What cannot be read stays as it is.
func weekdays(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		days, step, stepped := strings.Cut(part, "/")
		from, to, isRange := strings.Cut(days, "-")
		switch {
		case !stepped && !isRange && from == "7":
			parts[i] = "0"
		case isRange && to == "7":
			first := weekday(from)
			by, err := 1, error(nil)
			if stepped {
				by, err = strconv.Atoi(step)
			}
			if first < 0 || err != nil || by < 1 || by > 7 {
				continue
			}
			var list []string
			for day := first; day <= 7; day += by {
				list = append(list, strconv.Itoa(day%7))
			}
			parts[i] = strings.Join(list, ",")
		}
	}
	return strings.Join(parts, ",")
}

// weekday is the number of a weekday, from 0 for Sunday, or 7; -1 for what is none.
func weekday(text string) int {
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n <= 7 && len(text) == 1 {
		return n
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()[:3]) {
			return int(day)
		}
	}
	return -1
}

// dailySchedule is a schedule at certain times of the day, as Debian's cron has it when the clocks
// change: what is due in an hour that is skipped runs once, when the hour has been skipped; what is
// due in an hour that comes twice runs the first time. Any goroutine may use it.
type dailySchedule struct{ spec *robfig.SpecSchedule }

// maxClockChange is how far clocks are set at once: a zone that changes the side of the date line
// skips a day.
const maxClockChange = 25 * time.Hour

// Next implements Schedule. It goes by what clocks show, written as a time in UTC, where each
// is there once.
func (d *dailySchedule) Next(t time.Time) time.Time {
	zone := d.spec.Location
	if zone == time.Local {
		zone = t.Location()
	}
	clocks := *d.spec
	clocks.Location = time.UTC
	for shown := clockOf(t.In(zone)).Add(-maxClockChange); ; {
		shown = clocks.Next(shown)
		if shown.IsZero() {
			return shown
		}
		if at := whenShown(shown, zone); at.After(t) {
			return at.In(t.Location())
		}
	}
}

// clockOf is what a clock shows at t, as a time in UTC.
func clockOf(t time.Time) time.Time {
	_, east := t.Zone()
	return t.UTC().Add(time.Duration(east) * time.Second)
}

// whenShown returns when the clocks of a zone show a time first; if they skip it, when they do.
func whenShown(shown time.Time, zone *time.Location) time.Time {
	at := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), 0, zone)
	begins, ends := at.ZoneBounds()
	if clock := clockOf(at); clock.Before(shown) { // before the clocks skip it
		return ends
	} else if clock.After(shown) {
		return begins
	}
	if begins.IsZero() {
		return at
	}
	_, was := begins.Add(-time.Second).Zone()
	if earlier := shown.Add(-time.Duration(was) * time.Second); earlier.Before(begins) {
		return earlier.In(zone)
	}
	return at
}
