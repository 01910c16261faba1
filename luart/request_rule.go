package luart

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

// libraryRule is a rule of a place that a library decides about, api.admin.auth{…}: who is it?
type libraryRule struct {
	lib.Rule
	kind, name, where string
	counts            *RuleCounts
	asHook            *handler // for requests that a before hook rewrites to the place
}

// fact is what such a rule has learnt of a request.
type fact struct {
	lib.Facts
	name string // for ctx:get
	told bool   // the script has got it, or has set something else of that name
}

func (rule *libraryRule) stage() stage { return stageAuth }

func (rule *libraryRule) before() *handler { return rule.asHook }

func (rule *libraryRule) admit(x *Exchange, _ http.Header) error {
	began := x.traceBegan()
	facts, err := rule.Admit(x.r.Context(), x.r, x.known(rule.Needs()))
	return rule.decided(x, began, facts, err)
}

// decided is told what the rule has said of the request, and returns why it is not let through.
func (rule *libraryRule) decided(x *Exchange, began time.Time, facts lib.Facts, err error) error {
	if err == nil {
		rule.counts.Allowed.Add(1)
		x.admitted = true
		if facts != nil {
			x.facts = append(x.facts, fact{Facts: facts, name: rule.Gives()})
		}
		x.traceRule(rule.kind, rule.name, rule.where, began, "let through")
		return nil
	}
	result := err.Error()
	var refusal *lib.RefusedError
	if errors.As(err, &refusal) {
		result = refusal.Why
		x.logField(rule.kind, refusal.Why)
		if refusal.Status >= http.StatusInternalServerError {
			rule.counts.Failed.Add(1)
		} else {
			rule.counts.Denied.Add(1)
		}
	}
	x.traceRule(rule.kind, rule.name, rule.where, began, result)
	return err
}

// hook is the rule as a before hook.
func (rule *libraryRule) hook(L *lua.LState, vm *VM) int {
	x := vm.cur.x
	r, known := x.r, x.known(rule.Needs())
	began := x.traceBegan()
	var facts lib.Facts
	var err error
	vm.await(L, waitsOn{what: rule.kind, which: rule.name}, func(ctx context.Context) { facts, err = rule.Admit(ctx, r, known) })
	err = rule.decided(x, began, facts, err)
	var refusal *lib.RefusedError
	switch {
	case errors.As(err, &refusal):
		failed := luaval.NewError(refusal.Status, refusal.Message)
		headers := L.NewTable()
		for name := range refusal.Header {
			headers.RawSetString(name, lua.LString(refusal.Header.Get(name)))
		}
		failed.RawSetString("headers", headers)
		L.Error(failed, 0)
	case err != nil:
		L.RaiseError("%s %s: %s", rule.kind, rule.name, err)
	case facts != nil && x.luaCtx.values != nil: // what is known now takes the place of what was
		x.luaCtx.values.RawSetString(rule.Gives(), lua.LNil)
	}
	return 0
}

// known is what rules have learnt that give scripts a name: the innermost one of those that
// cover the request.
func (x *Exchange) known(name string) lib.Facts {
	if name != "" {
		for i := len(x.facts) - 1; i >= 0; i-- {
			if x.facts[i].name == name {
				return x.facts[i].Facts
			}
		}
	}
	return nil
}

// identity is the name for scripts of what rules have learnt that says who a request is of. What they
// learn under another name is about something else, such as a second token that a client may leave out.
const identity = "auth"

// Known is who the request is of, by the innermost rule that has learnt it; nil: nobody knows. asked says
// that a rule has let it through. The goroutine that serves the request calls it, before End.
func (x *Exchange) Known() (facts lib.Facts, asked bool) { return x.known(identity), x.admitted }

// toldFact is ctx:get of a name that the script has set nothing for: what a rule has learnt, as
// one value. Only the holder may call it.
func (x *Exchange) toldFact(L *lua.LState, key lua.LValue) lua.LValue {
	name, ok := key.(lua.LString)
	if !ok {
		return lua.LNil
	}
	for i := len(x.facts) - 1; i >= 0; i-- {
		f := &x.facts[i]
		if f.name != string(name) {
			continue
		}
		if f.told {
			break
		}
		v, err := f.Value(L)
		if err != nil {
			L.RaiseError("ctx:get: %s: %s", name, err)
		}
		x.setValue(L, key, v)
		return v
	}
	return lua.LNil
}

// setValue is ctx:set. Only the holder may call it.
func (x *Exchange) setValue(L *lua.LState, key, value lua.LValue) {
	if x.luaCtx.values == nil {
		x.luaCtx.values = L.CreateTable(0, 4)
	}
	x.luaCtx.values.RawSet(key, value)
	for i := range x.facts {
		if name, ok := key.(lua.LString); ok && x.facts[i].name == string(name) {
			x.facts[i].told = true
		}
	}
}

// RuleCounts are how often a rule has been asked, and what it has said.
type RuleCounts struct {
	Allowed, Denied, Failed atomic.Uint64 // Failed: it could not say
}

// RuleID is a rule of the scripts of a VM.
type RuleID struct{ Kind, Name string }

// ruleCounts are those of a VM: they go on across reloads.
type ruleCounts struct {
	mu   sync.Mutex
	byID map[RuleID]*RuleCounts
}

func (c *ruleCounts) of(id RuleID) *RuleCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[RuleID]*RuleCounts{}
	}
	if c.byID[id] == nil {
		c.byID[id] = new(RuleCounts)
	}
	return c.byID[id]
}

// RuleCounts returns those of the rules of libraries, and of expect. Any goroutine may call it.
func (vm *VM) RuleCounts() map[RuleID]*RuleCounts {
	vm.rules.mu.Lock()
	defer vm.rules.mu.Unlock()
	return maps.Clone(vm.rules.byID)
}
