package lint

import (
	"strconv"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// optionValue is for the value of an option that is written out. What reads it in a call judges it.
func (c *checker) optionValue(f *checkedFile, options *luaval.Options, of, key string, value ast.Expr, line, column int, scope *chunk.Binding) {
	from := c.finder(f).Origin(value, scope)
	if table, ok := from.(*ast.TableExpr); ok && hasUnknown(options, key, table) {
		return // that is said of the table
	}
	v, ok := literal(from)
	if !ok {
		return
	}
	if message := options.Judge(of, key, v); message != "" {
		c.said = append(c.said, message)
		c.add(f.File, line, column, Error, "bad-argument", message, "")
	}
}

// hasUnknown reports whether the table of an option has a name that is none of its options.
func hasUnknown(options *luaval.Options, key string, table *ast.TableExpr) bool {
	in, ok := options.Nested(key)
	if !ok {
		return false
	}
	for _, field := range table.Fields {
		name, ok := field.Key.(*ast.StringExpr)
		if !ok || in.Unknown(name.Value) != "" {
			return true
		}
	}
	return false
}

// literal returns the value of an expression that is written out; ok = false: only running it tells.
func literal(e ast.Expr) (v lua.LValue, ok bool) {
	switch e := e.(type) {
	case *ast.StringExpr:
		return lua.LString(e.Value), true
	case *ast.TrueExpr:
		return lua.LTrue, true
	case *ast.FalseExpr:
		return lua.LFalse, true
	case *ast.NumberExpr:
		n, err := strconv.ParseFloat(e.Value, 64)
		return lua.LNumber(n), err == nil
	case *ast.UnaryMinusOpExpr:
		n, ok := literal(e.Expr)
		number, isNumber := n.(lua.LNumber)
		return -number, ok && isNumber
	case *ast.TableExpr:
		return literalTable(e)
	}
	return nil, false
}

func literalTable(e *ast.TableExpr) (v lua.LValue, ok bool) {
	t := &lua.LTable{Metatable: lua.LNil}
	for _, field := range e.Fields {
		value, ok := literal(field.Value)
		if !ok {
			return nil, false
		}
		if field.Key == nil {
			t.Append(value)
			continue
		}
		key, ok := literal(field.Key)
		if number, isNumber := key.(lua.LNumber); !ok || isNumber && number != number {
			return nil, false
		}
		t.RawSet(key, value)
	}
	return t, true
}
