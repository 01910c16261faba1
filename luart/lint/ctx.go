package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// ctxCall is for methods of ctx that do nothing where they are called.
func (c *checker) ctxCall(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if s.scope.KindOf(e.Receiver) != chunk.KindCtx || !s.scope.Sure(e.Receiver) || !slices.Contains(c.o.Names.Methods[chunk.KindCtx], e.Method) {
		return
	}
	report := func(severity Severity, code, message, remedy string) {
		words := append(wordsOf(e.Receiver), ":", e.Method)
		line, column := f.place(e.Line(), e.LastLine()+e.Line(), len(words)-1, words...)
		c.add(f.File, line, column, severity, code, message, remedy)
	}
	name := hint.Text(e.Receiver) + ":" + e.Method
	c.surplus(e, name, report)
	c.changeInAfter(e, s, name, report)
	if !slices.Contains(c.o.DoneMethods, e.Method) && c.hookOf(e.Receiver, s) == "done" {
		report(Error, "not-in-done", fmt.Sprintf("%s cannot be used in a done hook: the request is over", name),
			"keep what the hook needs of the request with ctx:set before")
	}
	if (e.Method == "set_header" || e.Method == "add_header") && len(e.Args) > 0 {
		if header, ok := e.Args[0].(*ast.StringExpr); ok && luart.SetByCaddy(header.Value) {
			report(Warning, "forwarded-header", fmt.Sprintf("reverse_proxy sets %s itself, and drops what %s has put there", header.Value, name),
				fmt.Sprintf(`give it to api.proxy(to, { headers = { [%q] = … } }), or set it by header_up in the Caddyfile`, strings.TrimSpace(header.Value)))
		}
	}
}
