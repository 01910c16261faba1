package time

import (
	"strings"
	"testing"
	"time"
)

// FuzzRFC3339: what is read is what Go's parser reads, but for a leap second, and is written and
// read again as the same second.
func FuzzRFC3339(f *testing.F) {
	for _, text := range []string{
		"2023-11-14T22:13:20Z", "2023-11-15t03:43:20.25+05:30", "1990-12-31T23:59:60Z", "0000-02-29T00:00:00-23:59", "2023-11-14T22:13:20,5Z", "9999-12-31T23:59:59.999999999z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseRFC3339(text)
		if err != nil {
			return
		}
		want, err := time.Parse(time.RFC3339, strings.ToUpper(text))
		if leap := text[17:19] == "60"; leap != (err != nil) || !leap && !want.Equal(got) {
			t.Fatalf("%q is %v, Go reads %v, %v", text, got, want, err)
		}
		if again, err := parseRFC3339(formatRFC3339(got)); got.Year() >= 0 && got.Year() <= 9999 && (err != nil || again.Unix() != got.Unix()) {
			t.Fatalf("%q is written %q: %v, %v", text, formatRFC3339(got), again, err)
		}
	})
}
