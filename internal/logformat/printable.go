package logformat

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/term"
)

// IsTerminal reports whether what is written to f, or read from it, is a person's; f may be
// anything.
func IsTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colors reports whether what is written to f may have colors: on a terminal, where NO_COLOR does
// not say otherwise.
func Colors(f any) bool {
	return IsTerminal(f) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Printable returns text for a terminal: what scripts and clients say must not move its cursor, or
// do worse. Line breaks and tabs stay. JSON stays JSON of the same.
func Printable(text string) string { return escape(text, "\n\t") }

// PrintableLine is Printable for a part of a line, or of a table: a line break, or a tab, would
// let it look like the next one.
func PrintableLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(Printable(text))
}

// PrintableWriter returns a writer that makes each text printable, and writes it to w.
func PrintableWriter(w io.Writer) io.Writer { return printableWriter{w} }

type printableWriter struct{ w io.Writer }

// Write implements io.Writer. text begins and ends between two letters.
func (p printableWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(p.w, Printable(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// escape escapes what a terminal does not show but obeys, as JSON does, except some of it.
func escape(text, except string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r), strings.ContainsRune(except, r):
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return b.String()
}
