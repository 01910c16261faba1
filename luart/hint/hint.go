package hint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// Finder finds out what to do about one error. A hint must never be wrong: where more than one
// mistake could be behind a message, or the script may have changed what decides, there is
// none. It belongs to the holder of the script's VM.
type Finder struct {
	*Names
	Sites *chunk.Sites // of the file of the error
	Line  int          // of the error
}

// RoutesFixed is the message of an error about a route that is defined too late.
const RoutesFixed = "routes cannot be changed after the script has loaded"

// NotFunction is gopher-lua's message about a call of what is no function.
const NotFunction = "attempt to call a non-function object"

// The messages that there are hints for.
var (
	notTable    = regexp.MustCompile(`^attempt to index a non-table object\((\w+)\) with key '(.*)'$`)
	badSelf     = regexp.MustCompile(`^bad argument #1 to (\w+) \((?:ctx|response) expected, got (?:string|number|boolean|nil|no value)\b`)
	gotFunction = regexp.MustCompile(`^bad argument #\d+ to \S+ \(\w+ expected, got function\)$|^cannot perform \w+ operation between (function and \w+|\w+ and function)$`)
	withNil     = regexp.MustCompile(`^cannot perform \w+ operation between (nil and \w+|\w+ and nil)$|^attempt to compare (nil with \w+|\w+ with nil)$`)
	needsColon  = regexp.MustCompile(`^call (api[\w.]*:\w+\([\w, …]+\)) with a colon$`)
	noSubmethod = regexp.MustCompile(`^api\.(\w+)\.(\w+): .* has no such method;`)
	ofHooks     = regexp.MustCompile(`^api[\w.]*\.(\w+)\.\w+: "\w+" is not a method; `)
	notMethod   = regexp.MustCompile(`^api[^:]*: "(\w+)" is not a method; `)
)

// For says what to do about an error whose message is given, and that is at a place of a file
// that Explanation names, empty when nothing is sure.
func For(names *Names, files *chunk.Files, text string, at *chunk.Explanation) string {
	if at.File == nil {
		return ""
	}
	file, _, message := files.Position(text)
	if file == nil {
		return ""
	}
	if m := needsColon.FindStringSubmatch(message); m != nil {
		return "write " + m[1]
	}
	if m := notMethod.FindStringSubmatch(message); m != nil {
		known := route.MethodNames[:]
		if strings.HasPrefix(message, "api."+m[1]+":") {
			known = append(slices.Clone(known), append([]string{"on_error"}, chunk.LifeHooks...)...)
		}
		if list := ofHooks.FindStringSubmatch(message); list != nil {
			if near := spelling.Nearest(list[1], []string{"before", "after", "done"}); near != "" {
				return spelling.DidYouMean(near + "." + m[1])
			}
		}
		return spelling.DidYouMean(spelling.Nearest(m[1], known))
	}
	if m := noSubmethod.FindStringSubmatch(message); m != nil && names.Builders[m[1]] != nil {
		if near := spelling.Nearest(m[2], names.Builders[m[1]].Methods); near != "" {
			return spelling.DidYouMean("api." + m[1] + ":" + near + "(…)")
		}
		return ""
	}
	h := Finder{Names: names, Sites: at.File.Sites(), Line: at.Line}
	index := notTable.FindStringSubmatch(message)
	self := badSelf.FindStringSubmatch(message)
	switch {
	case message == RoutesFixed:
		return h.lateRoute()
	case message == NotFunction:
		return h.call()
	case index != nil:
		return h.index(index[1], index[2])
	case self != nil:
		return h.selfless(self[1])
	case gotFunction.MatchString(message):
		return h.methodAsValue()
	case withNil.MatchString(message):
		return h.byteIndex()
	}
	return ""
}

// IndexedKey returns the key that a message says a value without keys was asked for.
func IndexedKey(message string) (key string, ok bool) {
	m := notTable.FindStringSubmatch(message)
	if m == nil {
		return "", false
	}
	return m[2], true
}

// lateRoute is for a route defined when it is too late, and for builders that there are
// not, which are taken for routes.
func (h *Finder) lateRoute() string {
	if len(h.Sites.Indexes[h.Line]) == 0 {
		return ""
	}
	var calls []chunk.Site
	for _, s := range h.Sites.Calls[h.Line] {
		if get, ok := s.Expr.(*ast.AttrGetExpr); ok && s.Scope.KindOf(get.Object) == chunk.KindAPI {
			if key, ok := get.Key.(*ast.StringExpr); ok && h.Builders[key.Value] == nil {
				calls = append(calls, s)
			}
		}
	}
	writes := slices.ContainsFunc(h.Sites.Indexes[h.Line], func(s chunk.Site) bool { return s.Write })
	switch {
	case len(calls) == 0:
		return "define routes and hooks at the top level of the script, when it loads"
	case len(calls) == 1 && !writes:
		return h.noField(calls[0].Expr.(*ast.AttrGetExpr), chunk.KindAPI)
	}
	return ""
}

// call is for a value that is no function.
func (h *Finder) call() string {
	failed, ok := h.only(h.Sites.Calls[h.Line], func(v lua.LValue) bool {
		return v.Type() == lua.LTFunction || h.Main.GetMetaField(v, "__call") != lua.LNil
	})
	if !ok {
		return ""
	}
	name := Text(failed.Expr)
	switch e := failed.Expr.(type) {
	case *ast.IdentExpr:
		if failed.Loop {
			return fmt.Sprintf("for … in needs an iterator: write pairs(%s) or ipairs(%[1]s) if it is a table", name)
		}
		if failed.Scope.Find(e.Value) == nil {
			switch _, known := h.Value(e, failed.Scope); {
			case !known:
				return ""
			case h.isNil(e, failed.Scope):
				return h.noGlobal(e.Value, failed.Scope)
			}
		}
	case *ast.AttrGetExpr:
		key, isString := e.Key.(*ast.StringExpr)
		switch kind := failed.Scope.KindOf(e.Object); {
		case failed.Loop || !isString:
		case kind != "" && !failed.Scope.Sure(e.Object):
		case kind == chunk.KindCtx && slices.Contains(h.Fields[chunk.KindCtx], key.Value):
			return fmt.Sprintf("%s.%s is a field: leave out the parentheses", Text(e.Object), key.Value)
		case kind != "":
			return h.noField(e, kind)
		default:
			if why := h.noMethod(e, failed.Scope); why != "" {
				return why
			}
			if owner, known := h.Value(e.Object, failed.Scope); known && h.isNil(e, failed.Scope) {
				return h.noKey(e, owner, failed.Scope)
			}
		}
	}
	if name == "" || failed.Loop {
		return ""
	}
	return name + " is not a function here"
}

// index is for a value of a type that has no keys.
func (h *Finder) index(kind, key string) string {
	var sites []chunk.Site
	for _, s := range h.Sites.Indexes[h.Line] {
		if !s.Keyed || s.Key == key {
			sites = append(sites, s)
		}
	}
	failed, ok := h.only(sites, func(v lua.LValue) bool { return v.Type().String() != kind })
	if !ok {
		return ""
	}
	origin := h.Origin(failed.Expr, failed.Scope)
	name := Text(failed.Expr)
	switch kind {
	case "function":
		return h.methodIndexed(origin, failed)
	case "nil":
		if why := h.whyNil(origin, failed.Scope); why != "" {
			return why
		}
		if ident, ok := failed.Expr.(*ast.IdentExpr); ok && failed.Scope.Find(ident.Value) == nil {
			if !h.isNil(ident, failed.Scope) {
				return ""
			}
			return h.noGlobal(ident.Value, failed.Scope)
		}
		if get, ok := origin.(*ast.AttrGetExpr); ok { // rover.x, or a local that was declared with it
			scope := failed.Scope
			if ident, ok := failed.Expr.(*ast.IdentExpr); ok {
				scope = scope.Find(ident.Value).Outer
			}
			if owner, known := h.Value(get.Object, scope); known && h.isNil(get, scope) {
				return h.noKey(get, owner, scope)
			}
		}
		if get, ok := failed.Expr.(*ast.AttrGetExpr); ok {
			if failed.Scope.KindOf(get.Object) == chunk.KindCtx && failed.Scope.Sure(get.Object) {
				return h.noField(get, chunk.KindCtx)
			}
		}
		if name != "" {
			return name + " is nil here"
		}
	}
	return ""
}

// methodIndexed is for ctx.params.id and res.headers["X"].
func (h *Finder) methodIndexed(origin ast.Expr, failed chunk.Site) string {
	get, ok := origin.(*ast.AttrGetExpr)
	if !ok {
		return ""
	}
	if Text(get) == "rover.server" && h.FromLibrary(get, failed.Scope) {
		return "rover.server is a function: call it, rover.server {}"
	}
	kind := failed.Scope.KindOf(get.Object)
	key, ok := get.Key.(*ast.StringExpr)
	if !ok || !slices.Contains(h.Methods[kind], key.Value) {
		return ""
	}
	object := Text(get.Object)
	if kind == chunk.KindRes && failed.Write && (key.Value == "header" || key.Value == "headers") {
		return "headers are set with " + object + ":set_header(name, value)"
	}
	return methodHint(object, key.Value)
}

func methodHint(object, name string) string {
	return fmt.Sprintf("%s.%s is a method: call it, %[1]s:%[2]s(…)", object, name)
}

// methodAsValue is for pairs(ctx.params) and ctx.path .. ctx.request_id.
func (h *Finder) methodAsValue() string {
	hint := ""
	for _, s := range h.Sites.Indexes[h.Line] {
		if s.Used || s.Write || !s.Keyed || !slices.Contains(h.Methods[s.Scope.KindOf(s.Expr)], s.Key) {
			continue
		}
		if hint != "" {
			return ""
		}
		hint = methodHint(Text(s.Expr), s.Key)
	}
	return hint
}

// selfless is for ctx.header("x").
func (h *Finder) selfless(method string) string {
	hint := ""
	for _, s := range h.Sites.Calls[h.Line] {
		get, ok := s.Expr.(*ast.AttrGetExpr)
		if !ok {
			continue
		}
		key, ok := get.Key.(*ast.StringExpr)
		if !ok || key.Value != method {
			continue
		}
		if s.Colon || hint != "" || Text(get.Object) == "" {
			return ""
		}
		hint = fmt.Sprintf("write %s:%s(…) with a colon", Text(get.Object), method)
	}
	return hint
}

// only returns the one site that can have failed: values that are known and fine cannot.
func (h *Finder) only(sites []chunk.Site, fine func(lua.LValue) bool) (failed chunk.Site, ok bool) {
	n := 0
	for _, s := range sites {
		if h.sound(s) {
			continue
		}
		if v, known := h.Value(s.Expr, s.Scope); known && fine(v) {
			continue
		}
		if n > 0 && sameVariable(s, failed) {
			continue
		}
		failed = s
		n++
	}
	return failed, n == 1
}

// sameVariable reports whether two sites are of one variable, used in one way.
func sameVariable(a, b chunk.Site) bool {
	x, isX := a.Expr.(*ast.IdentExpr)
	y, isY := b.Expr.(*ast.IdentExpr)
	return isX && isY && x.Value == y.Value && a.Loop == b.Loop && a.Scope.Find(x.Value) == b.Scope.Find(y.Value)
}

// sound reports whether a site's value is right whatever happens: what has no value in
// this generation's tables.
func (h *Finder) sound(s chunk.Site) bool {
	if s.Loop {
		call, isCall := s.Expr.(*ast.FuncCallExpr)
		if !isCall {
			return false
		}
		ident, isIdent := call.Func.(*ast.IdentExpr)
		return isIdent && s.Scope.Find(ident.Value) == nil && (ident.Value == "pairs" || ident.Value == "ipairs")
	}
	if s.Args == nil && s.Scope.Sure(s.Expr) { // ctx.x, res.x, api.x
		return true
	}
	if get, ok := s.Expr.(*ast.AttrGetExpr); ok {
		key, isString := get.Key.(*ast.StringExpr)
		if isString && s.Args != nil && h.hasMethod(get.Object, key.Value, s.Scope) {
			return true
		}
		return isString && s.Args != nil && s.Scope.Sure(get.Object) && slices.Contains(h.Methods[s.Scope.KindOf(get.Object)], key.Value)
	}
	if ident, ok := s.Expr.(*ast.IdentExpr); ok && s.Args != nil {
		b := s.Scope.Find(ident.Value)
		if b == nil || b.Changed {
			return false
		}
		_, isFunction := b.Value.(*ast.FunctionExpr)
		return isFunction
	}
	return false
}

// Value returns what an expression has for a value by now. Of locals it knows those that
// hold api, or something of a library: what they were declared with is what they are.
func (h *Finder) Value(e ast.Expr, scope *chunk.Binding) (v lua.LValue, known bool) {
	switch e := e.(type) {
	case *ast.IdentExpr:
		b := scope.Find(e.Value)
		switch {
		case b == nil:
			if h.Sites.Foreign || h.Env.Metatable != lua.LNil {
				return nil, false
			}
			return h.Env.RawGetString(e.Value), true
		case b.Changed || b.Value == nil:
			return nil, false
		case b.Kind == chunk.KindAPI && !b.Likely && h.API != nil:
			return h.API, true
		}
		if !h.FromLibrary(b.Value, b.Outer) {
			return nil, false
		}
		return h.Value(b.Value, b.Outer)
	case *ast.AttrGetExpr:
		key, ok := e.Key.(*ast.StringExpr)
		if !ok {
			return nil, false
		}
		owner, known := h.Value(e.Object, scope)
		if !known {
			return nil, false
		}
		switch owner := owner.(type) {
		case *lua.LTable:
			if !MayHaveMore(owner) || owner.RawGetString(key.Value) != lua.LNil {
				return owner.RawGetString(key.Value), true
			}
		case *lua.LUserData:
			if owner != h.API {
				break
			}
			if b := h.Builders[key.Value]; b != nil {
				return b.Value, true
			}
		}
	}
	return nil, false
}

func (h *Finder) isNil(e ast.Expr, scope *chunk.Binding) bool {
	v, known := h.Value(e, scope)
	return known && v == lua.LNil
}

// Origin follows a local to what it was declared with.
func (h *Finder) Origin(e ast.Expr, scope *chunk.Binding) ast.Expr {
	if ident, ok := e.(*ast.IdentExpr); ok {
		if b := scope.Find(ident.Value); b != nil && !b.Changed && b.Value != nil {
			return b.Value
		}
	}
	return e
}
