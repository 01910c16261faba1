package hint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// Names is what the names of a script stand for. It belongs to the holder of the script's VM.
type Names struct {
	Env       *lua.LTable                   // the globals; nil: nothing has run
	API       *lua.LUserData                // what rover.server returned; nil: it was not called
	Builders  map[string]*Builder           // of responses, and api.at
	Libraries []string                      // tables of the language's own libraries
	Main      *lua.LState                   // of the VM
	Methods   map[chunk.ObjectKind][]string // of ctx and responses
	Fields    map[chunk.ObjectKind][]string // of ctx and responses, that are not called
	// Makers are the functions of rover that return an object, or nil, and its type: "http.get",
	// "HTTP response". TypeMethods are the methods of each type.
	Makers      map[string]string // also of methods: "store:lock"
	TypeMethods map[string][]string
	// TypeFields are the fields of the types of which all are known.
	TypeFields map[string][]string
	// NotGiven are libraries of this process that the script has not been given.
	NotGiven []string
	// Explaining are the tables of rover whose functions say why they returned nil.
	Explaining []string
}

// Builder is api.json, api.text, …
type Builder struct {
	Value   *lua.LUserData
	Colon   bool     // it is called with a colon
	Methods []string // of the builder itself
}

// FromLibrary reports whether an expression is rover, string, rover.json, string.format …
func (n *Names) FromLibrary(e ast.Expr, scope *chunk.Binding) bool {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		return n.FromLibrary(e.Object, scope)
	case *ast.IdentExpr:
		if b := scope.Find(e.Value); b != nil {
			return !b.Changed && b.Value != nil && n.FromLibrary(b.Value, b.Outer)
		}
		return e.Value == "rover" || slices.Contains(n.Libraries, e.Value)
	}
	return false
}

// Elsewhere are globals of other languages and libraries, and what stands for them here.
var Elsewhere = map[string]string{
	"null": "Lua writes nil", "undefined": "Lua writes nil", "None": "Lua writes nil",
	"dofile":   "scripts have no dofile: use require",
	"loadfile": "scripts have no loadfile: use require",
	"ngx":      "this is not OpenResty: see ctx and rover", "console": "write print(…) or rover.log.info(…)",
}

// whyNil says why what an expression asks the request for may be nil.
func (h *Finder) whyNil(e ast.Expr, scope *chunk.Binding) string {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		if e.Receiver == nil {
			if get, ok := e.Func.(*ast.AttrGetExpr); ok && h.explains(get, scope) {
				return Text(get) + " returned nil: its second result says why"
			}
			return ""
		}
		if scope.KindOf(e.Receiver) != chunk.KindCtx {
			return ""
		}
		what := map[string]string{"header": "header", "cookie": "cookie", "param": "path parameter"}[e.Method]
		if what == "" || len(e.Args) != 1 {
			return ""
		}
		if name, ok := e.Args[0].(*ast.StringExpr); ok {
			return fmt.Sprintf("the request has no %s %q: %s:%s(…) is nil then", what, name.Value, Text(e.Receiver), e.Method)
		}
		return fmt.Sprintf("the request has no such %s: %s:%s(…) is nil then", what, Text(e.Receiver), e.Method)
	case *ast.AttrGetExpr:
		call, ok := e.Object.(*ast.FuncCallExpr)
		key, isString := e.Key.(*ast.StringExpr)
		if !ok || !isString || call.Receiver == nil || scope.KindOf(call.Receiver) != chunk.KindCtx || len(call.Args) > 0 {
			return ""
		}
		what := map[string]string{"headers": "header", "cookies": "cookie", "params": "path parameter", "query": "query parameter"}[call.Method]
		if what == "" {
			return ""
		}
		return fmt.Sprintf("the request has no %s %q: %s:%s().%[2]s is nil then", what, key.Value, Text(call.Receiver), call.Method)
	}
	return ""
}

// explains reports whether an expression is a function of a library that says why it returned
// nil.
func (h *Finder) explains(get *ast.AttrGetExpr, scope *chunk.Binding) bool {
	rover, _ := h.Env.RawGetString("rover").(*lua.LTable)
	if rover == nil {
		return false
	}
	v, known := h.Value(get.Object, scope)
	return known && v != lua.LNil && slices.ContainsFunc(h.Explaining, func(name string) bool {
		return v == rover.RawGetString(name)
	})
}

// noGlobal says what to do about a global that is nil.
func (h *Finder) noGlobal(name string, scope *chunk.Binding) string {
	if why := Elsewhere[name]; why != "" {
		return why
	}
	if name == "ctx" || name == "res" {
		return fmt.Sprintf("%s is nil: the function has no parameter of that name", name)
	}
	return fmt.Sprintf("%s is nil: there is no global and no local variable of that name%s", name, spelling.OrDidYouMean(h.Meant(name, scope)))
}

// Meant returns what somebody may have meant by a name that there is not, empty for nothing
// that is sure.
func (h *Finder) Meant(name string, scope *chunk.Binding) string {
	rover, _ := h.Env.RawGetString("rover").(*lua.LTable)
	if rover != nil && rover.RawGetString(name) != lua.LNil {
		return "rover." + name
	}
	if h.Builders[name] != nil {
		return "api." + name
	}
	names := Keys(h.Env)
	for b := scope; b != nil; b = b.Outer {
		names = append(names, b.Name)
	}
	return spelling.Nearest(name, names)
}

// noField says what to do about a field that an object of ours has not.
func (h *Finder) noField(get *ast.AttrGetExpr, kind chunk.ObjectKind) string {
	key, ok := get.Key.(*ast.StringExpr)
	if !ok {
		return ""
	}
	object := Text(get.Object)
	what, names := "method", slices.Clone(h.Methods[kind])
	switch kind {
	case chunk.KindAPI:
		what, names = "builder", slices.Collect(maps.Keys(h.Builders))
	case chunk.KindCtx:
		what, names = "field or method", append(names, h.Fields[chunk.KindCtx]...)
	}
	if slices.Contains(names, key.Value) {
		return ""
	}
	if kind == chunk.KindAPI && route.MethodIndex(key.Value) >= 0 {
		return fmt.Sprintf("%s has no builder %s: a route is function %[1]s.users.%[2]s(ctx)", object, key.Value)
	}
	return fmt.Sprintf("%s has no %s %s%s", object, what, key.Value, spelling.OrDidYouMean(spelling.Nearest(key.Value, names)))
}

// noKey says what to do about a key that a table has not.
func (h *Finder) noKey(get *ast.AttrGetExpr, owner lua.LValue, scope *chunk.Binding) string {
	table, isTable := owner.(*lua.LTable)
	key, isString := get.Key.(*ast.StringExpr)
	object := Text(get.Object)
	if !isTable || !isString || object == "" {
		return ""
	}
	more := ""
	if why := h.LibraryNotGiven(table, key.Value); why != "" {
		more = why
	} else if h.FromLibrary(get.Object, scope) {
		more = Instead(key.Value, Keys(table))
	} else {
		more = spelling.DidYouMean(spelling.Nearest(key.Value, Keys(table)))
	}
	return strings.TrimSuffix(fmt.Sprintf("%s has no %s; %s", object, key.Value, more), "; ")
}

// LibraryNotGiven says how a script gets a library that it looks for in a table, rover, where it has
// not been put; it is empty for anything else.
func (n *Names) LibraryNotGiven(table *lua.LTable, key string) string {
	if n.Env == nil || n.Env.RawGetString("rover") != table || !slices.Contains(n.NotGiven, key) {
		return ""
	}
	return fmt.Sprintf("this Caddy has it as a library: add \"library %s\" to the rover directive, or --library %[1]s to the command", key)
}

// Keys returns the names in a table.
func Keys(t *lua.LTable) (names []string) {
	const most = 1000
	for k, v := t.Next(lua.LNil); k != lua.LNil && len(names) < most; k, v = t.Next(k) {
		if name, ok := k.(lua.LString); ok && v != lua.LNil {
			names = append(names, string(name))
		}
	}
	return names
}

// Text is an expression as it is written, if it is a name with fields; else empty.
func Text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return e.Value
	case *ast.AttrGetExpr:
		object := Text(e.Object)
		if key, ok := e.Key.(*ast.StringExpr); ok && object != "" && chunk.Word(key.Value) == key.Value && key.Value != "" {
			return object + "." + key.Value
		}
	}
	return ""
}

// MayHaveMore reports whether a table may have fields that are not in it: others are asked for them.
func MayHaveMore(t *lua.LTable) bool {
	meta, ok := t.Metatable.(*lua.LTable)
	return ok && meta.RawGetString("__index") != lua.LNil
}
