package luart

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/health/option"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/spelling"
)

// readiness is what a script says of whether it may be sent requests: rover.server{ health = …,
// readiness = … }.
type readiness struct {
	option.Health // once the script has loaded it does not change
	dependencies  health.Dependencies
	checks        []*dependencyCheck // the holder's
}

// readinessOptions are those of the option readiness of rover.server.
var readinessOptions = luaval.NewOptions("dependencies")

// readinessOption is rover.server{ readiness = { dependencies = { redis = true, db = function() … end } } }.
func (g *Generation) readinessOption(L *lua.LState, v lua.LValue) {
	if v == lua.LFalse {
		return
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		L.RaiseError("rover.server: readiness should be a table, not a %s", luaval.TypeName(v))
	}
	readinessOptions.EachOf(L, t, "rover.server: readiness", func(_ string, v lua.LValue) {
		list, ok := v.(*lua.LTable)
		if !ok {
			L.RaiseError("rover.server: readiness.dependencies should be a table, not a %s", luaval.TypeName(v))
		}
		var p luaval.Pace
		for k, v := list.Next(lua.LNil); k != lua.LNil; k, v = list.Next(k) {
			p.Step(L)
			name, ok := k.(lua.LString)
			if !ok {
				L.RaiseError("rover.server: readiness.dependencies: dependencies by name expected, got a %s as a name", luaval.TypeName(k))
			}
			g.dependency(L, string(name), v)
		}
	})
}

// dependency declares a dependency. Its function, if it has one, is asked from the start on.
func (g *Generation) dependency(L *lua.LState, name string, v lua.LValue) {
	r := &g.readiness
	if wrong := health.CheckName(name); wrong != "" {
		L.RaiseError("rover.server: readiness.dependencies: %q: %s", name, wrong)
	}
	if len(r.dependencies.Names())+len(r.checks) >= health.MaxDependencies {
		L.RaiseError("rover.server: readiness.dependencies: a script has at most %d", health.MaxDependencies)
	}
	switch v := v.(type) {
	case lua.LBool:
		r.dependencies.Declare(name, bool(v))
	case *lua.LFunction:
		if name == health.Store {
			L.RaiseError("rover.server: readiness.dependencies.%s is the script's store, of which Rover knows: true has it fail the probe", name)
		}
		r.checks = append(r.checks, &dependencyCheck{g: g, name: name, fn: v, where: luaval.CallerLine(L)})
	default:
		L.RaiseError("rover.server: readiness.dependencies.%s should be a boolean or function, not a %s", name, luaval.TypeName(v))
	}
}

// openReadiness completes what the options have said, in whatever order.
func (g *Generation) openReadiness(L *lua.LState) {
	r := &g.readiness
	r.Complete()
	for _, check := range r.checks {
		r.dependencies.DeclareChecked(check.name, r.Timeout)
	}
	if r.Probes == nil && len(r.dependencies.Names()) > 0 {
		g.logger.Warn("readiness of rover.server is for probes, and none is answered", zap.String("at", luaval.CallerLine(L)),
			zap.String("remedy", "health = true answers "+health.DefaultLive+" and "+health.DefaultReady))
	}
	if len(r.checks) > 0 {
		g.onRetire = append(g.onRetire, func() {
			for _, check := range r.checks {
				check.drop()
			}
		})
	}
}

// ready is rover.ready(name, ok[, reason]): how a dependency of the script is from now on.
func (g *Generation) ready(L *lua.LState) int {
	name := luaval.CheckString(L, 1)
	if L.GetTop() < 2 {
		luaval.ArgError(L, 2, "true or false expected: is "+name+" there?")
	}
	reason := ""
	if L.GetTop() > 2 && L.Get(3) != lua.LNil {
		reason = luaval.CheckString(L, 3)
	}
	g.setReady(L, "rover.ready", name, lua.LVAsBool(L.Get(2)), reason)
	return 0
}

// dependencyState returns whether a dependency is there, nil where the script has none of the name.
func (g *Generation) dependencyState(name string) lua.LValue {
	ok, _, known := g.readiness.dependencies.Get(name)
	if !known {
		return lua.LNil
	}
	return lua.LBool(ok)
}

// setReady raises in L, for what the script has written, where name is none that a script sets.
func (g *Generation) setReady(L *lua.LState, what, name string, ok bool, reason string) {
	d := &g.readiness.dependencies
	switch _, checked, known := d.Get(name); {
	case !known:
		L.RaiseError("%s: the script has no dependency %q%s", what, name, cmp.Or(spelling.OrDidYouMean(spelling.Nearest(name, d.Names())),
			": readiness = { dependencies = { … = true } } of rover.server declares them"))
	case checked:
		L.RaiseError("%s: how %s is says the function of readiness.dependencies", what, name)
	case name == health.Store:
		L.RaiseError("%s: how the store is, Rover knows itself", what)
	}
	d.Set(name, ok, reason)
}

// checkProbes returns an error where the script gives the path of a probe, or of its document, something that would never
// be asked.
func (g *Generation) checkProbes() *ScriptError {
	var taken [][2]string // a path, and the option that takes it
	if p := g.readiness.Probes; p != nil {
		taken = append(taken, [2]string{p.Live, "health"}, [2]string{p.Ready, "health"})
	}
	if site := g.management.site; site != nil {
		for _, path := range site.Paths() {
			taken = append(taken, [2]string{path, "docs"})
		}
	}
	remedy := map[string]string{"health": "health = { live = …, ready = … }", "docs": "management_prefix"}
	for i, t := range taken {
		path, option := t[0], t[1]
		if path == "" {
			continue
		}
		if slices.ContainsFunc(taken[:i], func(other [2]string) bool { return other[0] == path }) {
			return g.unfinished("rover.server: health and docs have one path, " + path + ": who asks it could not tell which is meant")
		}
		if what, where := standsAt(g.api.Root, path); what != "" {
			return &ScriptError{Status: http.StatusInternalServerError, Message: fmt.Sprintf(
				"%s: %s would never be asked: %s of rover.server answers %s before anything else; another path: %s",
				where, what, option, path, remedy[option])}
		}
	}
	return nil
}

// standsAt returns what stands at exactly a path, and its file:line; "" for nothing.
func standsAt(n *api.Node, path string) (what, where string) {
	for name := range strings.SplitSeq(path[1:], "/") {
		next := (*api.Node)(nil)
		for _, c := range n.Children {
			if c.Kind == route.Static && c.Name == name {
				next = c
			}
		}
		if next == nil {
			return "", ""
		}
		n = next
	}
	for _, d := range n.Handlers {
		if d.Fn != nil {
			return n.Lua() + "." + d.Name, d.Where
		}
	}
	for kind, list := range map[string][]api.Definition{"before": n.Before.List, "after": n.After.List, "done": n.Done.List} {
		for _, d := range list {
			return n.Lua() + "." + kind + "." + d.Name, d.Where
		}
	}
	for _, rule := range n.Rules {
		return n.Lua() + "." + rule.Kind, rule.Where
	}
	return "", ""
}

// Probes returns what answers probes of the script, nil for nothing. Any goroutine may call it.
func (g *Generation) Probes() *health.Probes { return g.readiness.Probes }

// Probe returns which probe a URL names. Any goroutine may call it.
func (g *Generation) Probe(u *url.URL) health.Probe { return g.readiness.Probes.Asked(u) }

// HasReadiness reports whether the script says anything of whether it is ready. Any goroutine may
// call it.
func (g *Generation) HasReadiness() bool {
	return g.readiness.Probes != nil || len(g.readiness.dependencies.Names()) > 0
}

// Readiness says whether the script may be sent requests, as far as the VM knows. No Lua runs. Any
// goroutine may call it, once the script has loaded.
func (g *Generation) Readiness() health.Report {
	var report health.Report
	vm := g.vm
	store := g.store.Status()
	g.readiness.dependencies.Report(&report, vm.clock.Now(), store.Up)
	if !store.Up {
		report.Warn(health.Reason{Code: health.StoreDown})
	}
	if vm.memory.Over() {
		report.Fail(health.Reason{Code: health.MemoryExceeded})
	}
	if depth, limit := vm.loop.Fullest(); depth > limit/2 {
		report.Fail(health.Reason{Code: health.QueueFilling})
	}
	g.reportQuarantine(&report)
	return report
}

// reportQuarantine says which functions are in quarantine. A before hook of all requests leaves none
// that could be served; any other has its own requests fail, here and on each other machine, which is
// no reason to take the machine away from the rest.
func (g *Generation) reportQuarantine(to *health.Report) {
	if g.quarantine == nil {
		return
	}
	now := g.vm.budget.Now()
	g.tree.Each(func(n *route.Node[*handler]) {
		for _, list := range [...][]*handler{n.Before, n.After, n.Done, n.Handlers[:]} {
			for _, h := range list {
				if h != nil && now < h.quarantine.until.Load() {
					to.Warn(health.Reason{Code: health.HandlerQuarantined, Reason: health.CutReason(h.route)})
				}
			}
		}
		if len(n.Path) > 1 {
			return
		}
		for _, h := range n.Before {
			if now < h.quarantine.until.Load() {
				to.Fail(health.Reason{Code: health.HookQuarantined, Reason: health.CutReason(h.route)})
			}
		}
	})
}
