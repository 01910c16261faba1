package lint

import "github.com/yuin/gopher-lua/ast"

// place finds words that follow one another, from a line on and no later than another, and
// returns where the one at index is; the line and no column if there are none.
func (f *checkedFile) place(from, to, index int, words ...string) (line, column int) {
	for i, t := range f.tokens {
		if t.Line < from || t.Line > to || i < index || i+len(words)-index > len(f.tokens) {
			continue
		}
		found := true
		for j, word := range words {
			found = found && f.tokens[i-index+j].Text == word
		}
		if found && (index > 0 || i == 0 || words[0] == "." || f.tokens[i-1].Text != "." && f.tokens[i-1].Text != ":") {
			return t.Line, t.Column
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
