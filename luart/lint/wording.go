package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/spelling"
)

// words is for texts in the arguments of functions that know a few only: names of algorithms, of
// senders of webhooks.
func (c *checker) words(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if e.Receiver != nil {
		return
	}
	for name, words := range c.o.Words {
		if len(e.Args) >= words.Arg && c.finder(f).IsRover(e.Func, s.scope, strings.TrimPrefix(name, "rover.")) {
			c.word(f, e.Args[words.Arg-1], words.Names, fmt.Sprintf("argument %d of %s", words.Arg, name), s.scope)
			return
		}
	}
}

// word is for a text, or a list of texts, that are to be some of words.
func (c *checker) word(f *checkedFile, value ast.Expr, words []string, of string, scope *chunk.Binding) {
	if len(words) == 0 {
		return
	}
	switch value := c.finder(f).Origin(value, scope).(type) {
	case *ast.TableExpr:
		for _, field := range value.Fields {
			if text, ok := field.Value.(*ast.StringExpr); ok && field.Key == nil {
				c.word(f, text, words, of, scope)
			}
		}
	case *ast.StringExpr:
		if slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, value.Value) }) {
			return // some take both cases of letters, and the others say what is wrong
		}
		source, column := f.LineAt(value.Line()), 1
		for _, quote := range []string{`"`, "'"} {
			if at := strings.Index(source, quote+value.Value+quote); at >= 0 {
				column = at + 1
				break
			}
		}
		c.add(f.File, value.Line(), column, Error, "unknown-value", fmt.Sprintf("%.60q is no value of %s", value.Value, of),
			cmp.Or(spelling.DidYouMean(spelling.Nearest(value.Value, words)), "there are "+strings.Join(words, ", ")))
	}
}

// changes are the methods of ctx that change the request and return ctx, for the next one.
var changes = []string{
	"rewrite", "strip_prefix", "set_query", "set_host", "set_method", "set_header", "add_header", "remove_header", "set_body", "upstream", "set",
}

// returnedChange is for return ctx:rewrite(…) in a route. It answers nothing, and sends the request
// nowhere: the path is for who gets the request next, and nobody does.
func (c *checker) returnedChange(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if s.role != roleReturned || s.in == nil || !s.in.isRoute() || e.Receiver == nil || !slices.Contains(changes, e.Method) {
		return
	}
	ctx := e.Receiver
	for { // ctx:rewrite("/x"):set_header("A", "b")
		call, ok := ctx.(*ast.FuncCallExpr)
		if !ok || call.Receiver == nil || !slices.Contains(changes, call.Method) {
			break
		}
		ctx = call.Receiver
	}
	if s.scope.KindOf(ctx) != chunk.KindCtx || !s.scope.Sure(ctx) {
		return
	}
	name := hint.Text(ctx) + ":" + e.Method
	line, column := f.place(e.Line(), e.LastLine()+e.Line(), 0, "return")
	c.add(f.File, line, column, Error, "returned-change", name+" changes the request, and is no answer to it",
		fmt.Sprintf("write %s(…), and then return api.pass() or return api.proxy(…), which sends the request on", name))
}
