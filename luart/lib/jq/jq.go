// Package jq is rover.jq: programs of jq, on values and on JSON.
package jq

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/itchyny/gojq"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed jq.lua
var stubs string

const (
	// MaxProgram bounds the text of a program.
	MaxProgram = 64 << 10

	// MaxResults bounds what a program gives at once.
	MaxResults = 100_000

	// MaxDigits bounds a number in the data: the time that arithmetic takes grows with its square.
	MaxDigits = 1000
)

// Library is rover.jq. A program runs as Lua code does, with the VM: burst and the limit of memory
// end it. It sees its data and its variables alone: no environment, no modules, no other input.
var Library = &lib.Library{
	Name: "jq", Stubs: stubs,
	Makes:    map[string]string{"compile": "jq program"},
	NewState: func(vm lib.VM) any { return &state{luaval.NewType(vm.L(), "jq program", methods, nil)} },
	Open: func(s *lib.Scope) lua.LValue {
		meta, t := s.State.(*state).meta, s.L().NewTable()
		t.RawSetString("compile", s.L().NewFunction(func(L *lua.LState) int {
			L.Push(luaval.NewObject(meta, compile(L)))
			return 1
		}))
		return t
	},
}

// state is the type of programs in a VM.
type state struct{ meta *lua.LTable }

var methods = map[string]lua.LGFunction{
	// program:first(value[, variables …]): its first result; nil: it gives none.
	"first": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:first(value)")
		result := lua.LNil
		p.run(L, p.value(L, 2), func(v any) bool {
			result = toLua(L, v)
			return false
		})
		L.Push(result)
		return 1
	},
	// program:all(value[, variables …]): the list of its results.
	"all": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:all(value)")
		list := L.NewTable()
		p.run(L, p.value(L, 2), func(v any) bool {
			if list.Len() >= MaxResults {
				L.RaiseError("jq: more than %d results", MaxResults)
			}
			list.Append(toLua(L, v))
			return true
		})
		L.Push(list)
		return 1
	},
	// program:text(json[, variables …]): its first result as JSON; nil: it gives none. Numbers keep
	// all their digits.
	"text": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:text(json)")
		text := luaval.CheckString(L, 2)
		// What others may read in another way must not go on as this program reads it.
		_, err := jsonlua.DecodeWith(L, []byte(text), jsonlua.Options{Strict: true})
		var v any
		if err == nil {
			v, err = parse([]byte(text))
		}
		if err != nil {
			luaval.RaiseStatus(L, 400, "invalid JSON: "+err.Error())
		}
		result := lua.LNil
		p.run(L, v, func(v any) bool {
			result = lua.LString(encode(L, v))
			return false
		})
		L.Push(result)
		return 1
	},
}

// program is a compiled program, with the number of its variables.
type program struct {
	code      *gojq.Code
	variables int
}

// variableName is what a variable is called.
var variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// compile reads a program and the names of its variables from the arguments.
func compile(L *lua.LState) *program {
	text := luaval.CheckString(L, 1)
	if len(text) > MaxProgram {
		luaval.ArgError(L, 1, "a program of more than 64 KiB")
	}
	var names []string
	for n := 2; n <= L.GetTop(); n++ {
		name := luaval.CheckString(L, n)
		if !variableName.MatchString(name) {
			luaval.ArgError(L, n, "the name of a variable expected, without $")
		}
		names = append(names, "$"+name)
	}
	query, err := gojq.Parse(text)
	var code *gojq.Code
	if err == nil {
		code, err = gojq.Compile(query, gojq.WithVariables(names))
	}
	if err != nil {
		luaval.ArgError(L, 1, "jq: "+err.Error())
	}
	return &program{code, len(names)}
}

// value returns argument n as a program sees it.
func (p *program) value(L *lua.LState, n int) any {
	text, err := jsonlua.Append(luaval.BudgetOf(L), nil, L.Get(n))
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	v, err := parse(text)
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return v
}

// run calls result with one result after the other, until it returns false. It raises what goes
// wrong. Arguments from 3 are the variables.
func (p *program) run(L *lua.LState, v any, result func(any) bool) {
	if given := max(L.GetTop()-2, 0); given != p.variables {
		L.RaiseError("jq: the program has %d variables, got %d values", p.variables, given)
	}
	var values []any
	for n := 3; n <= L.GetTop(); n++ {
		values = append(values, p.value(L, n))
	}
	ctx := context.Background()
	if b := luaval.BudgetOf(L); b != nil {
		ctx = b
	}
	results := p.code.RunWithContext(ctx, v, values...)
	for {
		v, ok := next(results)
		if err, failed := v.(error); failed {
			luaval.CheckBurst(L)
			L.RaiseError("jq: %s", message(err))
		}
		if !ok || !result(v) {
			return
		}
	}
}

// next is the next result. A panic is one of the library's, about a program or data that it does not
// understand.
func next(results gojq.Iter) (v any, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			v, ok = fmt.Errorf("%v", p), true
		}
	}()
	return results.Next()
}

// message is what an error says. halt is no way to end quietly.
func message(err error) string {
	var halt *gojq.HaltError
	if errors.As(err, &halt) {
		return "the program has called halt"
	}
	return err.Error()
}

// toLua makes a value of a result, of which nothing is lost.
func toLua(L *lua.LState, v any) lua.LValue {
	result, err := jsonlua.DecodeWith(L, encode(L, v), jsonlua.Options{Null: true, Exact: true})
	if err != nil {
		L.RaiseError("jq: %s", err)
	}
	return result
}

// encode returns the JSON of a result.
func encode(L *lua.LState, v any) []byte {
	text, err := gojq.Marshal(v)
	if err != nil {
		L.RaiseError("jq: %s", err)
	}
	if len(text) > luaval.MaxStringBytes {
		L.RaiseError("jq: a result of more than 16 MiB")
	}
	luaval.CheckBurst(L)
	return text
}

// parse reads JSON for a program.
func parse(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one value")
	}
	return v, checkNumbers(v)
}

// checkNumbers refuses numbers that take long.
func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		if len(v) > MaxDigits {
			return fmt.Errorf("a number of more than %d digits", MaxDigits)
		}
	case []any:
		for _, e := range v {
			if err := checkNumbers(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := checkNumbers(e); err != nil {
				return err
			}
		}
	}
	return nil
}
