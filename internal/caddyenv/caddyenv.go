// Package caddyenv provides what Caddy has around a handler where no Caddy runs: in tests of
// scripts (caddy rover test), in the REPL, and in tests of this module.
package caddyenv

import (
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Context returns the context of an empty config whose logs are dropped, the same one each
// time. Any goroutine may call it.
var Context = sync.OnceValues(func() (caddy.Context, error) {
	return caddy.ProvisionContext(&caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			"default": {BaseLog: caddy.BaseLog{Level: "panic"}}, // another writer would be announced
		}},
	})
})

// server is one without routes.
var server caddyhttp.Server

// Prepare returns r with what Caddy's server puts into the context of a request. Any goroutine
// may call it.
func Prepare(r *http.Request, w http.ResponseWriter) *http.Request {
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &server)
}
