// Package rover is a Caddy plugin that runs a Lua script in front of services: the
// rover directive, the handler http.handlers.rover.
//
// One script is one Lua VM with one writer. A request is matched against the script's
// routes in Go; what no route or hook wants goes to the next handler untouched. The
// rest enters the VM through package eventloop and comes back with a decision: answer,
// pass on, or proxy. Package luart is what the script sees, package caddyfile the
// configuration, and the packages below internal are the Caddy modules.
//
// An import of this package registers everything; nothing else in it is needed to build a
// Caddy with the plugin:
//
//	import _ "github.com/caddy-rover/rover"
package rover

import (
	_ "github.com/caddy-rover/rover/internal/admin" // the endpoints below /rover/ of the admin API
	_ "github.com/caddy-rover/rover/internal/cli"   // the commands of caddy rover
	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/internal/logformat"
	"github.com/caddy-rover/rover/internal/upstream"
)

// These are the Caddy modules that a config names, for programs that make a config in Go.
type (
	// Handler is http.handlers.rover: it runs a script in front of the handlers after it.
	Handler = handler.Handler

	// App is the app rover, which starts, reloads and stops the scripts of a config.
	App = handler.App

	// Matcher is http.matchers.rover: it has a Lua function decide whether a request matches.
	Matcher = handler.Matcher

	// Policy is http.reverse_proxy.selection_policies.rover: it has a Lua function choose the
	// upstream.
	Policy = handler.Policy

	// Permission is tls.permission.rover: it has a Lua function say who may have a certificate on
	// demand.
	Permission = handler.Permission

	// Certificates is tls.get_certificate.rover: it has a Lua function give certificates.
	Certificates = handler.Certificates

	// Upstreams is http.reverse_proxy.upstreams.rover: the upstreams that a script has set for
	// the request with ctx:upstream.
	Upstreams = upstream.Upstreams

	// LogEncoder is caddy.logging.encoders.rover: log entries for people, with the source around
	// an error in lines of its own.
	LogEncoder = logformat.Encoder
)
