// Package guard is rover.guard: what a script expects of data, said by validators.
package guard

import (
	_ "embed"
	"regexp"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

//go:embed guard.lua
var stubs string

// Library is rover.guard.
var Library = &lib.Library{
	Name: "guard", Stubs: stubs,
	Makes: makes(),
	Open:  open,
}

const typeName = "validator"

// kinds are the constructors.
var kinds = map[string]schema.Kind{
	"string": schema.String, "number": schema.Number, "integer": schema.Integer, "boolean": schema.Boolean,
	"array": schema.Array, "object": schema.Object,
}

// makes says what returns validators: constructors, and all methods of validators.
func makes() map[string]string {
	all := map[string]string{}
	for name := range kinds {
		all[name] = typeName
	}
	for _, method := range expect.Modifiers {
		all[typeName+":"+method] = typeName
	}
	return all
}

// guard is rover.guard, or what extend has made of one.
type guard struct {
	scope    *lib.Scope
	self     *lua.LTable
	meta     *lua.LTable               // of its validators
	methods  map[string]*lua.LFunction // those of extend
	warnings expect.Warnings
}

func open(s *lib.Scope) lua.LValue { return newGuard(s, typeName, nil).self }

// newGuard makes a guard whose validators have methods of a script.
func newGuard(s *lib.Scope, name string, methods map[string]*lua.LFunction) *guard {
	L := s.L()
	g := &guard{scope: s, self: L.NewTable(), methods: methods}
	g.warnings.Logger = s.Logger()
	all := make(map[string]lua.LGFunction, len(expect.Modifiers))
	for _, name := range expect.Modifiers {
		all[name] = func(L *lua.LState) int { return g.modify(L, name) }
	}
	g.meta = luaval.NewType(L, name, all, func(L *lua.LState) int {
		if fn := methods[L.Get(2).String()]; fn != nil && L.Get(2).Type() == lua.LTString {
			L.Push(fn)
		} else {
			L.Push(lua.LNil)
		}
		return 1
	})
	functions := map[string]lua.LGFunction{"validate": g.validate, "extend": g.extend}
	for name, kind := range kinds {
		functions[name] = func(L *lua.LState) int { return g.make(L, kind) }
	}
	L.SetFuncs(g.self, functions)
	meta := L.NewTable()
	meta.RawSetString("__call", L.NewFunction(g.call))
	meta.RawSetString("__metatable", lua.LFalse)
	g.self.Metatable = meta
	return g
}

// argument is the place of the first argument: g:string() gives the guard itself before.
func (g *guard) argument(L *lua.LState) int {
	if L.Get(1) == lua.LValue(g.self) {
		return 2
	}
	return 1
}

// make is g:string() and its like.
func (g *guard) make(L *lua.LState, kind schema.Kind) int {
	var in lua.LValue
	if at := g.argument(L); L.GetTop() >= at {
		switch in = L.Get(at); {
		case kind != schema.Array && kind != schema.Object:
			luaval.ArgError(L, at, "nothing expected: what else there is to say are methods, as in g:"+kind.String()+"():required()")
		case in == lua.LNil: // a variable that is not there: nothing would be checked
			luaval.ArgTypeError(L, at, "schema")
		}
	}
	L.Push(luaval.NewObject(g.meta, expect.NewValidator(L, kind, in, g.warnings.Of(L))))
	return 1
}

// modify is v:required() and its like.
func (g *guard) modify(L *lua.LState, name string) int {
	v := luaval.CheckSelf[*expect.Validator](L, typeName, "v:"+name+"()")
	why := ""
	switch name {
	case "nullable", "email", "uuid", "url":
		if L.GetTop() > 1 {
			why = "takes no argument"
		}
	}
	if why == "" {
		why = v.Modify(L, name, L.Get(2))
	}
	if why != "" {
		L.RaiseError("%s: %s", name, why)
	}
	if ignored := v.Ignored(); ignored != "" && (name == "required" || name == "default") {
		g.warnings.Of(L)(ignored)
	}
	L.SetTop(1)
	return 1
}

// call is rover.guard(data, schema).
func (g *guard) call(L *lua.LState) int {
	L.Remove(1) // the script has written what follows only
	data := luaval.CheckTable(L, 1)
	field := expect.Read(L, "data", luaval.CheckAny(L, 2), g.warnings.Of(L))
	v, faults := expect.Check(L, "data", field, data, expect.Options{})
	if faults != nil {
		expect.Raise(L, faults)
	}
	L.Push(v)
	return 1
}

// position is what error writes before a text: file:line, where the name of the file has no blank in it.
var position = regexp.MustCompile(`^[^\s:]*[^\s:0-9][^\s:]*:[0-9]+: `)

// validate is g.validate(f): it returns what f does. A text that f raises goes on without the place
// where that was.
func (g *guard) validate(L *lua.LState) int {
	at := g.argument(L)
	fn := luaval.CheckFunction(L, at)
	defer func() {
		raised := recover()
		if err, ok := raised.(*lua.ApiError); ok && err.Type == lua.ApiErrorRun {
			b := luaval.BudgetOf(L)
			if text, isText := err.Object.(lua.LString); isText && (b == nil || !b.Over()) {
				err.Object = lua.LString(position.ReplaceAllString(string(text), ""))
			}
		}
		if raised != nil {
			panic(raised)
		}
	}()
	L.SetTop(at)
	L.Push(fn)
	L.Call(0, lua.MultRet)
	return L.GetTop() - at
}

// extend is g:extend{name = function(self, …) … return self end}.
func (g *guard) extend(L *lua.LState) int {
	at := g.argument(L)
	methods := map[string]*lua.LFunction{}
	for name, fn := range g.methods {
		methods[name] = fn
	}
	luaval.EachField(L, luaval.CheckTable(L, at), func(name string, v lua.LValue) {
		fn, ok := v.(*lua.LFunction)
		if !ok {
			luaval.ArgError(L, at, "'"+luaval.Shown(name)+"': a function expected, got "+luaval.TypeName(v))
		}
		for _, own := range expect.Modifiers {
			if name == own {
				luaval.ArgError(L, at, "'"+name+"' is a method of all validators: take another name")
			}
		}
		methods[name] = fn
	})
	L.Push(newGuard(g.scope, "extended validator", methods).self)
	return 1
}
