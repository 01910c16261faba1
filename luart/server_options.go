package luart

import (
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
)

// serverOption is an option of rover.server that has no effect: scripts for Rover's own server
// have it.
type serverOption struct {
	see string // what stands for it here
	// guards says that who relies on the option is less safe without it, or is not reached by who
	// should be.
	guards bool
}

// The things that stand for several options.
const (
	seeAddress = "the site address in the Caddyfile"
	seeTLS     = "the tls directive"
	seeEncode  = "the encode directive"
	seeFiles   = "the file_server directive"
	seeLog     = "the log directive"
	seeMaxBody = "max_body in the rover block, or body_size_limit here"
	seeAdmin   = "Caddy's admin API: docs/admin.md"
	seeCORS    = "Caddy's header directive for Access-Control-Allow-Origin and the like, and a before hook that answers OPTIONS: docs/security.md"
	seeHeaders = "Caddy's header directive (header X-Content-Type-Options nosniff), or an after hook: docs/security.md"
)

// ignoredOptions are those of rover.server, apart from body_size_limit.
var ignoredOptions = map[string]serverOption{
	"host": {see: seeAddress}, "port": {see: seeAddress}, "address": {see: seeAddress}, "listen": {see: seeAddress},
	"allow_public_bind": {see: seeAddress}, "allow_insecure_http": {see: seeAddress},
	"tls": {see: seeTLS}, "cert": {see: seeTLS}, "key": {see: seeTLS}, "https": {see: seeTLS}, "http2": {see: seeTLS}, "http3": {see: seeTLS},
	"compress": {see: seeEncode}, "compression": {see: seeEncode}, "gzip": {see: seeEncode},
	"static": {see: seeFiles}, "public": {see: seeFiles}, "files": {see: seeFiles},
	"log": {see: seeLog}, "log_level": {see: seeLog}, "access_log": {see: seeLog},
	"max_body": {see: seeMaxBody}, "max_body_size": {see: seeMaxBody}, "allow_unbounded_body": {see: seeMaxBody},
	"timeout":           {see: "timeout in the rover block"},
	"strict_mode":       {see: "caddy rover check"},
	"docs":              {see: "caddy rover routes, which lists the routes"},
	"management_prefix": {see: seeAdmin}, "management_token": {see: seeAdmin}, "allow_unauthenticated_management": {see: seeAdmin},

	"cors_origin": {seeCORS, true}, "cors_methods": {seeCORS, true}, "cors_headers": {seeCORS, true}, "cors_credentials": {seeCORS, true},
	"cors_max_age": {seeCORS, true}, "cors_expose_headers": {seeCORS, true}, "allow_wildcard_cors_credentials": {seeCORS, true},
	"security_headers": {seeHeaders, true}, "allow_insecure_security_header_overrides": {seeHeaders, true},
	"rate_limit":         {"api.limit { rate = 100, per = 60 }, at any node: docs/rate-limits.md", true},
	"permissions":        {"allow and allow_net in the rover block, which grant what a script may do: docs/security.md", true},
	"https_redirect":     {"a site address without http://, for which Caddy redirects", true},
	"trusted_proxies":    {"trusted_proxies in the global option servers", true},
	"load_shed":          {"queue and max_waiting in the rover block: docs/limits.md", true},
	"drain_timeout_secs": {"the global option grace_period", true},
	"readiness":          {"a route for the probe, or the admin API: docs/admin.md", true},
	"idempotency":        {"a handler that keeps its answers in a rover.store, by the Idempotency-Key header", true},
}

// serverOptions are the options of rover.server.
var serverOptions = func() *luaval.Options {
	names := []string{"body_size_limit"}
	for name := range ignoredOptions {
		names = append(names, name)
	}
	slices.Sort(names)
	return luaval.NewOptions(names...)
}()

// IgnoredOption returns what stands for an option of rover.server that has no effect, and whether
// a script that relies on it is less safe; ok = false for one that has, and for none. Any goroutine
// may call it.
func IgnoredOption(name string) (see string, guards, ok bool) {
	o, ok := ignoredOptions[name]
	return o.see, o.guards, ok
}

// server is rover.server {options}: it returns api. body_size_limit, in bytes, is honoured: of
// that and max_body the smaller one bounds the request bodies that the script reads; 0 is max_body.
// The other options that scripts for Rover's own server have are logged, as a warning where the
// script relies on what is not there.
func (g *Generation) server(L *lua.LState) int {
	if g.api != nil {
		L.RaiseError("rover.server was called before: a script has one api")
	}
	if L.GetTop() > 0 {
		serverOptions.EachOf(L, luaval.CheckTable(L, 1), "rover.server", func(name string, v lua.LValue) { g.serverOption(L, name, v) })
	}
	g.api = luaval.NewObject(g.vm.types.root, newAPINode(g, nil, ""))
	L.Push(g.api)
	return 1
}

func (g *Generation) serverOption(L *lua.LState, name string, v lua.LValue) {
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
	o := ignoredOptions[name]
	fields := []zap.Field{zap.String("option", name), zap.String("see", o.see), zap.String("at", luaval.CallerLine(L))}
	switch {
	case !o.guards:
		g.logger.Info("an option of rover.server is Caddy's job and has no effect", fields...)
	case v != lua.LFalse: // off is what it is
		g.logger.Warn("an option of rover.server has no effect here", fields...)
	}
}
