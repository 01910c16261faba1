package hint

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/spelling"
)

// TypeOf returns the type of luaval.NewType that an expression has for a value, if it has one and
// that is sure: ctx:body(), what a function of a library makes, a local that holds it.
func (h *Finder) TypeOf(e ast.Expr, scope *chunk.Binding) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		if b := scope.Find(e.Value); b != nil && !b.Changed && b.Value != nil {
			if call, ok := b.Value.(*ast.FuncCallExpr); ok {
				return h.TypeOf(call, b.Outer)
			}
		}
	case *ast.FuncCallExpr:
		if e.Receiver != nil {
			return h.typeOfMethod(e, scope)
		}
		get, ok := e.Func.(*ast.AttrGetExpr)
		if !ok || h.Env == nil {
			return ""
		}
		if key, isString := get.Key.(*ast.StringExpr); isString && h.builds(get.Object, key.Value, e, scope) {
			return responseType
		}
		if !h.FromLibrary(get, scope) {
			return ""
		}
		for path, kind := range h.Makers {
			if h.IsRover(get, scope, path) {
				return kind
			}
		}
	}
	return ""
}

// typeOfMethod is TypeOf for what x:f(…) returns.
func (h *Finder) typeOfMethod(e *ast.FuncCallExpr, scope *chunk.Binding) string {
	on := h.TypeOf(e.Receiver, scope) // once: calls may be chained
	if kind := h.Makers[on+":"+e.Method]; kind != "" {
		return kind
	}
	for path, kind := range h.Makers { // g:string()
		if library, ok := strings.CutSuffix(path, "."+e.Method); ok && h.IsRover(e.Receiver, scope, library) {
			return kind
		}
	}
	switch e.Method {
	case "body":
		if scope.Sure(e.Receiver) {
			return map[chunk.ObjectKind]string{chunk.KindCtx: "body", chunk.KindRes: "response body"}[scope.KindOf(e.Receiver)]
		}
		if on == responseType {
			return "response body"
		}
	case "file":
		if on == "body" {
			return "part"
		}
	case "next", "proxy":
		if scope.KindOf(e.Receiver) == chunk.KindCtx && scope.Sure(e.Receiver) {
			return responseType
		}
	case "set_header", "add_header", "remove_header", "set_cookie", "set_body", "replace", "on_chunk": // they return it
		if on == responseType {
			return responseType
		}
	}
	if h.builds(e.Receiver, e.Method, e, scope) {
		return responseType
	}
	if get, ok := e.Receiver.(*ast.AttrGetExpr); ok { // api.json:status(…)
		key, isString := get.Key.(*ast.StringExpr)
		if isString && h.builds(get.Object, key.Value, e, scope) && slices.Contains(h.Builders[key.Value].Methods, e.Method) {
			return responseType
		}
	}
	return ""
}

// hasMethod reports whether an expression is an object, or a builder, with a method of that name for
// sure.
func (h *Finder) hasMethod(e ast.Expr, name string, scope *chunk.Binding) bool {
	if slices.Contains(h.TypeMethods[h.TypeOf(e, scope)], name) {
		return true
	}
	get, ok := e.(*ast.AttrGetExpr)
	if !ok || scope.KindOf(get.Object) != chunk.KindAPI || !scope.Sure(get.Object) {
		return false
	}
	key, isString := get.Key.(*ast.StringExpr)
	return isString && h.Builders[key.Value] != nil && slices.Contains(h.Builders[key.Value].Methods, name)
}

// responseType is the type of what builders make.
const responseType = "response"

// builds reports whether a call of name of an object makes a response for sure: api.html of a table
// makes a function, and api:at no response.
func (h *Finder) builds(object ast.Expr, name string, call *ast.FuncCallExpr, scope *chunk.Binding) bool {
	if scope.KindOf(object) != chunk.KindAPI || !scope.Sure(object) || h.Builders[name] == nil || name == chunk.NodeBuilder {
		return false
	}
	if name == "html" {
		return slices.ContainsFunc(call.Args, func(e ast.Expr) bool {
			_, isString := e.(*ast.StringExpr)
			return isString
		})
	}
	return true
}

// IsRover reports whether an expression has the value that is at a path below rover: "http.get"; ""
// for rover itself.
func (h *Finder) IsRover(e ast.Expr, scope *chunk.Binding, path string) bool {
	if h.Env == nil {
		return false
	}
	at := h.Env.RawGetString("rover")
	for key := range strings.SplitSeq(path, ".") {
		if t, ok := at.(*lua.LTable); ok && key != "" {
			at = t.RawGetString(key)
		} else if key != "" {
			return false
		}
	}
	v, known := h.Value(e, scope)
	return known && v == at && v != lua.LNil
}

// IsBytes reports whether an expression is a string of bytes for sure: what :bytes() and :text()
// of a body return.
func (h *Finder) IsBytes(e ast.Expr, scope *chunk.Binding) bool {
	if ident, ok := e.(*ast.IdentExpr); ok {
		b := scope.Find(ident.Value)
		return b != nil && !b.Changed && b.Value != nil && h.IsBytes(b.Value, b.Outer)
	}
	call, ok := e.(*ast.FuncCallExpr)
	return ok && call.Receiver != nil && (call.Method == "bytes" || call.Method == "text") &&
		slices.Contains([]string{"body", "response body", "part"}, h.TypeOf(call.Receiver, scope))
}

// BytesHint is what to write for b[1] where b is a string.
func BytesHint(e ast.Expr) string {
	name := Text(e)
	if name == "" {
		name = "s"
	}
	return fmt.Sprintf("a string has no elements: %s:byte(i) is its byte i, as a number", name)
}

// byteIndex is for arithmetic with b[1], which is nil.
func (h *Finder) byteIndex() string {
	for _, s := range h.Sites.Indexes[h.Line] {
		if !s.Keyed && h.IsBytes(s.Expr, s.Scope) {
			return BytesHint(s.Expr)
		}
	}
	return ""
}

// noMethod says what to do about a method that an object has not; "" for what is no object, or has
// it.
func (h *Finder) noMethod(get *ast.AttrGetExpr, scope *chunk.Binding) string {
	key, ok := get.Key.(*ast.StringExpr)
	kind := h.TypeOf(get.Object, scope)
	methods := h.TypeMethods[kind]
	if !ok || kind == "" || len(methods) == 0 || slices.Contains(methods, key.Value) {
		return ""
	}
	what := Text(get.Object)
	if what == "" {
		what = "it"
	}
	return fmt.Sprintf("%s is a %s, which has no method %s; %s", what, kind, key.Value, Instead(key.Value, methods))
}

// Instead asks for the one of names that may be meant, or says which there are.
func Instead(name string, names []string) string {
	const most = 40
	if near := spelling.Nearest(name, names); near != "" || len(names) == 0 || len(names) > most {
		return spelling.DidYouMean(near)
	}
	names = slices.Clone(names)
	slices.Sort(names)
	return "there are " + strings.Join(names, ", ")
}
