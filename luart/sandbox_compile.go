package luart

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// SyntaxError says what is wrong with a piece of Lua source.
type SyntaxError struct {
	File    string // the chunk's name
	Line    int    // from 1
	Message string // "syntax error near 'x'"
	Column  int    // in bytes from 1; 0: not known

	about *explanation // nil: there is no more to say
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// compile makes a function prototype of Lua source; name stands for it in messages and tracebacks. A first line that
// starts with "#!" and a UTF-8 byte order mark are passed over. Every error is a *SyntaxError. Any goroutine may call
// it.
func compile(source []byte, name string) (proto *lua.FunctionProto, err error) {
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
	stmts, err := parse.Parse(bytes.NewReader(source), name)
	if err != nil {
		return nil, parseError(err, source, name)
	}
	check := syntaxCheck{file: name, line: &line}
	if check.block(stmts, 0); check.err != nil {
		return nil, check.err
	}
	if proto, err = lua.Compile(stmts, name); err != nil {
		var c *lua.CompileError
		if !errors.As(err, &c) {
			return nil, &SyntaxError{File: name, Line: line, Message: err.Error()}
		}
		return nil, &SyntaxError{File: name, Line: max(c.Line, 1), Message: c.Message}
	}
	if err := tidy(proto); err != nil {
		return nil, err
	}
	return proto, nil
}

// parseError gives gopher-lua's syntax errors C Lua's form. Any goroutine may call it.
func parseError(err error, source []byte, name string) *SyntaxError {
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
		e.Line = bytes.Count(source, []byte("\n")) + 1
		e.Message += " near '<eof>'"
	case p.Token != "":
		e.Message += " near '" + shown(p.Token) + "'"
		f := sourceFile{text: string(source)}
		if lines := f.split(); e.Line == p.Pos.Line && e.Line <= len(lines) {
			e.Column = tokenColumn(lines[e.Line-1], p.Token, p.Pos.Column)
		}
	}
	return e
}

// shown is a token as messages show it: its beginning, on one line. Any goroutine may call it.
func shown(token string) string {
	const longest = 40
	if len(token) > longest {
		token = token[:longest] + "..."
	}
	quoted := strconv.Quote(token)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// maxUpvalues is what one byte of gopher-lua's prototypes can count. It does not check, and runs garbage beyond.
const maxUpvalues = 255

// tidy checks what the compiler does not, and gives back the memory that it reserves: 18 KiB for a function of one
// line. Any goroutine may call it.
func tidy(proto *lua.FunctionProto) error {
	if len(proto.DbgUpvalues) > maxUpvalues {
		return &SyntaxError{
			File: proto.SourceName, Line: max(proto.LineDefined, 1),
			Message: fmt.Sprintf("function uses more than %d variables of the functions around it", maxUpvalues),
		}
	}
	proto.Code = trim(proto.Code)
	proto.Constants = trim(proto.Constants)
	proto.FunctionPrototypes = trim(proto.FunctionPrototypes)
	proto.DbgSourcePositions = trim(proto.DbgSourcePositions)
	proto.DbgLocals = trim(proto.DbgLocals)
	proto.DbgCalls = trim(proto.DbgCalls)
	proto.DbgUpvalues = trim(proto.DbgUpvalues)
	for _, child := range proto.FunctionPrototypes {
		if err := tidy(child); err != nil {
			return err
		}
	}
	return nil
}

func trim[S ~[]E, E any](s S) S { return slices.Clip(append(S(nil), s...)) }
