package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tableCaddyfile is what the table measures of Caddy. All that it does not name has its default.
const tableCaddyfile = `{
	admin off
	auto_https off
	log {
		level ERROR
	}
	GLOBAL
}
(rover) {
	rover table.lua {
		set upstream {$UPSTREAM}
		set other {$OTHER}
		set tls {$TLS}
		set h2 {$H2}
		proxy {
			{args[0]} {args[1]}
		}
	}
}
(proxy) {
	reverse_proxy {args[0]} {
		transport http {
			keepalive_idle_conns_per_host 1024
		}
	}
}
http://127.0.0.1:{$RESPOND} {
	respond ` + "`" + hello + "`" + `
}
http://127.0.0.1:{$PROXY} {
	handle /tls/* {
		import proxy https://{$TLS}
	}
	handle /h2/* {
		import proxy https://{$H2}
	}
	handle /other/* {
		import proxy {$OTHER}
	}
	handle {
		import proxy {$UPSTREAM}
	}
}
http://127.0.0.1:{$ROVER} {
	import rover lean on
}
http://127.0.0.1:{$CADDYS} {
	import rover lean off
}
`

const tableScript = `
local api = rover.server {}
local to = rover.config
function api.get() return { message = "hello from Lua" } end
function api.plain.w_rest.any() return api.proxy(to.upstream) end
function api.shop.w_rest.any(ctx)
  return api.proxy(ctx:cookie("beta") and "127.0.0.1:1" or to.upstream)
end
function api.other.w_rest.any() return api.proxy(to.other) end
function api.tls.w_rest.any() return api.proxy("https://" .. to.tls) end
function api.h2.w_rest.any() return api.proxy("https://" .. to.h2) end
return api
`

// startTableCaddy starts the Caddy that buildCaddy left in dir, with the lines of the global options.
func startTableCaddy(ctx context.Context, dir, global string, prefix []string, up *tableUpstreams) (_ *caddy, err error) {
	files := map[string]string{"table.Caddyfile": strings.Replace(tableCaddyfile, "GLOBAL", global, 1), "table.lua": tableScript}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	// The collector is what is compared, so the environment does not say how it works.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOGC=") || strings.HasPrefix(v, "GOMEMLIMIT=") || strings.HasPrefix(v, "GOMAXPROCS=")
	})
	env = append(env, "GOMAXPROCS=1", "HOME="+dir, "SSL_CERT_FILE="+up.certificate,
		"UPSTREAM="+up.plain, "OTHER="+up.other, "TLS="+up.tls, "H2="+up.h2)
	names := []string{"RESPOND", "PROXY", "ROVER", "CADDYS"}
	ports, err := freePorts(len(names))
	if err != nil {
		return nil, err
	}
	c := &caddy{ports: map[string]string{}}
	for i, name := range names {
		c.ports[name] = ports[i]
		env = append(env, name+"="+ports[i])
	}
	args := slices.Concat(prefix, []string{filepath.Join(dir, "caddy"), "run", "--config", "table.Caddyfile", "--adapter", "caddyfile"})
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, os.Stderr
	if c.process, err = startProcess("caddy", cmd); err != nil {
		return nil, err
	}
	return c, c.listensAll(ctx, ports)
}
