package logformat

import (
	"fmt"
	"strings"
	"unicode"
)

// Printable returns text for a terminal: what scripts and clients say must not move its cursor, or
// do worse. Line breaks and tabs stay.
func Printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Cf, r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
