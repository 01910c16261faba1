package chunk

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// excerptLines are shown before and after the line of an error.
const excerptLines = 5

// Explanation is what a person wants to know of an error: where it is, what stands there, and what
// to do.
type Explanation struct {
	File         *File   // nil: it is not known where
	Line, Column int     // column, in bytes from 1; 0: not known
	Hint         string  // what to do; empty: nothing that is sure
	Frames       []Frame // of the traceback, from the innermost call outwards
}

// Frame is one line of a traceback.
type Frame struct {
	Text   string // "app.lua:12: in function 'f'"
	Source string // the line of the file, empty if it is not known
}

// Position is "app.lua:12", empty if it is not known.
func (e *Explanation) Position() string {
	if e.File == nil {
		return ""
	}
	return e.File.Name + ":" + strconv.Itoa(e.Line)
}

// SourceLine is the line of the error without its indentation.
func (e *Explanation) SourceLine() string {
	if e.File == nil {
		return ""
	}
	return strings.TrimSpace(e.File.LineAt(e.Line))
}

// ExcerptLine is a line around an error.
type ExcerptLine struct {
	Number int
	Text   string
	Marked bool
	Caret  string // what to print below it, up to the column of the error; empty: nothing
}

func (e *Explanation) Excerpt() (list []ExcerptLine) {
	if e.File == nil {
		return nil
	}
	last := min(e.Line+excerptLines, len(e.File.Lines()))
	for n := max(e.Line-excerptLines, 1); n <= last; n++ {
		l := ExcerptLine{Number: n, Text: e.File.LineAt(n), Marked: n == e.Line}
		if l.Marked {
			l.Caret = Caret(e.File.Lines()[n-1], e.Column)
		}
		list = append(list, l)
	}
	if n := len(list); n > 1 && list[n-1].Text == "" && !list[n-1].Marked { // behind the last line's end
		list = list[:n-1]
	}
	return list
}

// Caret returns the space before a column of a line, and a caret.
func Caret(line string, column int) string {
	const longest = 200
	if column < 1 || column > min(len(line), longest) {
		return ""
	}
	var pad strings.Builder
	for _, r := range line[:column-1] {
		if r == '\t' {
			pad.WriteByte('\t')
		} else {
			pad.WriteByte(' ')
		}
	}
	return pad.String() + "^"
}

// Lines are the excerpt as text: "> 12 | return nil".
func (e *Explanation) Lines() (list []string) {
	excerpt := e.Excerpt()
	if len(excerpt) == 0 {
		return nil
	}
	width := len(strconv.Itoa(excerpt[len(excerpt)-1].Number))
	for _, l := range excerpt {
		mark := " "
		if l.Marked {
			mark = ">"
		}
		list = append(list, strings.TrimRight(fmt.Sprintf("%s %*d | %s", mark, width, l.Number, l.Text), " \t"))
		if l.Caret != "" {
			list = append(list, fmt.Sprintf("  %*s | %s", width, "", l.Caret))
		}
	}
	return list
}

// String is the explanation as lines of text, each with a line break before it.
func (e *Explanation) String() string {
	var text strings.Builder
	for _, line := range e.Lines() {
		text.WriteString("\n" + line)
	}
	if e.Hint != "" {
		text.WriteString("\nhint: " + e.Hint)
	}
	if len(e.Frames) > 0 {
		text.WriteString("\nstack traceback:")
		for _, f := range e.Frames {
			text.WriteString("\n\t" + f.Text)
		}
	}
	return text.String()
}

// tokenColumn returns the column of a token in a line, when the scanner stands at a column:
// the token's first byte or its last one; 0 if it is neither.
func tokenColumn(line, token string, column int) int {
	switch {
	case token == "" || column < 1 || column > len(line):
		return 0
	case strings.HasSuffix(line[:column], token):
		return column - len(token) + 1
	case strings.HasPrefix(line[column-1:], token):
		return column
	case !utf8.RuneStart(line[column-1]):
		return 0
	}
	return column // a string, whose token is its value
}
