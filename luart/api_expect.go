package luart

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/schema"
)

// expectRule is api.orders.expect{post = {…}}: what requests to this place are to bring, by their
// methods. It is decided in Go, before any Lua runs.
type expectRule struct {
	name, where string
	methods     [route.MethodCount]*schema.Request // nil: anything
	counts      *RuleCounts
	asHook      *handler // for requests that a before hook rewrites to the place
}

// placeExpectOptions are those of node.expect: the methods.
var placeExpectOptions = byMethod(expect.RequestOptions).Narrowing(route.MethodNames[:]...)

// addExpect is node.expect{…}.
func (g *Generation) addExpect(L *lua.LState, n *api.Node) {
	rule := &expectRule{where: luaval.CallerLine(L)}
	for _, other := range n.Rules {
		if other.Kind == "expect" {
			L.RaiseError("%s.expect: what is expected here is said already (%s)", n.Lua(), other.Where)
		}
	}
	warn := g.warnings().Of(L)
	methods := 0
	placeExpectOptions.Each(L, luaval.CheckTable(L, 1), 1, func(method string, v lua.LValue) {
		t, ok := v.(*lua.LTable)
		if !ok {
			luaval.CheckOption(L, 1, method, v, "{ body = …, query = …, params = …, headers = … }")
		}
		r := expect.ReadRequest(L, "expect: "+method, t, warn)
		if r.Params != nil {
			checkParams(L, n, method, r.Params)
		}
		rule.methods[route.MethodIndex(method)] = r
		methods++
	})
	if methods == 0 {
		luaval.ArgError(L, 1, "what is expected of which method? { post = { body = … } }, say")
	}
	rule.name = g.ruleNameAt(L, n, "expect", "")
	rule.counts = g.vm.rules.of(RuleID{"expect", rule.name})
	fn := g.vm.main.NewFunction(func(L *lua.LState) int { return rule.hook(L, g.vm) })
	rule.asHook = newHook(api.Definition{Name: rule.name, Fn: fn, Where: rule.where}, "expect "+rule.name)
	n.Rules = append(n.Rules, api.Rule{Kind: "expect", Name: rule.name, Where: rule.where, Rule: rule})
}

// checkParams raises for a parameter that the pattern of a place does not have: it would never be there.
func checkParams(L *lua.LState, n *api.Node, method string, params *schema.Field) {
	var names []string
	for at := n; at != nil; at = at.Parent {
		if at.Kind != route.Static {
			names = append(names, at.Name)
		}
	}
	known := luaval.NewOptions(names...)
	for _, f := range params.Schema.Fields {
		if why := known.Unknown(f.Name); why != "" {
			L.RaiseError("expect: %s: params: %s has no parameter %q: it has %s", method, n.Path(), f.Name,
				strings.Join(append(names, "no other"), ", "))
		}
	}
}

// of returns what is expected of a request's method; nil: nothing.
func (rule *expectRule) of(method string) *schema.Request {
	m := route.MethodIndex(strings.ToLower(method)) // "post" is POST to some
	if m == route.Any {
		m = -1
	}
	if m >= 0 && rule.methods[m] != nil {
		return rule.methods[m]
	}
	if m == route.Head && rule.methods[route.Get] != nil {
		return rule.methods[route.Get]
	}
	return rule.methods[route.Any]
}
