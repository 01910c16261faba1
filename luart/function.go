package luart

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/hopbyhop"
	"github.com/caddy-rover/rover/luart/luaval"
)

// FunctionKind says what a function is asked for. Its text is that of the rover
// function that registers one.
type FunctionKind string

// The kinds of functions.
const (
	MatcherFunction FunctionKind = "matcher" // rover.matcher(name, function(ctx) … end)
	PolicyFunction  FunctionKind = "policy"  // rover.policy(name, function(ctx, upstreams) … end)
)

// functions are what a script registered for the server's own places, by name. They do
// not change once it has loaded.
type functions map[FunctionKind]map[string]*handler

// register is rover.matcher(name, f) and rover.policy(name, f): the server calls f where
// its configuration names it. Errors: an empty name, one that is registered already, a
// script that has loaded.
func (g *Generation) register(kind FunctionKind) lua.LGFunction {
	return func(L *lua.LState) int {
		name, fn := luaval.CheckString(L, 1), luaval.CheckFunction(L, 2)
		switch had := g.functions[kind][name]; {
		case name == "":
			luaval.ArgError(L, 1, "a name expected, got an empty string")
		case had != nil:
			L.RaiseError("rover.%s: %q is registered already, at %s", kind, name, had.where)
		case g.tree != nil:
			L.RaiseError("rover.%s: the script has loaded; what it registers is registered at its top level", kind)
		}
		if g.functions[kind] == nil {
			g.functions[kind] = map[string]*handler{}
		}
		d := api.Definition{Name: name, Fn: fn, Where: luaval.CallerLine(L)}
		g.functions[kind][name] = newHook(d, string(kind)+" "+name)
		return 0
	}
}

// Function is a Lua function that a script registered for one of the server's own
// places. Any goroutine may call its methods.
type Function struct {
	gen     *Generation
	handler *handler
}

// Function returns the function that the script registered by a name, nil if there is
// none.
func (g *Generation) Function(kind FunctionKind, name string) *Function {
	h := g.functions[kind][name]
	if h == nil {
		return nil
	}
	return &Function{g, h}
}

// Functions returns the names of the functions that the script registered, sorted.
func (g *Generation) Functions(kind FunctionKind) []string {
	return slices.Sorted(maps.Keys(g.functions[kind]))
}

// Match asks a matcher about a request. It enters the VM as a handler does, and may wait.
// The error is a *ScriptError, which has been logged, or one of those of Exchange.Run.
func (f *Function) Match(r *http.Request, host Host, class eventloop.Class) (matched bool, err error) {
	err = f.ask(r, host, class, nil, func(v lua.LValue) (wrong string) {
		switch v := v.(type) {
		case lua.LBool:
			matched = bool(v)
		case *lua.LNilType:
		default:
			return "returned a " + luaval.TypeName(v) + ": a boolean or nil expected"
		}
		return ""
	})
	return matched && err == nil, err
}

// Upstream is what a policy is told about an upstream that can be chosen.
type Upstream struct {
	Dial        string // address, as the configuration gives it
	Host        string // of Dial
	Place       int    // in the configuration's list, from 1: it stays when others are down
	Requests    int    // being served by it
	MaxRequests int    // that it may serve at once; 0: any number
	Fails       int    // remembered by passive health checks
}

func (u *Upstream) table(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 6)
	t.RawSetString("dial", lua.LString(u.Dial))
	t.RawSetString("host", lua.LString(u.Host))
	t.RawSetString("place", lua.LNumber(u.Place))
	t.RawSetString("requests", lua.LNumber(u.Requests))
	t.RawSetString("fails", lua.LNumber(u.Fails))
	if u.MaxRequests > 0 {
		t.RawSetString("max_requests", lua.LNumber(u.MaxRequests))
	}
	return t
}

// Select has a policy choose one of upstreams for a request: it returns the index, or
// -1 when the policy wants none of them. Otherwise it is like Match.
func (f *Function) Select(r *http.Request, host Host, class eventloop.Class, upstreams []Upstream) (chosen int, err error) {
	var c choice
	err = f.ask(r, host, class, func(L *lua.LState) lua.LValue {
		c = newChoice(L, upstreams)
		return c.list
	}, func(v lua.LValue) (wrong string) {
		chosen, wrong = c.index(v)
		return wrong
	})
	if err != nil {
		return -1, err
	}
	return chosen, nil
}

// choice is what a policy chooses from. It is the holder's.
type choice struct {
	upstreams []Upstream
	entries   []*lua.LTable // of the upstreams
	list      *lua.LTable   // the entries, until the policy changes it: sorts it, for instance
}

func newChoice(L *lua.LState, upstreams []Upstream) choice {
	c := choice{upstreams, make([]*lua.LTable, len(upstreams)), L.CreateTable(len(upstreams), 0)}
	for i := range upstreams {
		c.entries[i] = upstreams[i].table(L)
		c.list.RawSetInt(i+1, c.entries[i])
	}
	return c
}

// index returns the index of the upstream that a policy meant with v, -1 for none, or
// what is wrong with v.
func (c *choice) index(v lua.LValue) (at int, wrong string) {
	switch v := v.(type) {
	case *lua.LNilType:
		return -1, ""
	case lua.LString:
		if at = slices.IndexFunc(c.upstreams, func(u Upstream) bool { return u.Dial == string(v) }); at < 0 {
			return -1, fmt.Sprintf("returned %q, which is not the dial of an upstream that is available", string(v))
		}
		return at, ""
	case lua.LNumber:
		if n := int(v); lua.LNumber(n) == v {
			if t, ok := c.list.RawGetInt(n).(*lua.LTable); ok {
				return c.index(t)
			}
		}
		return -1, fmt.Sprintf("returned %s: the list has upstreams 1 to %d", v, c.list.Len())
	case *lua.LTable:
		if at = slices.Index(c.entries, v); at >= 0 {
			return at, ""
		}
	}
	return -1, "returned a " + luaval.TypeName(v) + ": an upstream of the list, its number, its dial or nil expected"
}

// question is what a matcher or a policy is asked about a request. The holder calls its
// functions.
type question struct {
	arg   func(*lua.LState) lua.LValue    // makes what the function gets beside ctx; nil: nothing
	check func(lua.LValue) (wrong string) // gets the result, and says what is wrong with it
}

// ask enters the VM once and calls the function.
func (f *Function) ask(r *http.Request, host Host, class eventloop.Class, arg func(*lua.LState) lua.LValue, check func(lua.LValue) (wrong string)) error {
	vm, h := f.gen.vm, f.handler
	if vm.memory.Refuses() {
		return ErrMemory
	}
	x := f.gen.exchanges.Get().(*Exchange)
	defer x.End()
	x.init(nil, hopbyhop.Without(r), host, nil)
	x.match.Handler = h
	x.asked = &question{arg, check}
	if x.inQuarantine(h) {
		x.setQuarantineReply(h)
		return x.outcome.err
	}
	x.setDeadline()
	x.phase = phaseQuestion
	if err := x.contain(vm.loop.DoClass(x.ctx, class, x.quota(), x.enter)); err != nil {
		return err
	}
	if x.outcome.err != nil {
		return x.outcome.err
	}
	return nil
}

// answerQuestion calls the function that is asked. Only the holder may call it.
func (x *Exchange) answerQuestion() {
	defer x.closeCtx()
	vm, h := x.gen.vm, x.match.Handler
	args := []lua.LValue{x.ctxValue()}
	if x.asked.arg != nil {
		args = append(args, x.asked.arg(vm.main))
	}
	v, err := vm.call1(&x.call, h.fn, args...)
	if err == nil {
		wrong := x.asked.check(v)
		if wrong == "" {
			return
		}
		err = &ScriptError{Status: http.StatusInternalServerError, Message: h.where + ": " + h.route + " " + wrong}
	}
	x.logFailure(err, h)
	x.outcome.err = err
}
