package api

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

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
	seeFiles   = "api.static { dir = … } in the script: docs/files.md, or the file_server directive"
	seeLog     = "the log directive"
	seeMaxBody = "max_body in the rover block, or body_size_limit here"
)

// honouredOptions are those of rover.server that do what they say.
var honouredOptions = []string{
	"body_size_limit", "health", "readiness", "rate_limit", "security_headers", "allow_insecure_security_header_overrides",
	"cors_origin", "cors_methods", "cors_headers", "cors_credentials", "allow_wildcard_cors_credentials",
	"cors_max_age", "cors_expose_headers",
	"docs", "management_prefix", "management_token", "allow_unauthenticated_management",
}

// ignoredOptions are those that do not.
var ignoredOptions = map[string]serverOption{
	"host": {see: seeAddress}, "port": {see: seeAddress}, "address": {see: seeAddress}, "listen": {see: seeAddress},
	"allow_public_bind": {see: seeAddress}, "allow_insecure_http": {see: seeAddress},
	"tls": {see: seeTLS}, "cert": {see: seeTLS}, "key": {see: seeTLS}, "https": {see: seeTLS}, "http2": {see: seeTLS}, "http3": {see: seeTLS},
	"compress": {see: seeEncode}, "compression": {see: seeEncode}, "gzip": {see: seeEncode},
	"static": {see: seeFiles}, "public": {see: seeFiles}, "files": {see: seeFiles},
	"log": {see: seeLog}, "log_level": {see: seeLog}, "access_log": {see: seeLog},
	"max_body": {see: seeMaxBody}, "max_body_size": {see: seeMaxBody}, "allow_unbounded_body": {see: seeMaxBody},
	"timeout":     {see: "timeout in the rover block"},
	"strict_mode": {see: "caddy rover check"},

	"permissions":        {"allow and allow_net in the rover block, which grant what a script may do: docs/security.md", true},
	"https_redirect":     {"a site address without http://, for which Caddy redirects", true},
	"trusted_proxies":    {"trusted_proxies in the global option servers", true},
	"load_shed":          {"queue and max_waiting in the rover block: docs/limits.md", true},
	"drain_timeout_secs": {"the global option grace_period", true},
	"idempotency":        {"api.idempotent(function(ctx) … end) as the handler of each route: docs/idempotency.md", true},
}

// ServerOptions are the options of rover.server.
var ServerOptions = func() *luaval.Options {
	names := slices.Clone(honouredOptions)
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

// Server is rover.server(), which returns api. The options, given, have been read.
func (a *API) Server(L *lua.LState, given *lua.LTable, config Config) int {
	a.given, a.config = given, config
	a.Root = newNode(a, nil, "")
	a.Value = luaval.NewObject(a.types.root, a.Root)
	L.Push(a.Value)
	return 1
}
