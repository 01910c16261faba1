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
	"net/http"
	"regexp"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"
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

	// DefaultMax bounds the data of a run, as JSON, and LargestMax what a script may set. Builtins
	// take the square of its size, and nothing interrupts them.
	DefaultMax, LargestMax = 16 << 10, 1 << 20
)

var options = luaval.NewOptions("max")

// Library is rover.jq. Values become plain Go data, and results values, while the VM is held, as all
// Lua code does. The program itself runs without it (see runs). It sees its data and its variables
// alone: no environment, no modules, no other input.
var Library = &lib.Library{
	Name: "jq", Stubs: stubs,
	Makes:   map[string]string{"compile": "jq program"},
	Options: map[string]luaval.OptionsAt{"compile": options.At(2, 3, 4, 5, 6, 7, 8, 9)},
	NewState: func(vm lib.VM) any {
		return &state{luaval.NewType(vm.L(), "jq program", methods, nil), vm, newRuns()}
	},
	Open: func(s *lib.Scope) lua.LValue {
		state, t := s.State.(*state), s.L().NewTable()
		t.RawSetString("compile", s.L().NewFunction(func(L *lua.LState) int {
			L.Push(luaval.NewObject(state.meta, compile(L, state)))
			return 1
		}))
		return t
	},
}

// state is the type of programs in a VM, and what runs of them.
type state struct {
	meta *lua.LTable
	vm   lib.VM
	runs *runs
}

var methods = map[string]lua.LGFunction{
	// program:first(value[, variables …]): its first result; nil: it gives none.
	"first": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:first(value)")
		result := lua.LNil
		for _, text := range p.run(L, p.value(L, 2), 1) {
			result = toLua(L, text)
		}
		L.Push(result)
		return 1
	},
	// program:all(value[, variables …]): the list of its results.
	"all": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:all(value)")
		list := L.NewTable()
		for _, text := range p.run(L, p.value(L, 2), MaxResults) {
			list.Append(toLua(L, text))
		}
		L.Push(list)
		return 1
	},
	// program:text(json[, variables …]): its first result as JSON; nil: it gives none. Numbers keep
	// all their digits.
	"text": func(L *lua.LState) int {
		p := luaval.CheckSelf[*program](L, "jq program", "program:text(json)")
		text := luaval.CheckString(L, 2)
		p.checkSize(L, len(text))
		// What others may read in another way must not go on as this program reads it.
		_, err := jsonlua.DecodeWith(L, []byte(text), jsonlua.Options{Strict: true})
		v := input{size: len(text)}
		if err == nil {
			v.value, err = parse([]byte(text))
		}
		if err != nil {
			luaval.RaiseStatus(L, http.StatusBadRequest, "invalid JSON: "+err.Error())
		}
		result := lua.LNil
		for _, text := range p.run(L, v, 1) {
			result = lua.LString(text)
		}
		L.Push(result)
		return 1
	},
}

// variableName is what a variable is called.
var variableName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// compile reads a program, the names of its variables and options from the arguments.
func compile(L *lua.LState, of *state) *program {
	text := luaval.CheckString(L, 1)
	if len(text) > MaxProgram {
		luaval.ArgError(L, 1, "a program of more than 64 KiB")
	}
	p := &program{of: of, max: DefaultMax, idle: make(chan *compiled, runtime.GOMAXPROCS(0))}
	last := L.GetTop()
	if t, ok := L.Get(last).(*lua.LTable); ok && last > 1 {
		options.Each(L, t, last, func(name string, v lua.LValue) {
			size, _ := v.(lua.LString)
			n, err := humanize.ParseBytes(string(size))
			if err != nil || n < 1 || n > LargestMax {
				luaval.CheckOption(L, last, name, v, `a size up to 1MiB, as "64KiB"`)
			}
			p.max = int(n)
		})
		last--
	}
	for n := 2; n <= last; n++ {
		name := luaval.CheckString(L, n)
		if !variableName.MatchString(name) || strings.HasPrefix(name, "__rover_") {
			luaval.ArgError(L, n, "the name of a variable expected, without $")
		}
		p.variables = append(p.variables, "$"+name)
	}
	err := p.read(text)
	if err == nil {
		var c *compiled
		if c, err = p.compile(); err == nil {
			p.idle <- c
		}
	}
	if err != nil {
		luaval.ArgError(L, 1, "jq: "+err.Error())
	}
	return p
}

// input is data of a run, with its size as JSON.
type input struct {
	value any
	size  int
}

// value returns argument n as a program sees it.
func (p *program) value(L *lua.LState, n int) input {
	text, err := jsonlua.Append(luaval.BudgetOf(L), nil, L.Get(n))
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	p.checkSize(L, len(text))
	v, err := parse(text)
	if err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return input{v, len(text)}
}

// checkSize raises for data that takes too long.
func (p *program) checkSize(L *lua.LState, size int) {
	if size > p.max {
		luaval.RaiseStatus(L, http.StatusRequestEntityTooLarge, fmt.Sprintf(
			"jq: the value and the variables are more than %d bytes of JSON (option max of compile)", p.max))
	}
}

// run returns the results as JSON, up to a number of them. It raises what goes wrong. Arguments
// from 3 are the variables.
func (p *program) run(L *lua.LState, v input, limit int) [][]byte {
	if given := max(L.GetTop()-2, 0); given != len(p.variables) {
		L.RaiseError("jq: the program has %d variables, got %d values", len(p.variables), given)
	}
	var values []any
	for n := 3; n <= L.GetTop(); n++ {
		e := p.value(L, n)
		v.size += e.size
		p.checkSize(L, v.size)
		values = append(values, e.value)
	}
	leave, err := p.of.runs.take()
	if err != nil {
		luaval.RaiseStatus(L, http.StatusServiceUnavailable, err.Error())
	}
	defer leave()
	var results [][]byte
	p.of.vm.Caller().Await(L, lib.WaitsOn{What: "rover.jq"}, func(ctx context.Context) {
		results, err = p.of.runs.run(ctx, func(ctx context.Context) ([][]byte, error) {
			return p.results(ctx, v.value, values, limit)
		})
	})
	switch {
	case errors.Is(err, errBusy), errors.Is(err, errTime):
		luaval.RaiseStatus(L, http.StatusServiceUnavailable, err.Error())
	case err != nil:
		L.RaiseError("jq: %s", err)
	}
	return results
}

// toLua makes a value of a result, of which nothing is lost.
func toLua(L *lua.LState, text []byte) lua.LValue {
	result, err := jsonlua.DecodeWith(L, text, jsonlua.Options{Null: true, Exact: true})
	if err != nil {
		L.RaiseError("jq: %s", err)
	}
	return result
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

var errDigits = fmt.Errorf("a number of more than %d digits", MaxDigits)

// checkNumbers refuses numbers that take long.
func checkNumbers(v any) error {
	switch v := v.(type) {
	case json.Number:
		if len(v) > MaxDigits {
			return errDigits
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
