package luart

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/lib"
)

// ctxFields are what ctxField knows.
var ctxFields = []string{
	"method", "path", "raw_path", "host", "scheme", "protocol", "proto", "uri", "remote_addr", "client_ip",
	"direct_remote_addr", "tls",
}

// elsewhere are globals of other languages and libraries, and what stands for them here.
var elsewhere = map[string]string{
	"null": "Lua writes nil", "undefined": "Lua writes nil", "None": "Lua writes nil",
	"dofile":   "scripts have no dofile: use require",
	"loadfile": "scripts have no loadfile: use require",
	"ngx":      "this is not OpenResty: see ctx and rover", "console": "write print(…) or rover.log.info(…)",
}

// methods returns those that an object of ours has. Any goroutine may call it.
func methods(kind chunk.ObjectKind) []string { return methodsByKind()[kind] }

var methodsByKind = sync.OnceValue(func() map[chunk.ObjectKind][]string {
	return map[chunk.ObjectKind][]string{ // their names are the same in every VM
		chunk.KindCtx: slices.Sorted(maps.Keys(ctxMethods(nil))),
		chunk.KindRes: slices.Sorted(maps.Keys(responseBodyMethods(nil))),
	}
})

// whyNil says why what an expression asks the request for may be nil.
func (h *hinter) whyNil(e ast.Expr, scope *chunk.Binding) string {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		if e.Receiver == nil {
			if get, ok := e.Func.(*ast.AttrGetExpr); ok && h.explains(get, scope) {
				return text(get) + " returned nil: its second result says why"
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
			return fmt.Sprintf("the request has no %s %q: %s:%s(…) is nil then", what, name.Value, text(e.Receiver), e.Method)
		}
		return fmt.Sprintf("the request has no such %s: %s:%s(…) is nil then", what, text(e.Receiver), e.Method)
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
		return fmt.Sprintf("the request has no %s %q: %s:%s().%[2]s is nil then", what, key.Value, text(call.Receiver), call.Method)
	}
	return ""
}

// explains reports whether an expression is a function of a library that says why it returned
// nil.
func (h *hinter) explains(get *ast.AttrGetExpr, scope *chunk.Binding) bool {
	rover, _ := h.g.env.RawGetString("rover").(*lua.LTable)
	if rover == nil {
		return false
	}
	v, known := h.value(get.Object, scope)
	return known && v != lua.LNil && slices.ContainsFunc(h.g.libraries, func(l *lib.Library) bool {
		return l.Explains && v == rover.RawGetString(l.Name)
	})
}

// noGlobal says what to do about a global that is nil.
func (h *hinter) noGlobal(name string, scope *chunk.Binding) string {
	if why := elsewhere[name]; why != "" {
		return why
	}
	if name == "ctx" || name == "res" {
		return fmt.Sprintf("%s is nil: the function has no parameter of that name", name)
	}
	return fmt.Sprintf("%s is nil: there is no global and no local variable of that name%s", name, didYouMean(h.meant(name, scope)))
}

// meant returns what somebody may have meant by a name that there is not, empty for nothing
// that is sure.
func (h *hinter) meant(name string, scope *chunk.Binding) string {
	rover, _ := h.g.env.RawGetString("rover").(*lua.LTable)
	if rover != nil && rover.RawGetString(name) != lua.LNil {
		return "rover." + name
	}
	if h.g.builders[name] != nil {
		return "api." + name
	}
	names := keys(h.g.env)
	for b := scope; b != nil; b = b.Outer {
		names = append(names, b.Name)
	}
	return nearest(name, names)
}

// noField says what to do about a field that an object of ours has not.
func (h *hinter) noField(get *ast.AttrGetExpr, kind chunk.ObjectKind) string {
	key, ok := get.Key.(*ast.StringExpr)
	if !ok {
		return ""
	}
	object := text(get.Object)
	what, names := "method", slices.Clone(methods(kind))
	switch kind {
	case chunk.KindAPI:
		what, names = "builder", slices.Collect(maps.Keys(h.g.builders))
	case chunk.KindCtx:
		what, names = "field or method", append(names, ctxFields...)
	}
	if slices.Contains(names, key.Value) {
		return ""
	}
	return fmt.Sprintf("%s has no %s %s%s", object, what, key.Value, didYouMean(nearest(key.Value, names)))
}

// noKey says what to do about a key that a table has not.
func (h *hinter) noKey(get *ast.AttrGetExpr, owner lua.LValue) string {
	table, isTable := owner.(*lua.LTable)
	key, isString := get.Key.(*ast.StringExpr)
	object := text(get.Object)
	if !isTable || !isString || object == "" {
		return ""
	}
	return fmt.Sprintf("%s has no %s%s", object, key.Value, didYouMean(nearest(key.Value, keys(table))))
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + name + "?"
}

// keys returns the names in a table. Only the holder may call it.
func keys(t *lua.LTable) (names []string) {
	const most = 1000
	for k, v := t.Next(lua.LNil); k != lua.LNil && len(names) < most; k, v = t.Next(k) {
		if name, ok := k.(lua.LString); ok && v != lua.LNil {
			names = append(names, string(name))
		}
	}
	return names
}

// text is an expression as it is written, if it is a name with fields; else empty.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.IdentExpr:
		return e.Value
	case *ast.AttrGetExpr:
		object := text(e.Object)
		if key, ok := e.Key.(*ast.StringExpr); ok && object != "" && chunk.Word(key.Value) == key.Value && key.Value != "" {
			return object + "." + key.Value
		}
	}
	return ""
}

// nearest returns the one of names that a person may have meant: one letter away for short
// names, two for longer ones. It is empty when there is none, or more than one.
func nearest(name string, names []string) (best string) {
	const longest = 40
	limit := 2
	if len(name) < 5 {
		limit = 1
	}
	if len(name) < 2 || len(name) > longest {
		return ""
	}
	least := limit + 1
	for _, n := range names {
		if n == name || len(n) < 2 || len(n) > longest {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(n))
		switch {
		case d < least:
			best, least = n, d
		case d == least && n != best:
			best = ""
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour to
// make one name of another.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
