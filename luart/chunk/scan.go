package chunk

import (
	"bytes"
	"strings"

	"github.com/caddy-rover/rover/luart/luaval"
)

// lexer reads source as C Lua's does, before gopher-lua's reads it, which is less strict: it takes
// '\300', {1,,2} and 1and 2 for Lua, and a call whose parenthesis stands on the next line, which C
// Lua refuses because it may have been meant as a statement. It knows neither form feeds as white
// space nor the comment "--[=". Not safe for concurrent use.
type lexer struct {
	source []byte
	own    bool // source is a copy
	at     int
	line   int
	err    *SyntaxError // the first

	// The innermost bracket is the last: ( [ { of source, p of parameters, b of a block.
	open     []byte
	callArgs []bool // whether a bracket that is open follows what can be called

	prefix bool // the last token ends what can be called
	ended  int  // the line where it ends
	last   byte // it is a separator, or an opening brace; else 0
	names  bool // names follow that nothing can call: of a local statement, of a label
	header bool // the name of a function, and its parameters, follow
}

// readSource returns source with blanks in the place of what gopher-lua cannot read, or what is
// wrong with it. What is wrong as well for gopher-lua is left to it.
func readSource(source []byte, name string) ([]byte, *SyntaxError) {
	l := &lexer{source: source, line: 1, ended: 1}
	for l.err == nil && l.at < len(l.source) && l.next() {
	}
	if l.err != nil {
		l.err.File = name
		return nil, l.err
	}
	return l.source, nil
}

func (l *lexer) fail(from int, message string) {
	l.err = &SyntaxError{
		Line: l.line, Message: message + " near '" + luaval.Shown(string(l.source[from:l.at])) + "'",
		Column: from - bytes.LastIndexByte(l.source[:from], '\n'),
	}
}

// blank overwrites a byte that gopher-lua would misread. The source may be the caller's.
func (l *lexer) blank(at int) {
	if !l.own {
		l.source, l.own = bytes.Clone(l.source), true
	}
	l.source[at] = ' '
}

func (l *lexer) peek(offset int) byte {
	if l.at+offset < len(l.source) {
		return l.source[l.at+offset]
	}
	return 0
}

// next reads one token, or what stands between tokens. It returns false where gopher-lua finds an
// error.
func (l *lexer) next() bool {
	start := l.at
	switch c := l.source[l.at]; {
	case c == '\n' || c == '\r':
		l.newline()
	case c == '\f' || c == '\v':
		l.blank(l.at)
		l.at++
	case c == ' ' || c == '\t':
		l.at++
	case c == '-' && l.peek(1) == '-':
		return l.comment()
	case isLetter(c):
		for l.at < len(l.source) && (isLetter(l.source[l.at]) || isDigit(l.source[l.at])) {
			l.at++
		}
		l.word(string(l.source[start:l.at]))
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		l.number()
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '[' && (l.peek(1) == '[' || l.peek(1) == '='):
		if !l.long() {
			return false
		}
		l.token(l.prefix)
	default:
		l.symbol(c)
	}
	return true
}

// newline passes over the end of a line, which may be two bytes.
func (l *lexer) newline() {
	if second := l.peek(1); second != l.source[l.at] && (second == '\n' || second == '\r') {
		l.at++
	}
	l.at++
	l.line++
}

// token is told of each token behind its end.
func (l *lexer) token(prefix bool) {
	l.prefix, l.ended, l.last = prefix, l.line, 0
	l.names = false
}

func (l *lexer) comment() bool {
	l.at += 2
	if c := l.peek(1); l.peek(0) == '[' && (c == '[' || c == '=') {
		end := l.at + 1
		for end < len(l.source) && l.source[end] == '=' {
			end++
		}
		if end < len(l.source) && l.source[end] == '[' {
			return l.long()
		}
		l.blank(l.at) // a comment up to the end of the line
	}
	for l.at < len(l.source) && l.source[l.at] != '\n' && l.source[l.at] != '\r' {
		l.at++
	}
	return true
}

// long passes over a long bracket of any level.
func (l *lexer) long() bool {
	level := 0
	for l.at++; l.peek(0) == '='; l.at++ {
		level++
	}
	end := []byte("]" + strings.Repeat("=", level) + "]")
	length := bytes.Index(l.source[l.at:], end)
	if l.peek(0) != '[' || length < 0 {
		return false
	}
	for stop := l.at + length; l.at < stop; {
		if c := l.source[l.at]; c == '\n' || c == '\r' {
			l.newline()
		} else {
			l.at++
		}
	}
	l.at += len(end)
	return true
}

func (l *lexer) quoted(quote byte) bool {
	start := l.at
	for l.at++; l.at < len(l.source) && l.source[l.at] != quote; {
		switch c := l.source[l.at]; {
		case c == '\n' || c == '\r':
			return false
		case c == '\\' && l.at+1 < len(l.source):
			if l.at++; l.source[l.at] == '\n' || l.source[l.at] == '\r' {
				l.newline()
			} else if !isDigit(l.source[l.at]) {
				l.at++
			} else if !l.decimal() {
				l.fail(start, "escape sequence too large")
				return false
			}
		default:
			l.at++
		}
	}
	l.at++
	l.token(l.prefix) // the argument of a call
	return l.at <= len(l.source)
}

// decimal passes over the digits of an escape, and says whether they spell a byte.
func (l *lexer) decimal() bool {
	n := 0
	for i := 0; i < 3 && isDigit(l.peek(0)); i++ {
		n = n*10 + int(l.source[l.at]-'0')
		l.at++
	}
	return n <= 255
}

// number reads a numeral as long as C Lua's lexer does: 3..2 and 1and are one.
func (l *lexer) number() {
	start := l.at
	for isDigit(l.peek(0)) || l.peek(0) == '.' {
		l.at++
	}
	if l.peek(0)|0x20 == 'e' {
		if l.at++; l.peek(0) == '+' || l.peek(0) == '-' {
			l.at++
		}
	}
	for isDigit(l.peek(0)) || isLetter(l.peek(0)) {
		l.at++
	}
	if _, ok := luaval.ParseNumber(string(l.source[start:l.at])); !ok {
		l.fail(start, "malformed number")
	}
	l.token(false)
}

func (l *lexer) word(word string) {
	names := l.names
	switch word {
	case "local", "goto":
		l.token(false)
		l.names = true
	case "function":
		l.token(false)
		l.header = true
		l.push('b', false)
	case "do", "if", "repeat":
		l.token(false)
		l.push('b', false)
	case "end", "until":
		l.token(false)
		l.pop()
	case "and", "break", "else", "elseif", "false", "for", "in", "nil", "not", "or", "return", "then",
		"true", "while":
		l.token(false)
	default:
		l.token(!names)
		l.names = names
	}
}

func (l *lexer) symbol(c byte) {
	start, names := l.at, l.names
	l.at++
	inBraces := len(l.open) > 0 && l.open[len(l.open)-1] == '{'
	switch c {
	case '(':
		switch {
		case l.header:
			l.push('p', false)
		case l.prefix && l.ended != l.line:
			l.fail(start, "ambiguous syntax (function call x new statement)")
		default:
			l.push('(', false)
		}
		l.header = false
		l.token(false)
	case '{':
		l.push('{', l.prefix)
		l.token(false)
		l.last = c
	case '[':
		l.push('[', false)
		l.token(false)
	case ')':
		bracket, _ := l.pop()
		l.token(bracket != 'p')
	case ']':
		l.pop()
		l.token(true)
	case '}':
		_, called := l.pop()
		l.token(called)
	case ',', ';':
		if inBraces && l.last != 0 {
			l.fail(start, "unexpected symbol")
		}
		l.token(false)
		l.last, l.names = c, names && c == ','
	case '.':
		for l.peek(0) == '.' && l.at-start < 3 {
			l.at++
		}
		l.token(false)
	default:
		l.token(false)
	}
}

func (l *lexer) push(bracket byte, called bool) {
	l.open, l.callArgs = append(l.open, bracket), append(l.callArgs, called)
}

// pop closes the innermost bracket. Where none is open gopher-lua finds the error.
func (l *lexer) pop() (bracket byte, called bool) {
	n := len(l.open) - 1
	if n < 0 {
		return 0, false
	}
	bracket, called = l.open[n], l.callArgs[n]
	l.open, l.callArgs = l.open[:n], l.callArgs[:n]
	return bracket, called
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
