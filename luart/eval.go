package luart

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/stdlib"
)

const (
	// maxEvalBytes is the longest chunk that Eval takes.
	maxEvalBytes = stdlib.MaxChunkBytes

	// maxPrinted lines of print are kept of an Eval.
	maxPrinted = 1000

	// evalName stands for the chunk in messages.
	evalName = "eval"
)

// Evaluation is what has become of a chunk.
type Evaluation struct {
	Results []EvalValue `json:"results"`           // what it returned
	Printed []string    `json:"printed,omitempty"` // by print
	// Error is what it raised, or why it does not compile.
	Error     string `json:"error,omitempty"`
	Hint      string `json:"hint,omitempty"`
	Excerpt   string `json:"excerpt,omitempty"`
	Traceback string `json:"traceback,omitempty"`
}

// EvalValue is a Lua value.
type EvalValue struct {
	Type string          `json:"type"`
	JSON json.RawMessage `json:"json,omitempty"` // nil: it cannot be said in JSON
	Text string          `json:"text"`           // as tostring has it, without metamethods
}

// Eval runs a chunk, an expression or statements, among the globals of the generation, with
// the timeout and the burst of a request. What it changes stays changed. The error says
// that the VM did not run it. Any goroutine may call it.
func (g *Generation) Eval(ctx context.Context, source string) (Evaluation, error) {
	e := Evaluation{Results: []EvalValue{}}
	if len(source) > maxEvalBytes {
		e.Error = "the chunk is too long: 64 KiB at most"
		return e, nil
	}
	text := "return " + source
	proto, err := chunk.Compile([]byte(text), evalName)
	if err != nil {
		statements, why := chunk.Compile([]byte(source), evalName)
		if why == nil || !unfinished(err) { // 1 + is an expression that goes on
			text, proto, err = source, statements, why
		}
	}
	var syntax *chunk.SyntaxError
	if errors.As(err, &syntax) {
		g.sources.Add(evalName, []byte(text), err)
		g.explainSyntax(syntax)
		e.setError(syntax.Error(), syntax.About)
		return e, nil
	}
	c := &call{gen: g, ctx: ctx, kind: evalName, printed: &e.Printed}
	if g.timeout > 0 {
		c.deadline = g.vm.deadline(g.timeout)
	}
	err = g.vm.loop.DoAdmitted(func(th *thread) error {
		vm := g.vm
		g.sources.Add(evalName, []byte(text), nil)
		th.spent = true // what the chunk leaves behind may refer to it
		vm.start(c, th)
		defer c.done()
		fn := th.L.NewFunctionFromProto(proto)
		fn.Env = g.env
		if err := vm.pcallN(c, fn, lua.MultRet, nil); err != nil {
			serr := vm.scriptError(c, err)
			about := g.explain(serr)
			e.setError(serr.Message, about)
			e.Traceback = serr.Traceback
			return nil
		}
		for i := 1; i <= th.L.GetTop(); i++ {
			e.Results = append(e.Results, evalValue(vm.budget, th.L.Get(i)))
		}
		th.L.SetTop(0)
		return nil
	})
	return e, err
}

// unfinished reports whether source does not compile because it ends too early.
func unfinished(err error) bool {
	var syntax *chunk.SyntaxError
	return errors.As(err, &syntax) && strings.HasSuffix(syntax.Message, "near '<eof>'")
}

func (e *Evaluation) setError(message string, about *chunk.Explanation) {
	e.Error = message
	if about != nil {
		e.Hint, e.Excerpt = about.Hint, strings.Join(about.Lines(), "\n")
	}
}

// evalValue describes a value. Only the holder may call it.
func evalValue(b luaval.Budget, v lua.LValue) EvalValue {
	described := EvalValue{Type: luaval.TypeName(v), Text: validText(v.String())}
	if data, err := jsonlua.Append(b, nil, v); err == nil && json.Valid(data) {
		described.JSON = data
	}
	return described
}

// validText returns s as UTF-8.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
