package luac

import "github.com/yuin/gopher-lua/ast"

// kept are names that a table keeps the place of when it is written with nil as their value: those of
// options that let less through than their absence does. Who reads { roles = settings.roles } learns
// so that a role was meant, and which one is missing. To scripts such a table is like any other.
var kept = map[string]bool{
	// tokens: who may in
	"jwt": true, "roles": true, "scopes": true, "alg": true, "iss": true, "aud": true, "require": true,
	// logins
	"allow": true, "groups": true, "emails": true, "domains": true, "hd": true, "subjects": true,
	// requests: what is expected of them, by method and part
	"get": true, "post": true, "put": true, "patch": true, "delete": true, "head": true, "options": true, "any": true,
	"body": true, "query": true, "params": true, "headers": true,
	// files, and whose certificates are trusted
	"hide": true, "ca": true,
}

// Keeps reports whether tables keep the place of a name that they are written with, whatever its
// value.
func Keeps(name string) bool { return kept[name] }

// keepPlace gives a field its place before its value, which may be nil, is stored.
func (f *function) keepPlace(table, key int, field *ast.Field) {
	name, ok := field.Key.(*ast.StringExpr)
	if !ok || !kept[name.Value] {
		return
	}
	switch field.Value.(type) {
	case *ast.NilExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.NumberExpr, *ast.StringExpr, *ast.TableExpr, *ast.FunctionExpr:
		return // nil is meant, or it is none
	}
	some := newOperand(isTrue, 0)
	f.setField(table, key, true, f.toArg(&some))
	f.freeOperand(&some)
}
