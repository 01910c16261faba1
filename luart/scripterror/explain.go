package scripterror

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/chunk"
)

// LogFields are what a log line says of the error beside the message and the traceback.
func LogFields(e *chunk.Explanation) (list []zap.Field) {
	if source := e.SourceLine(); source != "" {
		list = append(list, zap.String("source", source))
	}
	if e.Hint != "" {
		list = append(list, zap.String("hint", e.Hint))
	}
	return list
}

// Details returns what else there is to say of an error of Load of package luart, as lines of text with a
// line break before each: the source around it, a hint, the traceback. It is empty for
// errors that are not the script's.
func Details(err error) string {
	var syntax *chunk.SyntaxError
	var script *Error
	switch {
	case errors.As(err, &syntax) && syntax.About != nil:
		return syntax.About.String()
	case errors.As(err, &script) && script.about != nil:
		return script.about.String()
	}
	return ""
}

// Locate finds where the error is, and in what source, which About says from then on.
func (e *Error) Locate(sources *chunk.Files) *chunk.Explanation {
	if e.about != nil {
		return e.about
	}
	at := &chunk.Explanation{}
	e.about = at
	message := strings.TrimPrefix(e.Message, e.ended)
	at.File, at.Line, message = sources.Position(message)
	if inner, ok := strings.CutPrefix(message, `loading module "`); ok && at.File != nil {
		if _, inner, ok = strings.Cut(inner, `": `); ok {
			if file, line, _ := sources.Position(inner); file != nil {
				at.File, at.Line = file, line
				if b := file.Broken; b != nil && b.Line == line {
					at.Column, at.Hint = b.Column, file.SyntaxHint(b)
				}
			}
		}
	}
	lines := strings.Split(e.Traceback, "\n")
	for _, text := range lines[1:] { // the first is a heading
		f := chunk.Frame{Text: strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")}
		if f.Text == "(tailcall): ?" {
			f.Text = "(...tail calls...)"
		}
		file, line, _ := sources.Position(strings.TrimSpace(text))
		if file != nil {
			f.Source = strings.TrimSpace(file.LineAt(line))
			if at.File == nil {
				at.File, at.Line = file, line
			}
		}
		at.Frames = append(at.Frames, f)
	}
	return at
}
