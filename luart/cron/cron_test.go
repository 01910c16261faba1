package cron

import (
	"fmt"
	"strings"
	"testing"
	"time"

	robfig "github.com/robfig/cron/v3"
)

// cronTimes are the first times of a specification from a time on.
func cronTimes(t *testing.T, spec, from string, n int) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(spec, at)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	var list []string
	for range n {
		at = s.Next(at)
		list = append(list, at.UTC().Format("01-02T15:04"))
	}
	return strings.Join(list, " ")
}

// When the clocks change, a job at certain times of the day runs once, and a frequent one goes by
// the clock. In Berlin 02:00 to 03:00 is skipped on 2024-03-31, at 01:00 UTC, and comes twice on
// 2024-10-27, until 01:00 UTC.
func TestCronClockChange(t *testing.T) {
	const spring, autumn = "2024-03-30T12:00:00Z", "2024-10-26T12:00:00Z"
	for _, tt := range []struct{ spec, from, want string }{
		{"30 2 * * *", spring, "03-31T01:00 04-01T00:30 04-02T00:30"},
		{"0,30 2 * * *", spring, "03-31T01:00 04-01T00:00 04-01T00:30"},
		{"0 2,3 * * *", spring, "03-31T01:00 04-01T00:00 04-01T01:00"},  // both are due at 03:00
		{"0 */2 31 3 *", spring, "03-30T23:00 03-31T01:00 03-31T02:00"}, // 00:00, 02:00, 04:00
		{"30 1 * * *", spring, "03-31T00:30 03-31T23:30 04-01T23:30"},
		{"30 * * * *", "2024-03-31T00:00:00Z", "03-31T00:30 03-31T01:30 03-31T02:30"},
		{"*/30 2 * * *", spring, "04-01T00:00 04-01T00:30 04-02T00:00"},

		{"30 2 * * *", autumn, "10-27T00:30 10-28T01:30 10-29T01:30"},
		{"30 2 * * *", "2024-10-27T00:45:00Z", "10-28T01:30 10-29T01:30 10-30T01:30"}, // 02:45 the first time
		{"30 2 * * *", "2024-10-27T01:15:00Z", "10-28T01:30 10-29T01:30 10-30T01:30"}, // 02:15 the second time
		{"0 3 * * *", autumn, "10-27T02:00 10-28T02:00 10-29T02:00"},
		{"30 * * * *", "2024-10-26T23:45:00Z", "10-27T00:30 10-27T01:30 10-27T02:30"},
		{"@daily", autumn, "10-26T22:00 10-27T23:00 10-28T23:00"},
		{"@hourly", "2024-10-26T23:45:00Z", "10-27T00:00 10-27T01:00 10-27T02:00"},
	} {
		if got := cronTimes(t, "CRON_TZ=Europe/Berlin "+tt.spec, tt.from, 3); got != tt.want {
			t.Errorf("%s from %s: got %s, want %s", tt.spec, tt.from, got, tt.want)
		}
	}
	for _, tt := range []struct{ spec, from, want string }{
		{"CRON_TZ=Pacific/Apia 0 12 * * *", "2011-12-29T00:00:00Z", "12-29T22:00 12-30T10:00 12-30T22:00"},        // no 30th
		{"CRON_TZ=America/Sao_Paulo 0 0 * * *", "2018-11-03T12:00:00Z", "11-04T03:00 11-05T02:00 11-06T02:00"},    // no midnight
		{"CRON_TZ=Australia/Lord_Howe 45 1 * * *", "2024-04-06T00:00:00Z", "04-06T14:45 04-07T15:15 04-08T15:15"}, // half an hour
	} {
		if got := cronTimes(t, tt.spec, tt.from, 3); got != tt.want {
			t.Errorf("%s from %s: got %s, want %s", tt.spec, tt.from, got, tt.want)
		}
	}
}

// Where no clock changes, times are those of package cron.
func TestCronDaily(t *testing.T) {
	from := time.Date(2024, 2, 27, 11, 59, 30, 5, time.UTC)
	for _, spec := range []string{"30 2 * * *", "0 0 29 2 *", "0,59 0,23 1,15 * 1", "15 3-5 * 1-3 sat", "0 12 31 * *", "@monthly", "@yearly", "@weekly", "5 4 * * sun"} {
		got, err := Parse(spec, from)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := got.(*dailySchedule); !ok {
			t.Errorf("%s is a %T", spec, got)
		}
		want, err := robfig.ParseStandard(spec)
		if err != nil {
			t.Fatal(err)
		}
		at, wanted := from, from
		for i := range 20 {
			if at, wanted = got.Next(at), want.Next(wanted); !at.Equal(wanted) {
				t.Errorf("%s, time %d: got %v, want %v", spec, i, at, wanted)
				break
			}
		}
	}
}

// Weekday 7 is Sunday, and a day field with * in front does not do instead of the other one.
func TestCronDays(t *testing.T) {
	for _, tt := range []struct{ spec, want string }{
		{"0 0 * * 7", "03-03 03-10 03-17 03-24"}, // Sundays of March 2024
		{"0 0 * * 5-7", "03-01 03-02 03-03 03-08"},
		{"0 0 * * fri-7/2", "03-01 03-03 03-08 03-10"},
		{"0 0 * * 1,7", "03-03 03-04 03-10 03-11"},
		{"0 0 */10 * 1", "03-11 04-01 07-01 10-21"}, // the 1st, 11th, 21st or 31st, and a Monday
		{"0 0 13 * 5", "03-01 03-08 03-13 03-15"},   // the 13th, or a Friday
		{"0 0 13 * */2", "04-13 06-13 07-13 08-13"}, // the 13th, and Sunday, Tuesday, Thursday or Saturday
		{"0 0 1 * *", "03-01 04-01 05-01 06-01"},
	} {
		var got []string
		for _, at := range strings.Fields(cronTimes(t, "CRON_TZ=UTC "+tt.spec, "2024-02-29T12:00:00Z", 4)) {
			got = append(got, strings.TrimSuffix(at, "T00:00"))
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s: got %s, want %s", tt.spec, text, tt.want)
		}
	}
	for _, spec := range []string{"0 0 * * 8", "0 0 * * 7/2", "0 0 * * 8-7", "0 0 * * 1-7/0", "0 0 * * 1-7/x", "0 0 * * x-7", "0 0 * *", ""} {
		if _, err := Parse(spec, time.Now()); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("cron specification %q", spec)) {
			t.Errorf("%s: got %v", spec, err)
		}
	}
}

func FuzzCron(f *testing.F) {
	for _, spec := range []string{"* * * * *", "@daily", "CRON_TZ=UTC 0 6 * * 1-5", "TZ=", "@every 1s", "*/0 * * * *", "0 0 30 2 *"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		schedule, err := Parse(spec, time.Now())
		if err != nil {
			return
		}
		now := time.Now()
		if next := schedule.Next(now); !next.After(now) {
			t.Errorf("%q: %v does not come after %v", spec, next, now)
		}
	})
}
