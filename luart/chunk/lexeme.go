package chunk

import (
	"regexp"
	"strings"

	"github.com/yuin/gopher-lua/parse"
)

// Lexeme is a name, a keyword or a sign of a source, and where it is.
type Lexeme struct {
	Text   string
	name   bool // an identifier
	Line   int
	Column int // in bytes from 1
}

// Lexemes takes a file apart: gopher-lua's statements know lines, not columns. Strings and
// numbers are left out.
func (f *File) Lexemes() (list []Lexeme) {
	text := f.Text
	if strings.HasPrefix(text, "#!") {
		text = "--" + text[2:]
	}
	lines := f.Lines()
	scanner := parse.NewScanner(strings.NewReader(text), f.Name)
	var lexer parse.Lexer
	for {
		t, err := scanner.Scan(&lexer)
		if err != nil || t.Type < 0 {
			return list
		}
		lexer.PrevTokenType = t.Type
		if t.Type == parse.TString || t.Type == parse.TNumber || t.Pos.Line > len(lines) {
			continue
		}
		if t.Type == '.' { // the only one whose text the scanner leaves out
			t.Str = "."
		}
		column := tokenColumn(lines[t.Pos.Line-1], t.Str, t.Pos.Column)
		list = append(list, Lexeme{t.Str, t.Type == parse.TIdent, t.Pos.Line, column})
	}
}

var ignoreComment = regexp.MustCompile(`--\s*rover:\s*ignore\b([\w\s,-]*)`)

// Ignores reports whether a comment on the line, or one that is all of the line before it,
// turns a code off: "-- rover: ignore dropped-response", or without a code all of them.
func (f *File) Ignores(line int, code string) bool {
	lines := f.Lines()
	for n := line; n >= max(line-1, 1) && n <= len(lines); n-- {
		text := lines[n-1]
		if n < line && !strings.HasPrefix(strings.TrimSpace(text), "--") {
			break
		}
		m := ignoreComment.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		codes := strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		if len(codes) == 0 {
			return true
		}
		for _, c := range codes {
			if c == code {
				return true
			}
		}
	}
	return false
}
