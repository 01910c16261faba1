package luac

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart/glua"
)

// Error says why a syntax tree cannot be compiled.
type Error struct {
	Line    int // from 1; 0: not known
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Numeral returns the number that a numeral of Lua source spells.
type Numeral func(spelled string) (float64, error)

// Compile makes the main function of a chunk; name stands for it in messages and tracebacks. The
// tree is not changed. It fails with an *Error, or with the context's when that ends. Any goroutine
// may call it.
func Compile(
	ctx context.Context, chunk []ast.Stmt, name string, number Numeral,
) (proto *lua.FunctionProto, err error) {
	if err := glua.Check(); err != nil {
		return nil, err
	}
	c := &compiler{ctx: ctx, source: name, number: number}
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case *Error:
			err = reason
		case stopped:
			err = reason.cause
		default:
			panic(reason)
		}
	}()
	return c.main(chunk), nil
}

// compiler is what all functions of a chunk have in common. Not safe for concurrent use.
type compiler struct {
	ctx    context.Context
	source string
	number Numeral
	nodes  int // seen
}

// stopped is what the compiler panics with when its context ends.
type stopped struct{ cause error }

// nodesPerLook is how many nodes of the tree are compiled between two looks at the context: less
// than 1 ms.
const nodesPerLook = 1 << 10

func (c *compiler) look() {
	if c.nodes++; c.nodes%nodesPerLook == 0 {
		if err := c.ctx.Err(); err != nil {
			panic(stopped{err})
		}
	}
}

func (c *compiler) main(chunk []ast.Stmt) *lua.FunctionProto {
	f := c.open(nil, 0)
	f.proto.IsVarArg = lua.VarArgIsVarArg
	f.hasLabels = hasLabels(chunk)
	last := 0
	if len(chunk) > 0 {
		last = endLine(chunk[len(chunk)-1]) + 1
	}
	f.statements(chunk, false)
	f.close(last)
	return f.proto
}

// endLine is the line on which a statement ends, as far as the tree says it.
func endLine(at ast.PositionHolder) int { return max(at.Line(), at.LastLine()) }
