// Command caddy is Caddy with its standard modules and the rover directive,
// for development: go run ./cmd/caddy run --config examples/hello/Caddyfile.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
