package lint

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/hint"
)

// checkedFile is a file in Check, with what has been seen in it. Not safe for concurrent use.
type checkedFile struct {
	*chunk.File
	c         *checker
	tokens    []chunk.Lexeme
	sites     *chunk.Sites
	sightings []sighting
	modules   []string // that it requires by a constant name

	in    *function // around what the walk comes by
	roles map[ast.Expr]role
}

// function is a function of the source.
type function struct {
	expr    *ast.FunctionExpr
	outer   *function // around it; nil: the file
	params  []*chunk.Binding
	handler bool   // it is assigned to something below api
	hook    string // of which list of hooks it is, "before", "after" or "done"
}

// isRoute reports whether the function answers requests of a route.
func (f *function) isRoute() bool { return f.handler && f.hook == "" }

// late reports whether code in the function runs when the script has loaded only.
func (f *function) late() bool {
	for ; f != nil; f = f.outer {
		if f.handler {
			return true
		}
	}
	return false
}

// sighting is a statement, an expression or a function, to be judged when all is known.
type sighting struct {
	node  any
	scope *chunk.Binding
	in    *function
	role  role
}

// role is what becomes of the value of an expression.
type role int

const (
	roleOther    role = iota
	roleCalled        // x()
	roleIndexed       // x.y
	roleWritten       // x = …
	roleTested        // if x, x and …, x == nil
	roleOperand       // x .. y, #x, x < y, pairs(x)
	roleDropped       // the statement x()
	roleReturned      // return x: all its values
)

func (f *checkedFile) walk() {
	f.sites = &chunk.Sites{Calls: map[int][]chunk.Site{}, Indexes: map[int][]chunk.Site{}}
	w := chunk.SiteWalk{Sites: f.sites, Watch: f}
	w.Block(f.Statements())
}

func (f *checkedFile) Enter(fn *ast.FunctionExpr, params []*chunk.Binding, handler bool, hook string) {
	f.in = &function{expr: fn, outer: f.in, params: params, handler: handler, hook: hook}
	f.sightings = append(f.sightings, sighting{node: f.in, in: f.in})
}

func (f *checkedFile) Leave(*ast.FunctionExpr) { f.in = f.in.outer }

func (f *checkedFile) See(node any, scope *chunk.Binding) {
	s := sighting{node: node, scope: scope, in: f.in}
	if e, ok := node.(ast.Expr); ok {
		s.role = f.roles[e]
		delete(f.roles, e)
	}
	f.sightings = append(f.sightings, s)
	switch n := node.(type) {
	case *ast.AssignStmt:
		for _, lhs := range n.Lhs {
			f.assigned(lhs)
		}
	case *ast.FuncDefStmt:
		if n.Name.Func != nil {
			f.assigned(n.Name.Func)
		} else if object := hint.Text(n.Name.Receiver); object != "" {
			f.c.assigned[object+"."+n.Name.Method] = true
		}
	case *ast.FuncCallStmt:
		f.roles[n.Expr] = roleDropped
	case *ast.ReturnStmt:
		if len(n.Exprs) == 1 {
			f.roles[n.Exprs[0]] = roleReturned
		}
	case *ast.IfStmt:
		f.test(n.Condition)
	case *ast.WhileStmt:
		f.test(n.Condition)
	case *ast.RepeatStmt:
		f.test(n.Condition)
	case *ast.LogicalOpExpr:
		f.test(n.Lhs)
		if s.role == roleTested {
			f.test(n.Rhs)
		}
	case *ast.UnaryNotOpExpr:
		f.test(n.Expr)
	case *ast.RelationalOpExpr:
		f.compare(n)
	case *ast.StringConcatOpExpr:
		f.roles[n.Lhs], f.roles[n.Rhs] = roleOperand, roleOperand
	case *ast.ArithmeticOpExpr:
		f.roles[n.Lhs], f.roles[n.Rhs] = roleOperand, roleOperand
	case *ast.UnaryMinusOpExpr:
		f.roles[n.Expr] = roleOperand
	case *ast.UnaryLenOpExpr:
		f.roles[n.Expr] = roleOperand
	case *ast.AttrGetExpr:
		f.roles[n.Object] = roleIndexed
	case *ast.FuncCallExpr:
		f.call(n, scope)
	case *ast.IdentExpr:
		switch {
		case scope.Find(n.Value) != nil:
		case n.Value == "_G":
			f.c.foreign = f.c.foreign || s.role != roleIndexed
		case slices.Contains([]string{"setfenv", "getfenv", "load", "loadstring"}, n.Value):
			f.c.foreign = true
		}
	}
}

// assigned notes what a name or a field is given a value with, somewhere.
func (f *checkedFile) assigned(lhs ast.Expr) {
	f.roles[lhs] = roleWritten
	if name := hint.Text(lhs); name != "" {
		f.c.assigned[name] = true
		if len(name) > 3 && name[:3] == "_G." {
			f.c.assigned[name[3:]] = true
		}
	} else if get, ok := lhs.(*ast.AttrGetExpr); ok && hint.Text(get.Object) == "_G" {
		f.c.foreign = true
	}
}

func (f *checkedFile) test(e ast.Expr) {
	f.roles[e] = roleTested
	if name := hint.Text(e); name != "" {
		f.c.tested[name] = true
	}
}

func (f *checkedFile) compare(n *ast.RelationalOpExpr) {
	for _, pair := range [...][2]ast.Expr{{n.Lhs, n.Rhs}, {n.Rhs, n.Lhs}} {
		if _, isNil := pair[1].(*ast.NilExpr); isNil {
			f.test(pair[0])
		} else if n.Operator != "==" && n.Operator != "~=" {
			f.roles[pair[0]] = roleOperand
		} else if isLiteral(pair[1]) {
			f.roles[pair[0]] = roleOperand
		}
	}
}

func (f *checkedFile) call(n *ast.FuncCallExpr, scope *chunk.Binding) {
	if n.Receiver != nil {
		f.roles[n.Receiver] = roleIndexed
		return
	}
	f.roles[n.Func] = roleCalled
	ident, ok := n.Func.(*ast.IdentExpr)
	if !ok || scope.Find(ident.Value) != nil || len(n.Args) == 0 {
		return
	}
	switch ident.Value {
	case "type", "tostring", "rawequal":
		f.test(n.Args[0])
	case "pairs", "ipairs", "next":
		f.roles[n.Args[0]] = roleOperand
	case "require":
		if name, ok := n.Args[0].(*ast.StringExpr); ok {
			f.modules = append(f.modules, name.Value)
		}
	}
}

func isLiteral(e ast.Expr) bool {
	switch e.(type) {
	case *ast.StringExpr, *ast.NumberExpr, *ast.TrueExpr, *ast.FalseExpr, *ast.NilExpr, *ast.TableExpr:
		return true
	}
	return false
}
