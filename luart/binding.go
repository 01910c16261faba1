package luart

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// binding is a local variable, with the one declared before it.
type binding struct {
	outer   *binding
	name    string
	value   ast.Expr // what it was declared with; nil: nothing, or not known
	kind    objectKind
	likely  bool // kind is what the name of a parameter says
	changed bool // it is assigned to somewhere
}

// objectKind says which of our objects a local variable holds.
type objectKind string

const (
	kindCtx objectKind = "ctx"
	kindRes objectKind = "res"
	kindAPI objectKind = "api"
)

// find returns the local variable of a name, nil if there is none.
func (b *binding) find(name string) *binding {
	for ; b != nil; b = b.outer {
		if b.name == name {
			return b
		}
	}
	return nil
}

// isHandler reports whether what is assigned to is below api, and in which list of hooks.
func (w *siteWalk) isHandler(to ast.Expr) (hook string, ok bool) {
	if _, isGet := to.(*ast.AttrGetExpr); !isGet {
		return "", false
	}
	return below(to, w.scope)
}

// below reports whether an expression is api, or what is found below it by fields, by api:at and
// by locals that hold it; and in which list of hooks.
func below(e ast.Expr, scope *binding) (hook string, ok bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		b := scope.find(e.Value)
		switch {
		case b == nil || b.changed:
			return "", false
		case b.kind == kindAPI:
			return "", true
		}
		return below(b.value, b.outer)
	case *ast.AttrGetExpr:
		hook, ok = below(e.Object, scope)
		if key, isString := e.Key.(*ast.StringExpr); isString {
			switch {
			case key.Value == "on_error" || slices.Contains(lifeHooks, key.Value):
				return "", false // its parameters are others
			case hook == "" && (key.Value == "before" || key.Value == "after"):
				hook = key.Value
			}
		}
		return hook, ok
	case *ast.FuncCallExpr:
		return "", isAtCall(e) && scope.kindOf(e.Receiver) == kindAPI
	}
	return "", false
}

// isAtCall reports whether an expression is x:at(…), which of api is a node.
func isAtCall(e *ast.FuncCallExpr) bool { return e.Receiver != nil && e.Method == nodeBuilder }

// kindOf returns which of our objects an expression is, empty for none that is sure.
func (w *siteWalk) kindOf(e ast.Expr, scope *binding) (kind objectKind, likely bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		kind = scope.kindOf(e)
		return kind, kind != "" && !scope.sure(e)
	case *ast.FuncCallExpr:
		if isServerCall(e) {
			return kindAPI, false
		}
		if e.Receiver != nil && scope.kindOf(e.Receiver) == kindCtx && (e.Method == "next" || e.Method == "proxy") {
			return kindRes, !scope.sure(e.Receiver)
		}
	}
	return "", false
}

// kindOf returns which of our objects a name stands for, empty for none.
func (b *binding) kindOf(e ast.Expr) objectKind {
	ident, ok := e.(*ast.IdentExpr)
	if !ok {
		return ""
	}
	found := b.find(ident.Value)
	if found == nil || found.changed {
		return ""
	}
	return found.kind
}

// sure reports whether a name stands for what kindOf says, whoever calls its function.
func (b *binding) sure(e ast.Expr) bool {
	ident, ok := e.(*ast.IdentExpr)
	if !ok || b.kindOf(e) == "" {
		return false
	}
	return !b.find(ident.Value).likely
}
