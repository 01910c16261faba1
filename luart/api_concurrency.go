package luart

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/luaval"
)

// concurrencyRule is api.reports.concurrency{…}: how many requests may be under way at once, here
// and below. It is asked in Go, before any Lua runs.
type concurrencyRule struct {
	name  string // the pattern, or what the script says
	where string
	at    *limit.GateRule // of the VM's gate of that name: versions of the script count together
	key   ruleKey
}

// concurrencyOptions are those of node.concurrency.
var concurrencyOptions = luaval.NewOptions("max", "wait", "queue", "key", "name")

// The bounds of a rule that says nothing else, and those of what it may say.
const (
	defaultPlaceQueue = 100
	maxPlaces         = 100_000
	maxPlaceWait      = time.Hour
)

// addConcurrency is node.concurrency{…}.
func (g *Generation) addConcurrency(L *lua.LState, n *api.Node) {
	rule := &concurrencyRule{where: luaval.CallerLine(L), key: ruleKey{of: routeKey}}
	bounds := limit.Bounds{Queue: defaultPlaceQueue}
	fail := func(name string, v lua.LValue, want string) { luaval.CheckOption(L, 1, name, v, want) }
	integer := func(name string, v lua.LValue, most int, want string) int {
		f, _ := v.(lua.LNumber)
		i := int(f)
		if lua.LNumber(i) != f || i < 1 || i > most {
			fail(name, v, want)
		}
		return i
	}
	concurrencyOptions.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		switch name {
		case "max":
			bounds.Max = integer(name, v, maxPlaces, "an integer from 1 to 100000")
		case "queue":
			bounds.Queue = integer(name, v, limit.MaxWaiting, "an integer from 1 to 10000")
		case "wait":
			f, ok := v.(lua.LNumber)
			if !ok || !(f >= 0 && float64(f) <= maxPlaceWait.Seconds()) {
				fail(name, v, "seconds, 0 to 3600,")
			}
			bounds.Wait = time.Duration(float64(f) * float64(time.Second))
		case "key":
			if rule.key = requestKey(v); rule.key.of == nil {
				fail(name, v, keyNames)
			}
		case "name":
			if rule.name = ruleName(v); rule.name == "" {
				fail(name, v, ruleNames)
			}
		}
	})
	if bounds.Max == 0 {
		luaval.ArgError(L, 1, "how many at once? max is not given")
	}
	rule.name = g.ruleNameAt(L, n, "concurrency", rule.name)
	id := fmt.Sprint(g.name, " ", n.Path(), " ", len(n.Rules)) // the same in the next version
	rule.at = g.vm.gates.of(g.vm, rule.name).Rule(id, bounds)
	g.onRetire = append(g.onRetire, func() { rule.at.End(g.livesOn()) })
	n.Rules = append(n.Rules, api.Rule{Kind: "concurrency", Name: rule.name, Where: rule.where, Rule: rule})
}
