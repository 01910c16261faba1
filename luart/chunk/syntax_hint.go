package chunk

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// MaxHintBytes is the longest source that is parsed for a hint: it takes 20 ms.
const MaxHintBytes = 256 << 10

// tokenHints are what people write who come from other languages, where Lua's parser gives
// up at it.
var tokenHints = []struct{ token, hint string }{
	{"!=", "Lua writes ~= for !="},
	{"!", "Lua writes not for !"},
	{"&&", "Lua writes and for &&"},
	{"||", "Lua writes or for ||"},
	{"++", "Lua has no ++: write n = n + 1"},
	{"+=", "Lua has no +=: write n = n + 1"},
	{"-=", "Lua has no -=: write n = n - 1"},
	{"*=", "Lua has no *=: write n = n * 2"},
	{"/=", "Lua has no /=: write n = n / 2; not equal is ~="},
}

// SyntaxHint says what to do about source that does not parse, empty when nothing is sure.
func (f *File) SyntaxHint(err *SyntaxError) string {
	if len(f.Text) > MaxHintBytes || strings.HasPrefix(f.Text, "#!") {
		return ""
	}
	if strings.HasSuffix(err.Message, "near '<eof>'") {
		return f.missingHint()
	}
	lines := f.Lines()
	if err.Line > len(lines) || err.Column < 1 || err.Column > len(lines[err.Line-1]) {
		return ""
	}
	line := lines[err.Line-1]
	before, rest := line[:err.Column-1], line[err.Column-1:]
	for _, h := range tokenHints {
		if strings.HasPrefix(rest, h.token) {
			return h.hint
		}
	}
	if why := foreignHint(before, rest); why != "" {
		return why
	}
	if rest[0] == '=' && !strings.HasPrefix(rest, "==") {
		if first, _, _ := strings.Cut(strings.TrimSpace(before), " "); first == "if" || first == "elseif" || first == "while" || first == "until" {
			if !strings.Contains(before, "=") && !strings.Contains(before, "then") && !strings.Contains(before, " do") {
				return "= assigns; == compares"
			}
		}
	}
	return f.tooMuchHint(err, rest)
}

// missingHint finds what a source that ends too early lacks: what makes it parse.
func (f *File) missingHint() string {
	if elseIf.MatchString(f.Text) && f.parses(elseIf.ReplaceAllString(f.Text, "elseif")) != nil {
		return "else if opens another block, which needs an end of its own: write elseif"
	}
	for _, missing := range [...]string{"end", "end end", "end end end", "end)", ")", "}", "until true"} {
		if f.parses(f.Text+"\n"+missing) == nil {
			continue
		}
		switch missing {
		case "end", "end end", "end end end":
			return "a block is open at the end of the file: a function, if, for, while or do lacks its end"
		case "end)":
			return `a call is open at the end of the file: a function in its arguments lacks "end)"`
		case "until true":
			return "a repeat is open at the end of the file: it lacks its until"
		}
		return `a bracket is open at the end of the file: "` + missing + `" is missing`
	}
	return ""
}

// tooMuchHint tells what is wrong with a token behind a chunk that is complete without it,
// or would be with the ends that follow.
func (f *File) tooMuchHint(err *SyntaxError, rest string) string {
	lines := f.Lines()
	inLine := lines[err.Line-1][:err.Column-1]
	before := strings.Join(lines[:err.Line-1], "\n") + "\n" + inLine
	isEnd := Word(rest) == "end"
	for open := range 4 { // blocks
		if stmts := f.parses(before + strings.Repeat(" end", open)); stmts != nil {
			switch {
			case isEnd && open == 0:
				return "this end closes nothing: there is one too many, or the block was closed before"
			case !isEnd && strings.TrimSpace(inLine) == "" && returns(stmts, open):
				return "return must be the last statement of its block"
			}
			return ""
		}
	}
	return ""
}

// returns reports whether the innermost of the blocks that are last in a chunk ends with a
// return.
func returns(stmts []ast.Stmt, blocks int) bool {
	for ; len(stmts) > 0; blocks-- {
		last := stmts[len(stmts)-1]
		if blocks == 0 {
			_, ok := last.(*ast.ReturnStmt)
			return ok
		}
		switch s := last.(type) {
		case *ast.FuncDefStmt:
			stmts = s.Func.Stmts
		case *ast.DoBlockStmt:
			stmts = s.Stmts
		case *ast.WhileStmt:
			stmts = s.Stmts
		case *ast.NumberForStmt:
			stmts = s.Stmts
		case *ast.GenericForStmt:
			stmts = s.Stmts
		case *ast.IfStmt:
			if stmts = s.Then; len(s.Else) > 0 {
				stmts = s.Else
			}
		default:
			return false
		}
	}
	return false
}

// Word returns the letters that a text begins with.
func Word(text string) string {
	for i, r := range text {
		if !isNameRune(r) {
			return text[:i]
		}
	}
	return text
}

// parses returns the statements of a source, nil if it does not parse or has none.
func (f *File) parses(source string) (stmts []ast.Stmt) {
	defer func() {
		if recover() != nil { // gopher-lua's parser panics for its errors
			stmts = nil
		}
	}()
	stmts, err := parse.Parse(strings.NewReader(source), f.Name)
	if err != nil {
		return nil
	}
	return stmts
}

// EndHint says how a script ends that ran to its end and is none.
func (f *File) EndHint() string {
	const begin = `a script begins with "local api = rover.server {}" and ends with "return api"`
	if len(f.Text) > MaxHintBytes {
		return begin
	}
	stmts := f.parses(f.Text)
	for _, stmt := range stmts {
		s, ok := stmt.(*ast.LocalAssignStmt)
		if !ok || len(s.Names) != 1 || len(s.Exprs) != 1 || !isServerCall(s.Exprs[0]) {
			continue
		}
		if _, ok := stmts[len(stmts)-1].(*ast.ReturnStmt); ok {
			return `return ` + s.Names[0] + `, what rover.server returned`
		}
		return `add "return ` + s.Names[0] + `" as the last line`
	}
	return begin
}

// isServerCall reports whether an expression is rover.server(…).
func isServerCall(e ast.Expr) bool {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return false
	}
	get, ok := call.Func.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	object, isIdent := get.Object.(*ast.IdentExpr)
	key, isString := get.Key.(*ast.StringExpr)
	return isIdent && isString && object.Value == "rover" && key.Value == "server"
}

func isNameRune(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
