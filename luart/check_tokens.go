package luart

import (
	"regexp"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// lexeme is a name, a keyword or a sign of a source, and where it is.
type lexeme struct {
	text   string
	name   bool // an identifier
	line   int
	column int // in bytes from 1
}

// tokens takes a file apart: gopher-lua's statements know lines, not columns. Strings and
// numbers are left out. Any goroutine may call it.
func (f *sourceFile) tokens() (list []lexeme) {
	text := f.text
	if strings.HasPrefix(text, "#!") {
		text = "--" + text[2:]
	}
	lines := f.split()
	scanner := parse.NewScanner(strings.NewReader(text), f.name)
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
		list = append(list, lexeme{t.Str, t.Type == parse.TIdent, t.Pos.Line, column})
	}
}

// place finds words that follow one another, from a line on and no later than another, and
// returns where the one at index is; the line and no column if there are none.
func (f *checkedFile) place(from, to, index int, words ...string) (line, column int) {
	for i, t := range f.tokens {
		if t.line < from || t.line > to || i < index || i+len(words)-index > len(f.tokens) {
			continue
		}
		found := true
		for j, word := range words {
			found = found && f.tokens[i-index+j].text == word
		}
		if found && (index > 0 || i == 0 || words[0] == "." || f.tokens[i-1].text != "." && f.tokens[i-1].text != ":") {
			return t.line, t.column
		}
	}
	return from, 0
}

// wordsOf are the words that a name with fields is written with.
func wordsOf(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return []string{e.Value}
	case *ast.AttrGetExpr:
		if key, ok := e.Key.(*ast.StringExpr); ok {
			if object := wordsOf(e.Object); object != nil {
				return append(object, ".", key.Value)
			}
		}
	}
	return nil
}

var ignoreComment = regexp.MustCompile(`--\s*rover:\s*ignore\b([\w\s,-]*)`)

// ignores reports whether a comment on the line, or one that is all of the line before it,
// turns a code off: "-- rover: ignore dropped-response", or without a code all of them.
func (f *sourceFile) ignores(line int, code string) bool {
	lines := f.split()
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
