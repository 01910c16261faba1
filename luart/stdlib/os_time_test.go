package stdlib

import (
	"testing"
	"time"
)

// isdst reads a time by the clocks of the other season. The times are those of lua5.1 on glibc.
func TestTimeOfSeason(t *testing.T) {
	for _, tt := range []struct {
		zone, shown      string
		summer, standard int64
	}{
		{"Europe/Berlin", "2024-01-15 12:00", 1705312800, 1705316400},
		{"Europe/Berlin", "2024-07-15 12:00", 1721037600, 1721041200},
		{"Europe/Berlin", "2024-10-27 02:30", 1729989000, 1729992600}, // comes twice
		{"Europe/Berlin", "2024-03-31 02:30", 1711845000, 1711848600}, // is skipped
		{"America/New_York", "2024-07-15 12:00", 1721059200, 1721062800},
		{"America/New_York", "2024-01-15 12:00", 1705334400, 1705338000},
		{"UTC", "2024-01-15 12:00", 1705316400, 1705320000}, // there is no summer
		{"Australia/Lord_Howe", "2024-07-15 12:00", 1721005200, 1721007000},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := time.Parse("2006-01-02 15:04", tt.shown)
		if err != nil {
			t.Fatal(err)
		}
		if got := inSummer(shown, zone, true).Unix(); got != tt.summer {
			t.Errorf("%s in %s, summer: got %d, want %d", tt.shown, tt.zone, got, tt.summer)
		}
		if got := inSummer(shown, zone, false).Unix(); got != tt.standard {
			t.Errorf("%s in %s, no summer: got %d, want %d", tt.shown, tt.zone, got, tt.standard)
		}
	}
}

// What os.date says of a time is that time for os.time, also in the hour that comes twice.
func TestTimeOfDate(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for unix := int64(1729980000); unix < 1730000000; unix += 900 {
		at := time.Unix(unix, 0).In(zone)
		_, east := at.Zone()
		shown := at.UTC().Add(time.Duration(east) * time.Second)
		if got := inSummer(shown, zone, at.IsDST()).Unix(); got != unix {
			t.Errorf("%v is %d, want %d", at, got, unix)
		}
	}
}
