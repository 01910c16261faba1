package luart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/luaval"
)

// limitRule is api.login.limit{…}: how often requests may come, here and below. It is asked in
// Go, before any Lua runs.
type limitRule struct {
	name    string // its keys' and metrics': the pattern, or what the script says
	where   string
	limiter *limit.Limiter
	waits   bool // for a store
	cost    int64
	key     ruleKey
	asHook  *handler // for requests that a before hook rewrites to the place
}

// hookLimits are the limits that are before hooks, because functions of the script find their keys.
type hookLimits map[*lua.LFunction]*limitRule

// limitOptions are those of node.limit.
var limitOptions = luaval.NewOptions("rate", "per", "burst", "key", "cost", "name", "shared", "on_failure").
	Words("on_failure", "local", "closed", "open")

// addLimit is node.limit{…}.
func (g *Generation) addLimit(L *lua.LState, n *api.Node) {
	rule := &limitRule{where: luaval.CallerLine(L), cost: 1, key: ruleKey{of: addressKey}}
	o := limit.Options{Store: g.store}
	shared := true
	var asks *lua.LFunction // for the key
	fail := func(name string, v lua.LValue, want string) { luaval.CheckOption(L, 1, name, v, want) }
	limitOptions.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		switch name {
		case "rate", "per", "burst":
			f, _ := v.(lua.LNumber)
			if want, ok := o.ReadRate(name, float64(f)); !ok {
				fail(name, v, want)
			}
		case "cost":
			f, _ := v.(lua.LNumber)
			if rule.cost = int64(f); lua.LNumber(rule.cost) != f || f < 1 || f > 1e9 {
				fail(name, v, "an integer from 1 to 1e9")
			}
		case "key":
			if fn, ok := v.(*lua.LFunction); ok {
				asks = fn
				return
			}
			if rule.key = requestKey(v); rule.key.of == nil {
				fail(name, v, keyNames+" or a function")
			}
		case "name":
			rule.name = ruleName(v)
			if rule.name == "" {
				fail(name, v, ruleNames)
			}
		case "shared":
			if v != lua.LTrue && v != lua.LFalse {
				fail(name, v, "a boolean")
			}
			shared = v == lua.LTrue
		case "on_failure":
			policy, ok := limit.FailureNamed(v.String())
			if !ok {
				fail(name, v, `"local", "closed" or "open"`)
			}
			o.OnFailure = policy
		}
	})
	if err := o.Complete(); err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	if rule.cost > o.Rate.Burst {
		luaval.ArgError(L, 1, fmt.Sprintf("a cost of %d is more than the burst of %d: nothing would be let through", rule.cost, o.Rate.Burst))
	}
	rule.name = g.ruleNameAt(L, n, "limit", rule.name)
	if !shared {
		o.Store = g.vm.kept
	}
	g.openLimit(rule, o)
	if asks == nil {
		n.Rules = append(n.Rules, api.Rule{Kind: "limit", Name: rule.name, Where: rule.where, Rule: rule})
		return
	}
	hook := L.NewFunction(func(L *lua.LState) int { return rule.ask(L, g.vm, asks) })
	if g.byHook == nil {
		g.byHook = hookLimits{}
	}
	g.byHook[hook] = rule
	n.Before.List = append(n.Before.List, api.Definition{Name: "limit " + rule.name, Fn: hook, Where: rule.where})
}

// openLimit opens what counts for a rule, until the generation retires. o has its rate and its store.
func (g *Generation) openLimit(rule *limitRule, o limit.Options) {
	o.Name, o.Leases, o.Fallback = rule.name, !o.Store.Local(), g.vm.fallback
	o.Counts, o.Held = g.vm.limits.of(rule.name), &g.vm.held
	rule.limiter, rule.waits = limit.New(o), o.Leases
	fn := g.vm.main.NewFunction(func(L *lua.LState) int { return rule.hook(L, g.vm) })
	rule.asHook = newHook(api.Definition{Name: rule.name, Fn: fn, Where: rule.where}, "limit "+rule.name)
	g.onRetire = append(g.onRetire, func() { g.vm.closings.Go(rule.limiter.Close) })
}

// ask is the before hook of a rule whose key a function of the script finds: what it returns, or the
// client's address where that is nil. false is no key: the rule does not count the request.
func (rule *limitRule) ask(L *lua.LState, vm *VM, key *lua.LFunction) int {
	x := vm.cur.x
	L.Push(key)
	L.Push(L.Get(1))
	L.Call(1, 1)
	of, _ := addressKey(x) // which every request has
	switch v := L.Get(-1); v {
	case lua.LNil:
	case lua.LFalse:
		return 0
	default:
		text, ok := luaval.StringValue(v)
		if !ok {
			L.RaiseError("limit %s: the key is a %s; a string, nil or false expected", rule.name, luaval.TypeName(v))
		}
		of = "key:" + text
	}
	return rule.count(L, vm, x, of)
}

// hook is the rule as a before hook.
func (rule *limitRule) hook(L *lua.LState, vm *VM) int {
	x := vm.cur.x
	key, err := rule.key.of(x)
	var unclear *UnclearKeyError
	if errors.As(err, &unclear) {
		luaval.RaiseStatus(L, http.StatusBadRequest, unclear.Text())
	}
	return rule.count(L, vm, x, key)
}

// count counts the request in the VM, by a key. It raises why it is not let through.
func (rule *limitRule) count(L *lua.LState, vm *VM, x *Exchange, of string) int {
	var d limit.Decision
	if rule.waits {
		vm.await(L, waitsOn{what: "limit", which: rule.name}, func(ctx context.Context) { d = rule.limiter.Allow(ctx, of, rule.cost) })
	} else {
		d = rule.limiter.Allow(context.Background(), of, rule.cost)
	}
	x.forward.clientHead.change(x.w, func(h http.Header) { x.limits.tell(h, rule, d) })
	if d.Allowed {
		return 0
	}
	failed := luaval.NewError(http.StatusTooManyRequests, "Too many requests")
	headers := L.NewTable()
	if !d.TooOften() {
		failed = luaval.NewError(http.StatusServiceUnavailable, "the limit cannot be asked")
		failed.RawSetString("cause", lua.LString(d.Err.Error()))
	} else if d.Retry > 0 {
		headers.RawSetString("Retry-After", lua.LString(strconv.FormatInt(wholeSeconds(d.Retry), 10)))
	}
	failed.RawSetString("headers", headers)
	L.Error(failed, 0)
	return 0
}
