package integration_test

import (
	"context"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

func init() {
	caddy.RegisterModule(new(tally))
	caddy.RegisterModule(new(broken))
}

// tally is a library that counts in steps. What it has counted goes on over reloads.
type tally struct {
	Step int `json:"step,omitempty"`

	logger *zap.Logger
}

type tallyState struct {
	vm      lib.VM
	counter *lua.LTable
	counts  map[string]int
}

func (*tally) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "rover.libraries.tally", New: func() caddy.Module { return new(tally) }}
}

func (t *tally) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tally
	for d.NextBlock(0) {
		switch d.Val() {
		case "step":
			var text string
			if !d.AllArgs(&text) {
				return d.ArgErr()
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return d.Errf("bad step '%s'", text)
			}
			t.Step = n
		default:
			return d.Errf("unrecognized subdirective '%s' of tally", d.Val())
		}
	}
	return nil
}

func (t *tally) Provision(ctx caddy.Context) error {
	t.logger = ctx.Logger()
	t.logger.Info("tally was provisioned", zap.Int("step", t.Step))
	return nil
}

func (t *tally) Cleanup() error {
	t.logger.Info("tally was cleaned up", zap.Int("step", t.Step))
	return nil
}

func (t *tally) Library() *lib.Library {
	return &lib.Library{
		Stubs:    "---@meta rover.tally\n\nrover.tally = {}\n\n---@param name string\n---@return rover.Tally\nfunction rover.tally.of(name) end\n",
		Makes:    map[string]string{"of": "tally"},
		Explains: true,
		NewState: func(vm lib.VM) any {
			s := &tallyState{vm: vm, counts: map[string]int{}}
			s.counter = luaval.NewType(vm.L(), "tally", map[string]lua.LGFunction{
				"get": func(L *lua.LState) int {
					L.Push(lua.LNumber(s.counts[luaval.CheckSelf[string](L, "tally", "t:get()")]))
					return 1
				},
			}, nil)
			return s
		},
		Open: t.open,
	}
}

func (t *tally) open(scope *lib.Scope) lua.LValue {
	s := scope.State.(*tallyState)
	functions := scope.L().NewTable()
	scope.L().SetFuncs(functions, map[string]lua.LGFunction{
		"of": func(L *lua.LState) int {
			L.Push(luaval.NewObject(s.counter, luaval.CheckString(L, 1)))
			return 1
		},
		"add": func(L *lua.LState) int { // tally.add(name): the new count, after a wait
			name := luaval.CheckString(L, 1)
			scope.Caller().Await(L, lib.WaitsOn{What: "tally", Which: name}, func(context.Context) {})
			s.counts[name] += t.Step
			L.Push(lua.LNumber(s.counts[name]))
			return 1
		},
		"hang": func(L *lua.LState) int { // tally.hang(): it waits for as long as it may
			scope.Caller().Park(L, lib.WaitsOn{What: "tally", Which: "for ever"}, nil, luaval.Forever)
			return 0
		},
		"find": func(L *lua.LState) int { return luaval.PushFailure(L, context.DeadlineExceeded) },
	})
	scope.OnRetire(func() { t.logger.Info("tally retires", zap.String("script", scope.Script)) })
	return functions
}

func (s *tallyState) Keeps() []lib.Kept {
	return []lib.Kept{{Name: "tally", Size: func() (bytes, items int) { return 2 << 20 * len(s.counts), len(s.counts) }}}
}

// broken is a module that is no library.
type broken struct{}

func (*broken) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "rover.libraries.broken", New: func() caddy.Module { return new(broken) }}
}

func (*broken) UnmarshalCaddyfile(d *caddyfile.Dispenser) error { return nil }

// Interface guards
var (
	_ caddy.Provisioner     = (*tally)(nil)
	_ caddy.CleanerUpper    = (*tally)(nil)
	_ caddyfile.Unmarshaler = (*tally)(nil)
	_ lib.Provider          = (*tally)(nil)
	_ lib.Keeper            = (*tallyState)(nil)
)
