package lint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// What people write who come from other languages and frameworks, where it works.

// secondParameter is for res:x(…) in function api.get(ctx, res): a route gets the request only.
func (c *checker) secondParameter(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	ident, ok := e.Receiver.(*ast.IdentExpr)
	if !ok {
		return
	}
	b := s.scope.Find(ident.Value)
	for in := s.in; in != nil && b != nil; in = in.outer {
		if len(in.params) < 2 || in.params[1] != b {
			continue
		}
		if b.Changed || !in.isRoute() || c.routesOf(f, in) == nil {
			return
		}
		words := append(wordsOf(e.Receiver), ":", e.Method)
		line, column := f.place(e.Line(), e.LastLine()+e.Line(), len(words)-1, words...)
		c.add(f.File, line, column, Error, "bad-argument", fmt.Sprintf("%s is nil: a route gets the request only", ident.Value),
			"return the answer: return api.text(…):set_header(…)")
		return
	}
}

// headerTable is for set_header { A = 1 }.
func (c *checker) headerTable(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	if e.Method != "set_header" && e.Method != "add_header" || len(e.Args) != 1 {
		return
	}
	kind := s.scope.KindOf(e.Receiver)
	if _, isTable := e.Args[0].(*ast.TableExpr); !isTable || kind != chunk.KindCtx && kind != chunk.KindRes || !s.scope.Sure(e.Receiver) {
		return
	}
	words := append(wordsOf(e.Receiver), ":", e.Method)
	line, column := f.place(e.Line(), e.LastLine()+e.Line(), len(words)-1, words...)
	c.add(f.File, line, column, Error, "bad-argument", strings.Join(words, "")+" takes a name and a value, not a table",
		fmt.Sprintf("write %s(name, value) for each", strings.Join(words, "")))
}

// proxyAddress is for api.proxy(3000) and api.proxy("http://a:1/path").
func (c *checker) proxyAddress(f *checkedFile, e *ast.FuncCallExpr, s sighting) {
	get, ok := e.Func.(*ast.AttrGetExpr)
	if !ok || e.Receiver != nil || len(e.Args) == 0 || s.scope.KindOf(get.Object) != chunk.KindAPI || !s.scope.Sure(get.Object) {
		return
	}
	if key, ok := get.Key.(*ast.StringExpr); !ok || key.Value != "proxy" {
		return
	}
	report := func(message, remedy string) {
		words := wordsOf(e.Func)
		line, column := f.place(e.Line(), e.Line()+20, len(words)-1, words...)
		c.add(f.File, line, column, Error, "bad-argument", message, remedy)
	}
	switch to := e.Args[0].(type) {
	case *ast.NumberExpr:
		report("api.proxy takes an address, not a number", fmt.Sprintf(`write api.proxy "localhost:%s"`, to.Value))
	case *ast.StringExpr:
		if c.o.CheckUpstream == nil {
			return
		}
		if err := c.o.CheckUpstream(to.Value); err != nil {
			remedy := ""
			if _, rest, isURL := strings.Cut(to.Value, "://"); isURL && strings.Contains(rest, "/") {
				remedy = "an address has no path: ctx:rewrite changes that of the request"
			}
			report("api.proxy: "+err.Error(), remedy)
		}
	}
}

// bodyField is for ctx:body().name.
func (c *checker) bodyField(f *checkedFile, e *ast.AttrGetExpr, s sighting) {
	call, ok := e.Object.(*ast.FuncCallExpr)
	key, isString := e.Key.(*ast.StringExpr)
	if !ok || !isString || call.Receiver == nil || call.Method != "body" || len(call.Args) > 0 ||
		s.scope.KindOf(call.Receiver) != chunk.KindCtx || !s.scope.Sure(call.Receiver) {
		return
	}
	line, column := f.place(key.Line(), key.Line(), 1, ".", key.Value)
	body := hint.Text(call.Receiver) + ":body()"
	c.add(f.File, line, column, Error, "unknown-field", fmt.Sprintf("%s has no field %s", body, key.Value),
		fmt.Sprintf("write %s:json().%s, or %[1]s:form().%[2]s", body, key.Value))
}

// addedString is for "a" + b.
func (c *checker) addedString(f *checkedFile, e *ast.ArithmeticOpExpr) {
	if e.Operator != "+" {
		return
	}
	for _, side := range []ast.Expr{e.Lhs, e.Rhs} {
		text, ok := side.(*ast.StringExpr)
		if !ok {
			continue
		}
		if _, err := strconv.ParseFloat(strings.TrimSpace(text.Value), 64); err == nil {
			continue // Lua takes it for the number
		}
		line, column := f.place(e.Line(), e.Line(), 0, "+")
		c.add(f.File, line, column, Error, "bad-argument", fmt.Sprintf("+ adds numbers: %q is none", text.Value), "write .. to join strings")
		return
	}
}
