package luart

import (
	"math"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/luaval"
)

// server is rover.server {options}: it returns api. body_size_limit, in bytes, is honoured: of
// that and max_body the smaller one bounds the request bodies that the script reads; 0 is max_body.
// The other options that scripts for Rover's own server have are logged, as a warning where the
// script relies on what is not there.
func (g *Generation) server(L *lua.LState) int {
	if g.api.Root != nil {
		L.RaiseError("rover.server was called before: a script has one api")
	}
	if L.GetTop() > 0 {
		api.ServerOptions.EachOf(L, luaval.CheckTable(L, 1), "rover.server", func(name string, v lua.LValue) { g.serverOption(L, name, v) })
	}
	g.openReadiness(L)
	given, ok := L.Get(1).(*lua.LTable)
	if !ok {
		given = L.NewTable()
	}
	return g.api.Server(L, given, api.Config{
		Dependency: g.dependencyState,
		SetDependency: func(L *lua.LState, name string, ok bool) {
			g.setReady(L, "api.config.readiness.dependencies", name, ok, "")
		},
	})
}

func (g *Generation) serverOption(L *lua.LState, name string, v lua.LValue) {
	switch name {
	case "health":
		g.healthOption(L, v)
		return
	case "readiness":
		g.readinessOption(L, v)
		return
	}
	if name == "body_size_limit" {
		n, ok := v.(lua.LNumber)
		if !ok || !(n >= 0 && n <= luaval.MaxExact) || float64(n) != math.Trunc(float64(n)) {
			L.RaiseError("rover.server: option %s: whole number of bytes, 0 or more, expected, got %s", name, v)
		}
		if n > 0 {
			g.maxBody, g.maxUpload = min(g.maxBody, int64(n)), min(g.maxUpload, int64(n))
		}
		return
	}
	see, guards, _ := api.IgnoredOption(name)
	fields := []zap.Field{zap.String("option", name), zap.String("see", see), zap.String("at", luaval.CallerLine(L))}
	switch {
	case !guards:
		g.logger.Info("an option of rover.server is Caddy's job and has no effect", fields...)
	case v != lua.LFalse: // off is what it is
		g.logger.Warn("an option of rover.server has no effect here", fields...)
	}
}
