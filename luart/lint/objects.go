package lint

import (
	"fmt"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// secondValue says what the second value of a call is that looks as if it had one only.
func secondValue(kind string, e *ast.FuncCallExpr) string {
	switch call := kind + ":" + e.Method; {
	case e.AdjustRet:
		return ""
	case call == "channel:recv" && len(e.Args) > 0, call == "subscription:recv": // without a time a channel has a value, or is closed
		return "why there is no value"
	case call == "store:get":
		return "the version"
	}
	return ""
}

// objectCall is for x:y(…) where x is an object of rover's.
func (c *checker) objectCall(f *checkedFile, e *ast.FuncCallExpr, s sighting, report func(code, message, remedy string)) {
	if c.o.Names.Env == nil {
		return
	}
	kind := c.finder(f).TypeOf(e.Receiver, s.scope)
	names := c.o.Names.TypeMethods[kind]
	if kind == "" || names == nil {
		return
	}
	if slices.Contains(names, e.Method) {
		if second := secondValue(kind, e); second != "" && s.role == roleReturned && s.in != nil && s.in.handler {
			report("returned-second", fmt.Sprintf("the second value of %s, %s, is the status of what is returned", e.Method, second),
				"keep both in locals, and return the first, or an answer that says why there is none")
		}
		return
	}
	what := hint.Text(e.Receiver)
	if what == "" {
		what = "it"
	}
	report("unknown-field", fmt.Sprintf("%s is a %s, which has no method %s", what, kind, e.Method), hint.Instead(e.Method, names))
}

// objectDot is for x.y(…) where x is an object of rover's.
func (c *checker) objectDot(f *checkedFile, e *ast.FuncCallExpr, get *ast.AttrGetExpr, name string, s sighting, report func(code, message, remedy string)) {
	object := hint.Text(get.Object)
	if c.o.Names.Env == nil || object == "" || len(e.Args) > 0 && hint.Text(e.Args[0]) == object { // s.start(s, ctx)
		return
	}
	if slices.Contains(c.o.Names.TypeMethods[c.finder(f).TypeOf(get.Object, s.scope)], name) {
		report("dot-call", fmt.Sprintf("%s.%s is called with a dot", object, name), fmt.Sprintf("write %s:%s(…) with a colon", object, name))
	}
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
