// Package limit is rover.rate_limit: how often something may happen, for each of many keys.
package limit

import (
	"context"
	_ "embed"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed limit.lua
var stubs string

// Library is rover.rate_limit.
var Library = &lib.Library{
	Name: "rate_limit", Stubs: stubs, Makes: map[string]string{"": "rate limit"},
	Options:  map[string]luaval.OptionsAt{"": options.At(2)},
	NewState: newState, Open: open,
}

var options = luaval.NewOptions("rate", "per", "burst", "shared", "on_failure").Words("on_failure", "local", "closed", "open")

const (
	// MaxLimits bounds the limits of one generation.
	MaxLimits = 1000

	maxName = 128
)

// state is what a VM keeps.
type state struct{ meta *lua.LTable }

func newState(vm lib.VM) any {
	return &state{meta: luaval.NewType(vm.L(), "rate limit", methods, nil)}
}

// opened is the library in one generation.
type opened struct {
	scope  *lib.Scope
	state  *state
	byName map[string]*limiter
}

type limiter struct {
	*limit.Limiter
	vm      lib.VM
	name    string
	waits   bool
	options limit.Options
}

func open(scope *lib.Scope) lua.LValue {
	o := &opened{scope: scope, state: scope.State.(*state), byName: map[string]*limiter{}}
	scope.OnRetire(func() {
		for _, l := range o.byName {
			scope.Go(l.Close)
		}
	})
	return scope.L().NewFunction(o.open)
}

// open is rover.rate_limit(name, options).
func (o *opened) open(L *lua.LState) int {
	name := luaval.CheckString(L, 1)
	if name == "" || len(name) > maxName {
		luaval.ArgError(L, 1, fmt.Sprintf("a name of 1 to %d bytes expected", maxName))
	}
	settings := o.read(L, name)
	l := o.byName[name]
	if l == nil && len(o.byName) >= MaxLimits {
		L.RaiseError("rover.rate_limit: more than %d limits", MaxLimits)
	}
	if l == nil || l.options != settings {
		if l != nil {
			o.scope.Go(l.Close)
		}
		l = &limiter{Limiter: limit.New(settings), vm: o.scope.VM, name: name, waits: !settings.Store.Local(), options: settings}
		o.byName[name] = l
	}
	L.Push(luaval.NewObject(o.state.meta, l))
	return 1
}

// read reads argument 2.
func (o *opened) read(L *lua.LState, name string) limit.Options {
	shared := true
	settings := limit.Options{Name: "rate_limit:" + name}
	options.Each(L, luaval.CheckTable(L, 2), 2, func(name string, v lua.LValue) {
		want, ok := "", false
		switch name {
		case "shared":
			want, ok = "a boolean", v == lua.LTrue || v == lua.LFalse
			shared = v == lua.LTrue
		case "on_failure":
			want = `"local", "closed" or "open"`
			settings.OnFailure, ok = limit.FailureNamed(v.String())
		default:
			n, _ := v.(lua.LNumber)
			want, ok = settings.ReadRate(name, float64(n))
		}
		if !ok {
			luaval.CheckOption(L, 2, name, v, want)
		}
	})
	settings.Store = o.scope.Local
	if shared {
		settings.Store = o.scope.Store
	}
	settings.Leases, settings.Held, settings.Fallback = !settings.Store.Local(), o.scope.Held, o.scope.Fallback
	if err := settings.Complete(); err != nil {
		luaval.ArgError(L, 2, err.Error())
	}
	return settings
}

// methods are those of what rover.rate_limit returns.
var methods = map[string]lua.LGFunction{
	// l:allow(key[, cost]): whether it may happen, and what is left.
	"allow": func(L *lua.LState) int {
		l := luaval.CheckSelf[*limiter](L, "rate limit", "l:allow(key)")
		key, cost := luaval.CheckText(L, 2), luaval.OptInt(L, 3, 1)
		if cost < 1 || cost > 1e9 {
			luaval.ArgError(L, 3, "an integer from 1 to 1e9 expected")
		}
		var d limit.Decision
		if l.waits {
			l.vm.Caller().Await(L, lib.WaitsOn{What: "rover.rate_limit", Which: l.name}, func(ctx context.Context) {
				d = l.Allow(ctx, key, int64(cost))
			})
		} else {
			d = l.Allow(context.Background(), key, int64(cost))
		}
		L.Push(lua.LBool(d.Allowed))
		left := L.CreateTable(0, 4)
		left.RawSetString("remaining", lua.LNumber(d.Remaining))
		left.RawSetString("reset", lua.LNumber(d.Reset.Seconds()))
		if !d.Allowed && d.Retry > 0 {
			left.RawSetString("retry_after", lua.LNumber(d.Retry.Seconds()))
		}
		if d.Err != nil {
			left.RawSetString("error", lua.LString("store: "+d.Err.Error()))
		}
		L.Push(left)
		return 2
	},
}
