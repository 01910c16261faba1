package chunk

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/route"
)

// Binding is a local variable, with the one declared before it.
type Binding struct {
	Outer   *Binding
	Name    string
	Value   ast.Expr // what it was declared with; nil: nothing, or not known
	Kind    ObjectKind
	Likely  bool // kind is what the name of a parameter says
	Changed bool // it is assigned to somewhere
}

// ObjectKind says which of our objects a local variable holds.
type ObjectKind string

const (
	KindCtx ObjectKind = "ctx"
	KindRes ObjectKind = "res"
	KindAPI ObjectKind = "api"
)

// Find returns the local variable of a name, nil if there is none.
func (b *Binding) Find(name string) *Binding {
	for ; b != nil; b = b.Outer {
		if b.Name == name {
			return b
		}
	}
	return nil
}

// isHandler reports whether what is assigned to is below api, and in which list of hooks.
func (w *SiteWalk) isHandler(to ast.Expr) (hook string, ok bool) {
	if _, isGet := to.(*ast.AttrGetExpr); !isGet {
		return "", false
	}
	return Below(to, w.scope)
}

// Below reports whether an expression is api, or what is found below it by fields, by api:at and
// by locals that hold it; and in which list of hooks.
func Below(e ast.Expr, scope *Binding) (hook string, ok bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		b := scope.Find(e.Value)
		switch {
		case b == nil || b.Changed:
			return "", false
		case b.Kind == KindAPI:
			return "", true
		}
		return Below(b.Value, b.Outer)
	case *ast.AttrGetExpr:
		hook, ok = Below(e.Object, scope)
		if key, isString := e.Key.(*ast.StringExpr); isString {
			switch {
			case key.Value == "on_error" || slices.Contains(LifeHooks, key.Value):
				return "", false // its parameters are others
			case hook == "" && (key.Value == "before" || key.Value == "after" || key.Value == "done"):
				hook = key.Value
			case hook == "done" && (key.Value == "before" || key.Value == "after"):
				hook = key.Value // of the segment "done"
			case hook == "done" && route.MethodIndex(key.Value) >= 0:
				hook = "" // a route at the segment "done"
			}
		}
		return hook, ok
	case *ast.FuncCallExpr:
		return "", IsAtCall(e) && scope.KindOf(e.Receiver) == KindAPI
	}
	return "", false
}

// NodeBuilder is the name of the one builder that makes no response, but a node of the api tree.
const NodeBuilder = "at"

// LifeHooks are the names of the hooks directly on api that are no handlers of requests.
var LifeHooks = []string{"on_check", "on_reload", "on_start", "on_ready", "on_stop", "on_shutdown"}

// IsAtCall reports whether an expression is x:at(…), which of api is a node.
func IsAtCall(e *ast.FuncCallExpr) bool { return e.Receiver != nil && e.Method == NodeBuilder }

// KindOf returns which of our objects an expression is, empty for none that is sure.
func (w *SiteWalk) KindOf(e ast.Expr, scope *Binding) (kind ObjectKind, likely bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		kind = scope.KindOf(e)
		return kind, kind != "" && !scope.Sure(e)
	case *ast.FuncCallExpr:
		if isServerCall(e) {
			return KindAPI, false
		}
		if e.Receiver != nil && scope.KindOf(e.Receiver) == KindCtx && (e.Method == "next" || e.Method == "proxy") {
			return KindRes, !scope.Sure(e.Receiver)
		}
	}
	return "", false
}

// KindOf returns which of our objects a name stands for, empty for none.
func (b *Binding) KindOf(e ast.Expr) ObjectKind {
	ident, ok := e.(*ast.IdentExpr)
	if !ok {
		return ""
	}
	found := b.Find(ident.Value)
	if found == nil || found.Changed {
		return ""
	}
	return found.Kind
}

// Sure reports whether a name stands for what kindOf says, whoever calls its function.
func (b *Binding) Sure(e ast.Expr) bool {
	ident, ok := e.(*ast.IdentExpr)
	if !ok || b.KindOf(e) == "" {
		return false
	}
	return !b.Find(ident.Value).Likely
}
