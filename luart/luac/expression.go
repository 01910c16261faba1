package luac

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

var arithmetic = map[string]int{
	"+": lua.OP_ADD, "-": lua.OP_SUB, "*": lua.OP_MUL, "/": lua.OP_DIV, "%": lua.OP_MOD, "^": lua.OP_POW,
}

// comparisons have the instruction, and the truth value for which it jumps.
var comparisons = map[string]struct {
	op    int
	truth bool
}{
	"==": {lua.OP_EQ, true}, "~=": {lua.OP_EQ, false},
	"<": {lua.OP_LT, true}, "<=": {lua.OP_LE, true}, ">": {lua.OP_LT, false}, ">=": {lua.OP_LE, false},
}

// expression describes an expression.
func (f *function) expression(node ast.Expr) operand {
	f.at(node)
	switch n := node.(type) {
	case *ast.NilExpr:
		return newOperand(isNil, 0)
	case *ast.TrueExpr:
		return newOperand(isTrue, 0)
	case *ast.FalseExpr:
		return newOperand(isFalse, 0)
	case *ast.NumberExpr:
		value, err := f.number(n.Value)
		if err != nil {
			f.fail("%s", err.Error())
		}
		e := newOperand(isNumber, 0)
		e.number = value
		return e
	case *ast.StringExpr:
		return f.string(n.Value)
	case *ast.Comma3Expr:
		return f.vararg(n)
	case *ast.IdentExpr:
		return f.variable(n.Value)
	case *ast.AttrGetExpr:
		return f.field(n)
	case *ast.TableExpr:
		return f.table(n)
	case *ast.FuncCallExpr:
		e := f.call(n)
		if n.AdjustRet {
			f.setOneResult(&e)
		}
		return e
	case *ast.FunctionExpr:
		return f.closure(n, false)
	case *ast.LogicalOpExpr:
		return f.logical(n)
	case *ast.RelationalOpExpr:
		e1 := f.expression(n.Lhs)
		f.toArg(&e1)
		e2 := f.expression(n.Rhs)
		c := comparisons[n.Operator]
		f.compare(c.op, c.truth, &e1, &e2)
		return e1
	case *ast.ArithmeticOpExpr:
		e1 := f.expression(n.Lhs)
		if !e1.isNumeral() {
			f.toArg(&e1)
		}
		e2 := f.expression(n.Rhs)
		f.binary(arithmetic[n.Operator], &e1, &e2)
		return e1
	case *ast.StringConcatOpExpr:
		e1 := f.expression(n.Lhs)
		f.toNext(&e1)
		e2 := f.expression(n.Rhs)
		f.concat(&e1, &e2)
		return e1
	case *ast.UnaryMinusOpExpr:
		e := f.expression(n.Expr)
		f.unary(lua.OP_UNM, &e)
		return e
	case *ast.UnaryLenOpExpr:
		e := f.expression(n.Expr)
		f.unary(lua.OP_LEN, &e)
		return e
	case *ast.UnaryNotOpExpr:
		e := f.expression(n.Expr)
		f.not(&e)
		return e
	}
	panic(fmt.Sprintf("%T is no expression of Lua 5.1", node))
}

func (f *function) string(s string) operand {
	e := newOperand(isConstant, f.text(s))
	e.text = true
	return e
}

func (f *function) vararg(n *ast.Comma3Expr) operand {
	if f.proto.IsVarArg == 0 {
		f.fail("cannot use '...' outside a vararg function")
	}
	f.proto.IsVarArg &^= lua.VarArgNeedsArg
	e := newOperand(isVararg, f.emitABC(lua.OP_VARARG, 0, 1, 0))
	if n.AdjustRet {
		f.setOneResult(&e)
	}
	return e
}

func (f *function) field(n *ast.AttrGetExpr) operand {
	e := f.expression(n.Object)
	f.toAny(&e)
	key := f.expression(n.Key)
	f.toValue(&key)
	f.index(&e, &key)
	return e
}

func (f *function) logical(n *ast.LogicalOpExpr) operand {
	e1 := f.expression(n.Lhs)
	if n.Operator == "and" {
		f.goIfTrue(&e1)
	} else {
		f.goIfFalse(&e1)
	}
	e2 := f.expression(n.Rhs)
	f.read(&e2)
	if n.Operator == "and" {
		e2.falsy = f.join(e2.falsy, e1.falsy)
	} else {
		e2.truthy = f.join(e2.truthy, e1.truthy)
	}
	return e2
}

// expressions describes a list: all but the last are in the registers after each other. It returns
// the last, and how many there are.
func (f *function) expressions(list []ast.Expr) (last operand, n int) {
	last = newOperand(isNothing, 0)
	for i, node := range list {
		if i > 0 {
			f.toNext(&last)
		}
		last = f.expression(node)
	}
	return last, len(list)
}

// call evaluates the function and its arguments, and describes the call.
func (f *function) call(n *ast.FuncCallExpr) operand {
	line := n.Line()
	var callee operand
	var name string
	if n.Func != nil {
		callee = f.expression(n.Func)
		f.toNext(&callee)
		name = calledAs(n.Func)
		line = max(line, nameLine(n.Func))
	} else {
		callee = f.expression(n.Receiver)
		f.method(&callee, n.Method)
		name = n.Method
	}
	base := callee.info
	args, _ := f.expressions(n.Args)
	count := -1
	if args.isMulti() {
		f.setResults(&args, -1)
	} else {
		if args.kind != isNothing {
			f.toNext(&args)
		}
		count = f.free - (base + 1)
	}
	f.line = line
	pc := f.emitABC(lua.OP_CALL, base, count+1, 2)
	f.proto.DbgCalls = append(f.proto.DbgCalls, lua.DbgCall{Pc: pc, Name: name})
	f.free = base + 1 // of the function and the arguments one result stays
	return newOperand(isCall, pc)
}

// method puts the method of an object, and the object, into the next two registers.
func (f *function) method(e *operand, name string) {
	object := f.toAny(e)
	f.freeOperand(e)
	base := f.free
	f.reserve(2)
	key := f.string(name)
	f.emitABC(lua.OP_SELF, base, object, f.toArg(&key))
	f.freeOperand(&key)
	*e = newOperand(isRegister, base)
}

// calledAs is the name of a called function in tracebacks.
func calledAs(n ast.Expr) string {
	switch n := n.(type) {
	case *ast.IdentExpr:
		return n.Value
	case *ast.AttrGetExpr:
		if key, ok := n.Key.(*ast.StringExpr); ok {
			return key.Value
		}
	}
	return "?"
}

// nameLine is the line of the last name of a.b.c, which the parser gives the line of a.
func nameLine(n ast.Expr) int {
	if field, ok := n.(*ast.AttrGetExpr); ok {
		return max(n.Line(), field.Key.Line())
	}
	return n.Line()
}

// closure compiles a function and describes its closure.
func (f *function) closure(n *ast.FunctionExpr, method bool) operand {
	inner := f.open(f, n.Line())
	if method {
		inner.declare("self")
	}
	inner.declare(n.ParList.Names...)
	inner.proto.NumParameters = uint8(len(inner.locals))
	if n.ParList.HasVargs {
		inner.proto.IsVarArg = lua.VarArgIsVarArg
		if lua.CompatVarArg { // the variable arg, which is made unless the function says ...
			inner.proto.IsVarArg |= lua.VarArgHasArg | lua.VarArgNeedsArg
			inner.declare("arg")
		}
	}
	inner.reserve(len(inner.locals))
	inner.hasLabels = hasLabels(n.Stmts)
	inner.statements(n.Stmts, false)
	inner.close(endLine(n))

	f.at(n)
	index := len(f.proto.FunctionPrototypes)
	if index > maxBx {
		f.constant(index, false)
	}
	f.proto.FunctionPrototypes = append(f.proto.FunctionPrototypes, inner.proto)
	e := newOperand(isMovable, f.emitABx(lua.OP_CLOSURE, 0, index))
	for _, u := range inner.upvalues {
		op := lua.OP_GETUPVAL
		if u.register {
			op = lua.OP_MOVE
		}
		f.emitABC(op, 0, u.index, 0)
	}
	return e
}

// table builds a table in the next register.
func (f *function) table(n *ast.TableExpr) operand {
	pc := f.emitABC(lua.OP_NEWTABLE, 0, 0, 0)
	t := newOperand(isMovable, pc)
	f.toNext(&t)
	items, fields, waiting := 0, 0, 0
	item := newOperand(isNothing, 0)
	for _, field := range n.Fields {
		if item.kind != isNothing {
			f.toNext(&item)
			item = newOperand(isNothing, 0)
			if waiting == lua.FieldsPerFlush {
				f.setList(t.info, items, waiting)
				waiting = 0
			}
		}
		if field.Key == nil {
			item = f.expression(field.Value)
			items++
			waiting++
			continue
		}
		free := f.free
		key := f.expression(field.Key)
		textKey := key.isText()
		keyArg := f.toArg(&key)
		value := f.expression(field.Value)
		valueArg := f.toArg(&value)
		f.keepPlace(t.info, keyArg, field)
		f.setField(t.info, keyArg, textKey, valueArg)
		f.free = free
		fields++
	}
	switch {
	case waiting == 0:
	case item.isMulti():
		f.setResults(&item, -1)
		f.setList(t.info, items, -1)
		items--
	default:
		if item.kind != isNothing {
			f.toNext(&item)
		}
		f.setList(t.info, items, waiting)
	}
	f.setB(pc, min(items, maxBC)) // how much room to make, as the virtual machine reads it
	f.setC(pc, min(fields, maxBC))
	return t
}

// setList stores the topmost values, n or all that there are (-1), behind the others of a table of
// so many items.
func (f *function) setList(table, items, n int) {
	batch := (items-1)/lua.FieldsPerFlush + 1
	if batch <= maxBC {
		f.emitABC(lua.OP_SETLIST, table, max(n, 0), batch)
	} else {
		f.emitABC(lua.OP_SETLIST, table, max(n, 0), 0)
		f.emit(uint32(batch))
	}
	f.free = table + 1
}
