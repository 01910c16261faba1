package luart

import (
	"net/http"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
)

// rateLimitTable is the option rate_limit of rover.server.
type rateLimitTable struct {
	global *tableLimit // nil: none
	scoped []*tableLimit
}

// tableLimit is a limit of the table.
type tableLimit struct {
	path    string // the pattern as it is written; "" of the global one
	pattern route.PathPattern
	rate    limit.Options
	key     ruleKey
}

// The options of the table.
var (
	tableLimitOptions = luaval.NewOptions("path_pattern", "requests_per_window", "window_secs", "key_header")
	rateLimitOptions  = luaval.NewOptions("enabled", "global", "scoped").
				Within("global", tableLimitOptions).WithinEach("scoped", tableLimitOptions)
)

// What a limit of the table is that says nothing else, and how many there may be.
const (
	defaultWindowRequests = 1000
	defaultWindowSeconds  = 60
	maxScoped             = 100
)

// readRateLimit reads the option; nil: there are no limits.
func readRateLimit(L *lua.LState, v lua.LValue) *rateLimitTable {
	const at = "rover.server: rate_limit"
	table := &rateLimitTable{}
	enabled, global := true, lua.LValue(L.NewTable())
	switch v := v.(type) {
	case lua.LBool:
		enabled = bool(v)
	case *lua.LTable:
		rateLimitOptions.EachOf(L, v, at, func(name string, v lua.LValue) {
			switch name {
			case "enabled":
				if v != lua.LTrue && v != lua.LFalse {
					L.RaiseError("%s.enabled should be a boolean, not %s", at, luaval.TypeName(v))
				}
				enabled = v == lua.LTrue
			case "global":
				global = v
			case "scoped":
				table.scoped = readScoped(L, v, at+".scoped")
			}
		})
	default:
		L.RaiseError("%s should be a boolean or table, not %s", at, luaval.TypeName(v))
	}
	if global != lua.LFalse {
		table.global = readTableLimit(L, global, at+".global")
		if table.global.path != "" {
			L.RaiseError("%s.global has no path_pattern: it is for all", at)
		}
	}
	if !enabled {
		return nil
	}
	return table
}

func readScoped(L *lua.LState, v lua.LValue, at string) (list []*tableLimit) {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s should be a list, not %s", at, luaval.TypeName(v))
	}
	if t.Len() > maxScoped {
		L.RaiseError("%s has at most %d limits", at, maxScoped)
	}
	luaval.EachField(L, t, func(key string, v lua.LValue) {
		one := readTableLimit(L, v, at)
		if one.path == "" {
			L.RaiseError("%s: a limit has a path_pattern", at)
		}
		list = append(list, one)
	})
	if len(list) != t.Len() {
		L.RaiseError("%s should be a list: its order says which limit is the first", at)
	}
	return list
}

func readTableLimit(L *lua.LState, v lua.LValue, at string) *tableLimit {
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("%s should be a table, not %s", at, luaval.TypeName(v))
	}
	l := &tableLimit{key: ruleKey{of: addressKey}}
	fail := func(name string, v lua.LValue, want string) {
		L.RaiseError("%s: option %s: %s expected, got %s", at, name, want, luaval.Show(v))
	}
	number := func(name, part string, v lua.LValue) {
		f, _ := v.(lua.LNumber)
		if want, ok := l.rate.ReadRate(part, float64(f)); !ok {
			fail(name, v, want)
		}
	}
	tableLimitOptions.EachOf(L, t, at, func(name string, v lua.LValue) {
		switch name {
		case "path_pattern":
			text, _ := v.(lua.LString)
			pattern, err := route.ParsePathPattern(string(text))
			if err != nil {
				L.RaiseError("%s: path_pattern %s: %s", at, luaval.Show(v), err.Error())
			}
			l.path, l.pattern = string(text), pattern
		case "requests_per_window":
			number(name, "burst", v) // an integer
			number(name, "rate", v)
		case "window_secs":
			number(name, "per", v)
		case "key_header":
			text, _ := v.(lua.LString)
			if l.key = requestKey("header:" + text); l.key.of == nil {
				fail(name, v, "the name of a header")
			}
		}
	})
	if l.rate.Rate.Count == 0 {
		l.rate.Rate.Count = defaultWindowRequests
	}
	if l.rate.Rate.Per == 0 {
		l.rate.ReadRate("per", defaultWindowSeconds)
	}
	if err := l.rate.Complete(); err != nil {
		L.RaiseError("%s: %s", at, err.Error())
	}
	return l
}

// addServerLimits has the limits of the table hold for everything.
func (g *Generation) addServerLimits(L *lua.LState, table *rateLimitTable) {
	if table == nil {
		return
	}
	n, where := g.api.Root, luaval.CallerLine(L)
	open := func(l *tableLimit, name string) *limitRule {
		rule := &limitRule{where: where, cost: 1, key: l.key, name: g.ruleNameAt(L, n, "limit", name)}
		l.rate.Store = g.store
		g.openLimit(rule, l.rate)
		return rule
	}
	if len(table.scoped) > 0 {
		scoped := &scopedLimits{}
		fn := L.NewFunction(func(L *lua.LState) int { return scoped.hook(L, g.vm) })
		scoped.asHook = newHook(api.Definition{Name: "rate_limit scoped", Fn: fn, Where: where}, "limit rate_limit scoped")
		for _, l := range table.scoped {
			scoped.patterns = append(scoped.patterns, l.pattern)
			scoped.rules = append(scoped.rules, open(l, "rate_limit "+l.path))
		}
		n.Rules = append(n.Rules, api.Rule{Kind: "limit", Name: "rate_limit scoped", Where: where, Rule: scoped})
	}
	if table.global != nil {
		rule := open(table.global, "rate_limit")
		n.Rules = append(n.Rules, api.Rule{Kind: "limit", Name: rule.name, Where: where, Rule: rule})
	}
}

// scopedLimits are limits of paths, of which the first that matches holds.
type scopedLimits struct {
	patterns []route.PathPattern
	rules    []*limitRule
	asHook   *handler // for requests that a before hook has rewritten
}

func (s *scopedLimits) stage() stage { return stageLimit }

func (s *scopedLimits) before() *handler { return s.asHook }

// admit implements rule.
func (s *scopedLimits) admit(x *Exchange, headers http.Header) error {
	for _, rule := range s.of(x) {
		if err := rule.admit(x, headers); err != nil {
			return err
		}
	}
	return nil
}

// hook counts a request for the path that it has by now.
func (s *scopedLimits) hook(L *lua.LState, vm *VM) int {
	for _, rule := range s.of(vm.cur.x) {
		rule.hook(L, vm)
	}
	return 0
}

// of returns the limits of the request's path that have not counted it.
func (s *scopedLimits) of(x *Exchange) (list []*limitRule) {
	for _, i := range route.FirstOf(x.r, s.patterns) {
		if rule := s.rules[i]; !slices.Contains(x.scoped, rule) {
			list = append(list, rule)
		}
	}
	x.scoped = append(x.scoped, list...)
	return list
}
