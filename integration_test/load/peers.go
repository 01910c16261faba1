package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// peer is a program that others use as a proxy with Lua.
type peer struct {
	program string
	version []string // its arguments that print what it is
	about   func(version string) (name string, modules string)
	config  func(modules, upstream string, ports []string, lua bool) string
	script  string   // that the configuration loads, "" if it has its Lua in itself
	check   []string // its arguments that try a configuration, the file's name behind them
	serve   []string // … that serve it, as one process in the foreground
}

// peers are those that are measured where they are installed. Their Lua decides as tableScript does.
var peers = []peer{
	{
		program: "nginx", version: []string{"-V"}, about: aboutNginx, config: nginxConfig,
		check: []string{"-t", "-q", "-p", ".", "-c"}, serve: []string{"-p", ".", "-c"},
	},
	{
		program: "haproxy", version: []string{"-vv"}, about: aboutHAProxy, config: haproxyConfig,
		script: fmt.Sprintf(haproxyLua, len(hello), hello),
		check:  []string{"-c", "-f"}, serve: []string{"-db", "-f"},
	},
}

// running is a peer that serves.
type running struct {
	*process
	name  string
	ports []string // of hello, hello in Lua, proxy, Lua decision and proxy; without Lua some are ""
}

// start writes the peer's configuration into dir and starts it there. It returns nil where the
// program is not installed.
func (p *peer) start(ctx context.Context, dir string, prefix []string, upstream string) (*running, error) {
	path, err := exec.LookPath(p.program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + p.program); err != nil { // not in the PATH of users
			return nil, nil
		}
	}
	version, err := exec.CommandContext(ctx, path, p.version...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", p.program, p.version[0], err, version)
	}
	name, modules := p.about(string(version))
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, p.program+".lua"), []byte(p.script), 0o600); err != nil {
		return nil, err
	}
	for _, lua := range []bool{true, false} {
		if !lua {
			name, _, _ = strings.Cut(name, " with ")
			ports[1], ports[3] = "", ""
		}
		file := p.program + ".conf"
		if err := os.WriteFile(filepath.Join(dir, file), []byte(p.config(modules, upstream, ports, lua)), 0o600); err != nil {
			return nil, err
		}
		check := exec.CommandContext(ctx, path, append(p.check, file)...)
		check.Dir = dir
		out, err := check.CombinedOutput()
		if err == nil {
			break
		}
		if !lua {
			return nil, fmt.Errorf("%s refuses its configuration: %w\n%s", p.program, err, out)
		}
		log.Printf("%s is measured without Lua: %s", p.program, bytes.TrimSpace(out))
	}
	args := slices.Concat(prefix, []string{path}, p.serve, []string{p.program + ".conf"})
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	r := &running{name: name, ports: ports}
	if r.process, err = startProcess(p.program, cmd); err != nil {
		return nil, err
	}
	return r, r.listensAll(ctx, slices.DeleteFunc(slices.Clone(ports), func(port string) bool { return port == "" }))
}

// firstGroup is what the pattern's group matches, "" if nothing does.
func firstGroup(pattern, text string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

func aboutNginx(version string) (name, modules string) {
	name = "nginx " + firstGroup(`nginx version: \w+/(\S+)`, version) + " with LuaJIT"
	folder := firstGroup(`--modules-path=(\S+)`, version)
	for _, module := range []string{"ndk_http_module.so", "ngx_http_lua_module.so"} {
		if path := filepath.Join(folder, module); exists(path) { // else it is built in, or not there
			modules += "load_module " + path + ";\n"
		}
	}
	return name, modules
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func nginxConfig(modules, upstream string, ports []string, lua bool) string {
	text := `daemon off;
master_process off; # one process: its CPU time is all there is
pid nginx.pid;
error_log stderr error;
events { worker_connections 16384; }
http {
	access_log off;
	default_type application/json;
	keepalive_requests 1000000000;
	client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
	upstream up { server ` + upstream + `; keepalive 1024; keepalive_requests 1000000000; }
	upstream beta { server 127.0.0.1:1; }
	server { listen 127.0.0.1:` + ports[0] + `; location / { return 200 '` + hello + `'; } }
	server { listen 127.0.0.1:` + ports[2] + `; location / { proxy_pass http://up; } }
`
	if !lua {
		return text + "}\n"
	}
	return modules + text + `
	server {
		listen 127.0.0.1:` + ports[1] + `;
		location / { content_by_lua_block { ngx.header.content_length = ` + fmt.Sprint(len(hello)) + ` ngx.print('` + hello + `') } }
	}
	server {
		listen 127.0.0.1:` + ports[3] + `;
		location / {
			set $to "";
			rewrite_by_lua_block { ngx.var.to = ngx.var.cookie_beta and "beta" or "up" }
			proxy_pass http://$to;
		}
	}
}
`
}

func aboutHAProxy(version string) (name, modules string) {
	name = "HAProxy " + firstGroup(`HAProxy version ([\d.]+)`, version)
	return name + " with " + firstGroup(`Built with Lua version : (Lua [\d.]+)`, version), ""
}

const haproxyLua = `
core.register_service("hello", "http", function(applet)
  applet:set_status(200)
  applet:add_header("content-type", "application/json")
  applet:add_header("content-length", "%d")
  applet:start_response()
  applet:send('%s')
end)
core.register_action("decide", { "http-req" }, function(txn)
  local beta = txn.sf:req_cook("beta")
  txn:set_var("txn.to", beta and beta ~= "" and "beta" or "up")
end)
`

func haproxyConfig(_, upstream string, ports []string, lua bool) string {
	global := "global\n\tnbthread 1\n"
	if lua {
		global += "\tlua-load haproxy.lua\n"
	}
	text := global + `
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
	option forwardfor
	http-reuse always
frontend hello
	bind 127.0.0.1:` + ports[0] + `
	http-request return status 200 content-type application/json string '` + hello + `'
frontend proxy
	bind 127.0.0.1:` + ports[2] + `
	default_backend up
backend up
	server up ` + upstream + `
backend beta
	server beta 127.0.0.1:1
`
	if !lua {
		return text
	}
	return text + `frontend lua_hello
	bind 127.0.0.1:` + ports[1] + `
	http-request use-service lua.hello
frontend lua_proxy
	bind 127.0.0.1:` + ports[3] + `
	http-request lua.decide
	use_backend %[var(txn.to)]
`
}
