package luart

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"
)

// excerptLines are shown before and after the line of an error.
const excerptLines = 5

// explanation is what a person wants to know of an error: where it is, what stands there, and what to do.
type explanation struct {
	file         *sourceFile // nil: it is not known where
	line, column int         // column, in bytes from 1; 0: not known
	hint         string      // what to do; empty: nothing that is sure
	frames       []frame     // of the traceback, from the innermost call outwards
}

// frame is one line of a traceback.
type frame struct {
	text   string // "app.lua:12: in function 'f'"
	source string // the line of the file, empty if it is not known
}

// at is "app.lua:12", empty if it is not known.
func (e *explanation) at() string {
	if e.file == nil {
		return ""
	}
	return e.file.name + ":" + strconv.Itoa(e.line)
}

// source is the line of the error without its indentation.
func (e *explanation) source() string {
	if e.file == nil {
		return ""
	}
	return strings.TrimSpace(e.file.at(e.line))
}

// excerptLine is a line around an error.
type excerptLine struct {
	Number int
	Text   string
	Marked bool
	Caret  string // what to print below it, up to the column of the error; empty: nothing
}

func (e *explanation) excerpt() (list []excerptLine) {
	if e.file == nil {
		return nil
	}
	last := min(e.line+excerptLines, len(e.file.split()))
	for n := max(e.line-excerptLines, 1); n <= last; n++ {
		l := excerptLine{Number: n, Text: e.file.at(n), Marked: n == e.line}
		if l.Marked {
			l.Caret = caret(e.file.split()[n-1], e.column)
		}
		list = append(list, l)
	}
	if n := len(list); n > 1 && list[n-1].Text == "" && !list[n-1].Marked { // behind the last line's end
		list = list[:n-1]
	}
	return list
}

// caret returns the space before a column of a line, and a caret. Any goroutine may call it.
func caret(line string, column int) string {
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

// lines are the excerpt as text: "> 12 | return nil".
func (e *explanation) lines() (list []string) {
	excerpt := e.excerpt()
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
func (e *explanation) String() string {
	var text strings.Builder
	for _, line := range e.lines() {
		text.WriteString("\n" + line)
	}
	if e.hint != "" {
		text.WriteString("\nhint: " + e.hint)
	}
	if len(e.frames) > 0 {
		text.WriteString("\nstack traceback:")
		for _, f := range e.frames {
			text.WriteString("\n\t" + f.text)
		}
	}
	return text.String()
}

// fields are what a log line says of the error beside the message and the traceback.
func (e *explanation) fields() (list []zap.Field) {
	if source := e.source(); source != "" {
		list = append(list, zap.String("source", source))
	}
	if e.hint != "" {
		list = append(list, zap.String("hint", e.hint))
	}
	return list
}

// Details returns what else there is to say of an error of Load, as lines of text with a
// line break before each: the source around it, a hint, the traceback. It is empty for
// errors that are not the script's. Any goroutine may call it.
func Details(err error) string {
	var syntax *SyntaxError
	var script *ScriptError
	switch {
	case errors.As(err, &syntax) && syntax.about != nil:
		return syntax.about.String()
	case errors.As(err, &script) && script.about != nil:
		return script.about.String()
	}
	return ""
}

// locate finds where a script error is, and in what source. Any goroutine may call it that
// owns err.
func (g *Generation) locate(err *ScriptError) *explanation {
	if err.about != nil {
		return err.about
	}
	e := &explanation{}
	err.about = e
	message := err.Message
	for _, why := range [...]error{errBurst, errMemory, errKilled, errStopping} {
		message = strings.TrimPrefix(message, why.Error()+": ")
	}
	e.file, e.line, message = g.sources.position(message)
	if inner, ok := strings.CutPrefix(message, `loading module "`); ok && e.file != nil {
		if _, inner, ok = strings.Cut(inner, `": `); ok {
			if file, line, _ := g.sources.position(inner); file != nil {
				e.file, e.line = file, line
				if b := file.broken; b != nil && b.Line == line {
					e.column, e.hint = b.Column, file.syntaxHint(b)
				}
			}
		}
	}
	lines := strings.Split(err.Traceback, "\n")
	for _, text := range lines[1:] { // the first is a heading
		f := frame{text: strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")}
		if f.text == "(tailcall): ?" {
			f.text = "(...tail calls...)"
		}
		file, line, _ := g.sources.position(strings.TrimSpace(text))
		if file != nil {
			f.source = strings.TrimSpace(file.at(line))
			if e.file == nil {
				e.file, e.line = file, line
			}
		}
		e.frames = append(e.frames, f)
	}
	return e
}

// explain is locate with a hint. Only the holder may call it.
func (g *Generation) explain(err *ScriptError) *explanation {
	if err.about == nil {
		g.locate(err)
		if err.about.hint == "" {
			err.about.hint = g.hint(err)
		}
	}
	return err.about
}

// explainSyntax says what is to be said of a script that does not compile. Any goroutine
// may call it that owns err.
func (g *Generation) explainSyntax(err *SyntaxError) {
	f := g.sources.get(err.File)
	if f == nil {
		return
	}
	err.about = &explanation{file: f, line: min(err.Line, len(f.split())), column: err.Column, hint: f.syntaxHint(err)}
}

// tokenColumn returns the column of a token in a line, when the scanner stands at a column:
// the token's first byte or its last one; 0 if it is neither. Any goroutine may call it.
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
