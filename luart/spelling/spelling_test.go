package spelling

import (
	"fmt"
	"strings"
	"testing"
)

// A name that is nearly another one is taken for that, unless two are as near.
func TestNearest(t *testing.T) {
	names := []string{"header", "headers", "get", "set", "body", "cookie", "log"}
	for name, want := range map[string]string{
		"haeder": "header", "heade": "header", "Header": "header", "cookei": "cookie", "bdoy": "body",
		"x": "", "put": "", "xet": "", "something": "", "header": "headers", "": "", strings.Repeat("a", 100): "",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for i, tt := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "ac", 1}, {"abcd", "badc", 2}, {"x", "y", 1}} {
		if got := Distance(tt.a, tt.b); got != tt.n || Distance(tt.b, tt.a) != tt.n {
			t.Errorf("%s: %d, want %d", fmt.Sprint(i), got, tt.n)
		}
	}
}
