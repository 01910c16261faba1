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
func (err *Error) Locate(sources *chunk.Files) *chunk.Explanation {
	if err.about != nil {
		return err.about
	}
	e := &chunk.Explanation{}
	err.about = e
	message := strings.TrimPrefix(err.Message, err.ended)
	e.File, e.Line, message = sources.Position(message)
	if inner, ok := strings.CutPrefix(message, `loading module "`); ok && e.File != nil {
		if _, inner, ok = strings.Cut(inner, `": `); ok {
			if file, line, _ := sources.Position(inner); file != nil {
				e.File, e.Line = file, line
				if b := file.Broken; b != nil && b.Line == line {
					e.Column, e.Hint = b.Column, file.SyntaxHint(b)
				}
			}
		}
	}
	lines := strings.Split(err.Traceback, "\n")
	for _, text := range lines[1:] { // the first is a heading
		f := chunk.Frame{Text: strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")}
		if f.Text == "(tailcall): ?" {
			f.Text = "(...tail calls...)"
		}
		file, line, _ := sources.Position(strings.TrimSpace(text))
		if file != nil {
			f.Source = strings.TrimSpace(file.LineAt(line))
			if e.File == nil {
				e.File, e.Line = file, line
			}
		}
		e.Frames = append(e.Frames, f)
	}
	return e
}
