package cli

import (
	"io"
	"strings"

	"github.com/caddy-rover/rover/internal/logformat"
)

// palette has what switches the colors of a terminal; for other writers it is empty.
type palette struct{ red, bold, invert, reset string }

// paletteOf returns the colors of w: none if it is no terminal, or if NO_COLOR is set.
func paletteOf(w io.Writer) palette {
	if !logformat.Colors(w) {
		return palette{}
	}
	return palette{"\x1b[31m", "\x1b[1m", "\x1b[7m", "\x1b[0m"}
}

// failure is "Error: …", with the line of the source that it is about, and the hint, to be seen.
func (p palette) failure(text string) string {
	lines := strings.Split(printable(text), "\n")
	lines[0] = p.red + "Error:" + p.reset + " " + lines[0]
	for i, line := range lines {
		if i > 0 && (strings.HasPrefix(line, "> ") || strings.HasPrefix(line, "hint: ")) {
			lines[i] = p.bold + line + p.reset
		}
	}
	return strings.Join(lines, "\n")
}

// shownOn returns a writer to out for what scripts and clients say, and for JSON of it: printable
// on a terminal, and as it is for other programs.
func shownOn(out io.Writer) io.Writer {
	if logformat.IsTerminal(out) {
		return logformat.PrintableWriter(out)
	}
	return out
}

// printable is for texts of scripts and clients, oneLine for those that are parts of a line.
func printable(text string) string { return logformat.Printable(text) }
func oneLine(text string) string   { return logformat.PrintableLine(text) }
