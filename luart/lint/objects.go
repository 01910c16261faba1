package lint

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/spelling"
)

// objectType returns the type of luaval.NewType that an expression has for a value, if it has one
// and that is sure.
func (c *checker) objectType(f *checkedFile, e ast.Expr, scope *chunk.Binding) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if b := scope.Find(e.Value); b != nil && !b.Changed && b.Value != nil {
			if call, ok := b.Value.(*ast.FuncCallExpr); ok {
				return c.objectType(f, call, b.Outer)
			}
		}
	case *ast.FuncCallExpr:
		if e.Receiver != nil {
			if e.Method != "body" || !scope.Sure(e.Receiver) {
				return ""
			}
			return map[chunk.ObjectKind]string{chunk.KindCtx: "body", chunk.KindRes: "response body"}[scope.KindOf(e.Receiver)]
		}
		get, ok := e.Func.(*ast.AttrGetExpr)
		if !ok || !c.o.Names.FromLibrary(get, scope) {
			return ""
		}
		made, known := c.finder(f).Value(get, scope)
		rover, isTable := c.o.Names.Env.RawGetString("rover").(*lua.LTable)
		if !known || made == lua.LNil || !isTable {
			return ""
		}
		for path, kind := range c.o.Makers {
			var v lua.LValue = rover
			for _, key := range strings.Split(path, ".") {
				if t, ok := v.(*lua.LTable); ok {
					v = t.RawGetString(key)
				}
			}
			if v == made {
				return kind
			}
		}
	}
	return ""
}

// objectCall is for x:y(…) where x is an object of rover's.
func (c *checker) objectCall(f *checkedFile, e *ast.FuncCallExpr, s sighting, report func(code, message, remedy string)) {
	if c.o.Names.Env == nil {
		return
	}
	kind := c.objectType(f, e.Receiver, s.scope)
	names := c.o.Methods[kind]
	if kind == "" || names == nil {
		return
	}
	if slices.Contains(names, e.Method) {
		return
	}
	what := hint.Text(e.Receiver)
	if what == "" {
		what = "it"
	}
	remedy := spelling.DidYouMean(spelling.Nearest(e.Method, names))
	if remedy == "" {
		remedy = "there are: " + strings.Join(names, ", ")
	}
	report("unknown-field", fmt.Sprintf("%s is a %s, which has no method %s", what, kind, e.Method), remedy)
}

// settleHelpers makes sure of the parameters called ctx of local functions that are called
// with nothing but the ctx of a handler, and not used otherwise.
func (c *checker) settleHelpers(f *checkedFile) {
	type use struct {
		args  []ast.Expr
		scope *chunk.Binding
	}
	calls, escapes := map[*chunk.Binding][]use{}, map[*chunk.Binding]bool{}
	for _, s := range f.sightings {
		switch n := s.node.(type) {
		case *ast.FuncCallExpr:
			if ident, ok := n.Func.(*ast.IdentExpr); ok && n.Receiver == nil {
				if b := s.scope.Find(ident.Value); b != nil {
					calls[b] = append(calls[b], use{n.Args, s.scope})
				}
			}
		case *ast.IdentExpr:
			if b := s.scope.Find(n.Value); b != nil && s.role != roleCalled {
				escapes[b] = true
			}
		}
	}
	functions := map[ast.Expr]*function{}
	for _, s := range f.sightings {
		if fn, ok := s.node.(*function); ok {
			functions[fn.expr] = fn
		}
	}
	for again := true; again; { // a helper may call others
		again = false
		for b, uses := range calls {
			fn := functions[b.Value]
			if fn == nil || b.Changed || escapes[b] {
				continue
			}
			for i, param := range fn.params {
				if param.Kind != chunk.KindCtx || !param.Likely || param.Changed {
					continue
				}
				sure := !slices.ContainsFunc(uses, func(u use) bool {
					return i >= len(u.args) || u.scope.KindOf(u.args[i]) != chunk.KindCtx || !u.scope.Sure(u.args[i])
				})
				if sure {
					param.Likely, again = false, true
				}
			}
		}
	}
}
