// Command caddy is Caddy with its standard modules and the rover directive:
// go run ./cmd/caddy run --config examples/hello/Caddyfile.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddy-rover/rover"
)

func main() { caddycmd.Main() }
