package luart

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/hopbyhop"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/policy"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// FunctionKind says what a function is asked for. Its text is that of the rover
// function that registers one.
type FunctionKind string

// The kinds of functions.
const (
	MatcherFunction FunctionKind = "matcher" // rover.matcher(name, function(ctx) … end)
	PolicyFunction  FunctionKind = "policy"  // rover.policy(name, function(ctx, upstreams) … end)

	PermissionFunction  FunctionKind = "tls_permission"  // rover.tls_permission(name, function(server_name) … end)
	CertificateFunction FunctionKind = "tls_certificate" // rover.tls_certificate(name, function(server_name) … end)
)

// functions are what a script registered for the server's own places, by name. They do
// not change once it has loaded.
type functions map[FunctionKind]map[string]*handler

// register is rover.matcher(name, f), rover.policy(name, f) and the like: the server calls f where
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
		h := newHook(d, string(kind)+" "+name)
		if kind == PermissionFunction || kind == CertificateFunction {
			h.quota.Reserved = false // anybody can ask for a name: that takes no place from what others depend on
		}
		g.functions[kind][name] = h
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

// Route returns "matcher name", which logs and metrics have where a request has its route.
func (f *Function) Route() string { return f.handler.route }

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

// Select has a policy choose one of upstreams for a request: it returns the index, or
// -1 when the policy wants none of them. Otherwise it is like Match.
func (f *Function) Select(r *http.Request, host Host, class eventloop.Class, upstreams []policy.Upstream) (chosen int, err error) {
	var c *policy.Choice
	err = f.ask(r, host, class, func(L *lua.LState) lua.LValue {
		c = policy.NewChoice(L, upstreams)
		return c.List()
	}, func(v lua.LValue) (wrong string) {
		chosen, wrong = c.Index(v)
		return wrong
	})
	if err != nil {
		return -1, err
	}
	return chosen, nil
}

// question is what a matcher or a policy is asked about a request. The holder calls its
// functions.
type question struct {
	what  string                          // that is asked: "matcher"
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
	x.asked = &question{strings.Fields(h.route)[0], arg, check}
	if x.gen.inQuarantine(h) {
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
	if x.forward.decided != nil { // by ctx:set_var
		reqbody.StrikeTrailers(r, x.forward.decided)
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
