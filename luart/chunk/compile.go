package chunk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/caddy-rover/rover/luart/glua"
	"github.com/caddy-rover/rover/luart/luac"
	"github.com/caddy-rover/rover/luart/luaval"
)

// SyntaxError says what is wrong with a piece of Lua source.
type SyntaxError struct {
	File    string // the chunk's name
	Line    int    // from 1
	Message string // "syntax error near 'x'"
	Column  int    // in bytes from 1; 0: not known

	About *Explanation // nil: there is no more to say
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Compile makes a function prototype of Lua source; name stands for it in messages and tracebacks.
// A first line that starts with "#!" and a UTF-8 byte order mark are passed over. Every error is a
// *SyntaxError.
func Compile(source []byte, name string) (*lua.FunctionProto, error) {
	return CompileFor(context.Background(), source, name)
}

// CompileFor is compile until a context ends: then it returns that one's error.
func CompileFor(ctx context.Context, source []byte, name string) (proto *lua.FunctionProto, err error) {
	line := 1
	defer func() {
		if reason := recover(); reason != nil {
			proto, err = nil, &SyntaxError{File: name, Line: line, Message: fmt.Sprintf("the compiler gave up: %v", reason)}
		}
	}()
	source = bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(source, []byte("#!")) {
		end := bytes.IndexByte(source, '\n')
		if end < 0 {
			end = len(source)
		}
		source = source[end:]
	}
	if bytes.HasPrefix(source, []byte("\x1bLua")) {
		return nil, &SyntaxError{File: name, Line: line, Message: "precompiled chunks are not supported"}
	}
	source, failed := readSource(source, name)
	if failed != nil {
		return nil, failed
	}
	stmts, err := parse.Parse(&endingReader{ctx, bytes.NewReader(source)}, name)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, ParseError(err, source, name)
	}
	check := syntaxCheck{file: name, line: &line}
	if check.Block(stmts, 0); check.err != nil {
		return nil, check.err
	}
	proto, err = luac.Compile(ctx, stmts, name, numeral)
	var refused *luac.Error
	if errors.As(err, &refused) {
		return nil, &SyntaxError{File: name, Line: max(refused.Line, 1), Message: refused.Message}
	}
	if err == nil {
		glua.MarkMain(proto)
	}
	return proto, err
}

// endingReader is a reader that is at its end when a context is. Not safe for concurrent use.
type endingReader struct {
	ctx    context.Context
	source io.Reader
}

func (r *endingReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, io.EOF
	}
	return r.source.Read(p)
}

// numeral returns the number that a numeral in source spells.
func numeral(spelled string) (float64, error) {
	n, ok := luaval.ParseNumber(spelled)
	if !ok {
		return 0, fmt.Errorf("malformed number near '%s'", luaval.Shown(spelled))
	}
	return n, nil
}

// ParseError gives gopher-lua's syntax errors C Lua's form.
func ParseError(err error, source []byte, name string) *SyntaxError {
	var p *parse.Error
	if !errors.As(err, &p) {
		return &SyntaxError{File: name, Line: 1, Message: err.Error()}
	}
	e := &SyntaxError{File: name, Line: p.Pos.Line, Message: strings.ToLower(p.Message[:1]) + p.Message[1:]}
	switch e.Message {
	case "parse error":
		e.Message = "syntax error"
	case "unterminated string": // the scanner stands behind the line's end
		e.Line--
	}
	switch {
	case p.Pos.Line == parse.EOF:
		e.Line = lastLine(source)
		e.Message += " near '<eof>'"
	case p.Token != "":
		e.Message += " near '" + luaval.Shown(p.Token) + "'"
		f := File{Text: string(source)}
		if lines := f.Lines(); e.Line == p.Pos.Line && e.Line <= len(lines) {
			e.Column = tokenColumn(lines[e.Line-1], p.Token, p.Pos.Column)
		}
	}
	return e
}

// lastLine is the number of the last line of source, whose lines may end as on any system.
func lastLine(source []byte) int {
	l := lexer{source: source, line: 1}
	for l.at < len(source) {
		if c := source[l.at]; c == '\n' || c == '\r' {
			l.newline()
		} else {
			l.at++
		}
	}
	return l.line
}
