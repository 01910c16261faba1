package luart

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// fieldsOf are what a log line says of the error beside the message and the traceback.
func fieldsOf(e *chunk.Explanation) (list []zap.Field) {
	if source := e.SourceLine(); source != "" {
		list = append(list, zap.String("source", source))
	}
	if e.Hint != "" {
		list = append(list, zap.String("hint", e.Hint))
	}
	return list
}

// Details returns what else there is to say of an error of Load, as lines of text with a
// line break before each: the source around it, a hint, the traceback. It is empty for
// errors that are not the script's. Any goroutine may call it.
func Details(err error) string {
	var syntax *chunk.SyntaxError
	var script *ScriptError
	switch {
	case errors.As(err, &syntax) && syntax.About != nil:
		return syntax.About.String()
	case errors.As(err, &script) && script.about != nil:
		return script.about.String()
	}
	return ""
}

// locate finds where a script error is, and in what source. Any goroutine may call it that
// owns err.
func (g *Generation) locate(err *ScriptError) *chunk.Explanation {
	if err.about != nil {
		return err.about
	}
	e := &chunk.Explanation{}
	err.about = e
	message := err.Message
	for _, why := range [...]error{budget.ErrBurst, budget.ErrMemory, errKilled, errStopping} {
		message = strings.TrimPrefix(message, why.Error()+": ")
	}
	e.File, e.Line, message = g.sources.Position(message)
	if inner, ok := strings.CutPrefix(message, `loading module "`); ok && e.File != nil {
		if _, inner, ok = strings.Cut(inner, `": `); ok {
			if file, line, _ := g.sources.Position(inner); file != nil {
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
		file, line, _ := g.sources.Position(strings.TrimSpace(text))
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

// explain is locate with a hint. Only the holder may call it.
func (g *Generation) explain(err *ScriptError) *chunk.Explanation {
	if err.about == nil {
		g.locate(err)
		if err.about.Hint == "" {
			err.about.Hint = g.hint(err)
		}
	}
	return err.about
}

// hint says what to do about a script error, empty when nothing is sure. Only the holder may
// call it.
func (g *Generation) hint(err *ScriptError) string {
	if err.killed {
		return ""
	}
	return hint.For(g.names(), &g.sources, err.Message, err.about)
}

// explainSyntax says what is to be said of a script that does not compile. Any goroutine
// may call it that owns err.
func (g *Generation) explainSyntax(err *chunk.SyntaxError) {
	f := g.sources.Get(err.File)
	if f == nil {
		return
	}
	err.About = &chunk.Explanation{File: f, Line: min(err.Line, len(f.Lines())), Column: err.Column, Hint: f.SyntaxHint(err)}
}
