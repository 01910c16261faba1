package html

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"github.com/caddy-rover/rover/luart/chunk"
)

// compileTemplate makes a function prototype of a template, nil when it has no tags. Every error is
// a *SyntaxError.
func compileTemplate(src string) (*lua.FunctionProto, error) {
	c := templateCompiler{src: src, line: 1}
	if len(src) > MaxBytes {
		return nil, templateError(1, "template too long: %d bytes, the limit is %d", len(src), MaxBytes)
	}
	if !strings.Contains(src, "{{") {
		return nil, nil
	}
	c.lua.WriteString("local " + outName + " = ... ")
	for c.pos < len(src) {
		text, _, found := strings.Cut(src[c.pos:], "{{")
		c.text(text)
		if !found {
			break
		}
		if err := c.tag(); err != nil {
			return nil, err
		}
	}
	proto, err := chunk.Compile([]byte(c.lua.String()), "template")
	var syntax *chunk.SyntaxError
	if errors.As(err, &syntax) {
		syntax.Message = strings.Replace(syntax.Message, "near '"+outName+"'", "at the end of the tag", 1)
		syntax.Message = strings.Replace(syntax.Message, "near '<eof>'", "at the end of the template: '{{ end }}' may be missing", 1)
	}
	return proto, err
}

// templateCompiler writes the Lua of a template, each line of it on the same line. What it writes
// for a text or a tag starts with a keyword or outName, so that none can go on where the one before
// it ends. Not safe for concurrent use.
type templateCompiler struct {
	src       string
	pos, line int // of the next byte
	lua       strings.Builder
	code      int // bytes of Lua in tags so far
	tags      int
}

// templateError returns a *SyntaxError.
func templateError(line int, format string, args ...any) error {
	return &chunk.SyntaxError{File: "template", Line: line, Message: fmt.Sprintf(format, args...)}
}

// text writes a piece of text. Not safe for concurrent use.
func (c *templateCompiler) text(text string) {
	c.pos += len(text)
	if text == "" {
		return
	}
	c.lua.WriteString(outName + `("`)
	for i := range len(text) {
		switch b := text[i]; b {
		case '"', '\\':
			c.lua.WriteByte('\\')
			c.lua.WriteByte(b)
		case '\n', '\r', 0:
			fmt.Fprintf(&c.lua, `\%03d`, b)
		default:
			c.lua.WriteByte(b)
		}
	}
	lines := strings.Count(text, "\n")
	c.lua.WriteString(`") ` + strings.Repeat("\n", lines))
	c.line += lines
}

// tag writes the tag that starts here. Not safe for concurrent use.
func (c *templateCompiler) tag() error {
	line, open, shut := c.line, "{{", "}}"
	if strings.HasPrefix(c.src[c.pos:], "{{{") {
		open, shut = "{{{", "}}}"
	}
	start := c.pos
	c.pos += len(open)
	code, err := c.scan(line, open, shut)
	if err != nil {
		return err
	}
	c.tags++
	c.code += len(code)
	word := luaWord(strings.TrimSpace(code))
	switch {
	case c.tags > MaxTags:
		return templateError(line, "too many tags: the limit is %d", MaxTags)
	case c.code > MaxCodeBytes:
		return templateError(line, "too much Lua in tags: the limit is %d bytes", MaxCodeBytes)
	case strings.Contains(code, outName):
		return templateError(line, "the name %s is reserved", outName)
	case strings.TrimSpace(code) == "":
		if strings.TrimSpace(c.src[start+len(open):c.pos-len(shut)]) == "" {
			return templateError(line, "empty tag")
		}
		c.lua.WriteString(code) // a comment's lines
		return nil
	case open == "{{{":
	case strings.Contains(" for if elseif else end while local repeat until do function ", " "+word+" ") && word != "":
		c.lua.WriteString(code + " ")
		return nil
	case word == "break" || word == "return": // these must be the last of a block
		c.lua.WriteString("do " + code + " end ")
		return nil
	}
	if err = c.expression(code, line); err == nil {
		fmt.Fprintf(&c.lua, "%s((%s), %t) ", outName, code, open == "{{")
		return nil
	}
	if _, bad := parse.Parse(strings.NewReader(code), "template"); bad == nil && open == "{{" { // an assignment
		c.lua.WriteString("do " + code + " end ")
		return nil
	}
	return err
}

// expression returns an error unless code is one expression. Not safe for concurrent use.
func (c *templateCompiler) expression(code string, line int) error {
	source := "return " + code
	stmts, err := parse.Parse(strings.NewReader(source), "template")
	if err != nil {
		syntax := chunk.ParseError(err, []byte(source), "template")
		syntax.Line += line - 1
		syntax.Message = strings.Replace(syntax.Message, "near '<eof>'", "at the end of the tag", 1)
		return syntax
	}
	if len(stmts) == 1 {
		if result, ok := stmts[0].(*ast.ReturnStmt); ok && len(result.Exprs) == 1 {
			return nil
		}
	}
	return templateError(line, "one expression expected in a tag")
}

// scan returns the Lua of a tag without its comments, and goes on behind the tag. The tag ends at
// the first shut that is not in a string, a long comment or braces of Lua's own. Not safe for
// concurrent use.
func (c *templateCompiler) scan(line int, open, shut string) (string, error) {
	var code strings.Builder
	depth := 0
	for c.pos < len(c.src) {
		rest := c.src[c.pos:]
		n, keep := 1, true
		switch {
		case depth == 0 && strings.HasPrefix(rest, shut):
			c.pos += len(shut)
			return code.String(), nil
		case rest[0] == '{':
			depth++
		case rest[0] == '}' && depth == 0:
			return "", templateError(c.line, "unexpected '}' in a tag that '%s' opened and '%s' must close", open, shut)
		case rest[0] == '}':
			depth--
		case rest[0] == '"' || rest[0] == '\'':
			if n = shortString(rest); n == 0 {
				return "", templateError(c.line, "unfinished string in a tag")
			}
		case strings.HasPrefix(rest, "--"):
			keep = false
			if level := longBracket(rest[2:]); level != "" {
				n = longEnd(rest, level)
			} else if n = strings.IndexByte(rest, '\n'); n < 0 || strings.Contains(rest[:n], shut) {
				n = strings.Index(rest, shut)
			}
			if n < 0 {
				return "", templateError(c.line, "unfinished comment in a tag")
			}
		case rest[0] == '[':
			if level := longBracket(rest); level != "" {
				if n = longEnd(rest, level); n < 0 {
					return "", templateError(c.line, "unfinished string in a tag")
				}
			}
		}
		lines := strings.Count(rest[:n], "\n")
		if keep {
			code.WriteString(rest[:n])
		} else {
			code.WriteString(" " + strings.Repeat("\n", lines))
		}
		c.line += lines
		c.pos += n
	}
	return "", templateError(line, "'%s' without '%s'", open, shut)
}

// luaWord returns the name or keyword that code starts with, "" when it starts with none.
func luaWord(code string) string {
	end := strings.IndexFunc(code+" ", func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	return code[:end]
}

// shortString returns the length of the quoted string that s starts with, 0 when it does not end on
// its line.
func shortString(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case s[0]:
			return i + 1
		case '\\':
			i++
		case '\n':
			return 0
		}
	}
	return 0
}

// longBracket returns the closing form, "]==]", of the long bracket that s starts with, "" when it
// starts with none.
func longBracket(s string) string {
	if !strings.HasPrefix(s, "[") {
		return ""
	}
	equals := s[1 : len(s)-len(strings.TrimLeft(s[1:], "="))]
	if !strings.HasPrefix(s[1+len(equals):], "[") {
		return ""
	}
	return "]" + equals + "]"
}

// longEnd returns the length of what ends in the closing bracket at the start of s, -1 when it is
// not there.
func longEnd(s, bracket string) int {
	if i := strings.Index(s, bracket); i >= 0 {
		return i + len(bracket)
	}
	return -1
}
