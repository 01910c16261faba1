// Package handler has the Caddy modules that run scripts: Handler, which serves requests, App,
// which starts and stops the scripts of a config and collects their metrics, and Matcher and
// Policy, which have a Lua function decide for another module.
//
// ServeHTTP matches a request in Go, runs Lua once if a route or a hook wants it, and answers,
// passes on or proxies, as Lua has decided.
package handler
