package luart

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/head"
	"github.com/caddy-rover/rover/luart/luaval"
)

// serverOptions are the options of rover.server that make rules, or headers: they are read one by
// one, and then all are there.
type serverOptions struct {
	cors             *corsReader
	limits           *rateLimitTable // nil: none
	security         lua.LValue
	insecureSecurity bool
}

// server is rover.server {options}: it returns api. body_size_limit, in bytes, is honoured: of
// that and max_body the smaller one bounds the request bodies that the script reads; 0 is max_body.
// So are CORS, limits and security headers. The other options that scripts for Rover's own server
// have are logged, as a warning where the script relies on what is not there.
func (g *Generation) server(L *lua.LState) int {
	if g.api.Root != nil {
		L.RaiseError("rover.server was called before: a script has one api")
	}
	o := serverOptions{cors: newCORSReader(), security: lua.LNil}
	if L.GetTop() > 0 {
		api.ServerOptions.EachOf(L, luaval.CheckTable(L, 1), "rover.server", func(name string, v lua.LValue) { g.serverOption(L, &o, name, v) })
	}
	g.openReadiness(L)
	g.openManagement(L)
	given, ok := L.Get(1).(*lua.LTable)
	if !ok {
		given = L.NewTable()
	}
	n := g.api.Server(L, given, api.Config{
		Dependency: g.dependencyState,
		SetDependency: func(L *lua.LState, name string, ok bool) {
			g.setReady(L, "api.config.readiness.dependencies", name, ok, "")
		},
	})
	g.addServerCORS(L, o.cors)
	g.addServerLimits(L, o.limits)
	g.addSecurityHeaders(L, &o)
	return n
}

func (g *Generation) serverOption(L *lua.LState, o *serverOptions, name string, v lua.LValue) {
	boolean := func() bool {
		if v != lua.LTrue && v != lua.LFalse {
			L.RaiseError("rover.server: %s should be a boolean, not %s", name, luaval.TypeName(v))
		}
		return v == lua.LTrue
	}
	if g.management.Read(L, name, v) {
		return
	}
	switch name {
	case "body_size_limit":
		g.bodySizeLimit(L, v)
		return
	case "health":
		g.readiness.Read(L, v)
		return
	case "readiness":
		g.readinessOption(L, v)
		return
	case "allow_wildcard_cors_credentials":
		o.cors.AnyWithCredentials = boolean()
		return
	case "cors_origin", "cors_methods", "cors_headers", "cors_credentials", "cors_max_age", "cors_expose_headers":
		option := strings.TrimSuffix(strings.TrimPrefix(name, "cors_"), "_headers") // expose_headers
		if want := o.cors.read(option, v); want == "a boolean" {
			boolean()
		} else if want != "" {
			L.RaiseError("rover.server: option %s: %s expected, got %s", name, want, luaval.Show(v))
		}
		return
	case "rate_limit":
		o.limits = readRateLimit(L, v)
		return
	case "security_headers":
		o.security = v
		return
	case "allow_insecure_security_header_overrides":
		o.insecureSecurity = boolean()
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

func (g *Generation) bodySizeLimit(L *lua.LState, v lua.LValue) {
	n, ok := v.(lua.LNumber)
	if !ok || !(n >= 0 && n <= luaval.MaxExact) || float64(n) != math.Trunc(float64(n)) {
		L.RaiseError("rover.server: option body_size_limit: whole number of bytes, 0 or more, expected, got %s", luaval.Show(v))
	}
	if n > 0 {
		g.maxBody, g.maxUpload = min(g.maxBody, int64(n)), min(g.maxUpload, int64(n))
	}
}

// addSecurityHeaders is the option security_headers: true, or a table of values that are sent in
// place of the usual ones; false is none.
func (g *Generation) addSecurityHeaders(L *lua.LState, o *serverOptions) {
	s := head.NewSecurity()
	s.Insecure = o.insecureSecurity
	switch v := o.security.(type) {
	case *lua.LNilType:
		return
	case lua.LBool:
		if !v {
			return
		}
	case *lua.LTable:
		luaval.EachField(L, v, func(name string, v lua.LValue) {
			text, ok := v.(lua.LString)
			if !ok && v != lua.LFalse || ok && text == "" {
				L.RaiseError("rover.server: security_headers: %s: a value or false expected, got %s", name, luaval.Show(v))
			}
			if err := s.Use(name, string(text)); err != nil {
				L.RaiseError("rover.server: security_headers: %s", err.Error())
			}
		})
	default:
		L.RaiseError("rover.server: security_headers should be a boolean or table, not %s", luaval.TypeName(v))
	}
	g.security = s
}
