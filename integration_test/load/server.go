package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const caddyfile = `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://127.0.0.1:{$OURS} {
	rover app.lua {
		queue 65536
		max_waiting 100000
		timeout 60s
		allow net {$UPSTREAM}
		set upstream {$UPSTREAM}
	}
}
http://127.0.0.1:{$RESPOND} {
	respond ` + "`" + hello + "`" + `
}
(proxy) {
	reverse_proxy {$UPSTREAM} {
		transport http {
			keepalive_idle_conns_per_host 1024
		}
	}
}
http://127.0.0.1:{$PROXY} {
	import proxy
}
http://127.0.0.1:{$LEAN} {
	reverse_proxy {$UPSTREAM} {
		transport rover_lean {
			keepalive_idle_conns_per_host 1024
		}
	}
}
http://127.0.0.1:{$HEADER} {
	rover after.lua
	import proxy
}
http://127.0.0.1:{$CHUNK} {
	rover chunk.lua
	import proxy
}
http://127.0.0.1:{$PASS} {
	rover pass.lua
	respond ` + "`" + hello + "`" + `
}
http://127.0.0.1:{$AFTER} {
	rover after.lua
	respond ` + "`" + hello + "`" + `
}
`

var scripts = map[string]string{
	"app.lua": `
local api = rover.server {}
local upstream = rover.config.upstream
function api.get() return { message = "hello from Lua" } end
function api.shop.w_rest.any(ctx) return api.proxy(ctx:cookie("beta") and "127.0.0.1:1" or upstream) end
local s = { waiting = 0 }
function api.sleep.get(ctx)
  s.waiting = s.waiting + 1
  rover.sleep(tonumber(ctx:query().s))
  s.waiting = s.waiting - 1
  return { message = "hello from Lua" }
end
function api.http.get(ctx)
  s.waiting = s.waiting + 1
  local res = assert(rover.http.get("http://" .. upstream .. "/slow?s=" .. ctx:query().s))
  s.waiting = s.waiting - 1
  return { message = #res.body > 0 and "hello from Lua" }
end
function api.waiting.p_n.get(ctx) -- 200 once n handlers wait, 404 before
  if s.waiting >= tonumber(ctx:param("n")) then return { message = "hello from Lua" } end
  return api:error(404, "not yet")
end
return api
`,
	"pass.lua": `
local api = rover.server {}
function api.other.get() return "other" end
return api
`,
	"after.lua": `
local api = rover.server {}
function api.after.brand(ctx, res) res:set_header("X-Served-By", "rover") end
return api
`,
	"chunk.lua": `
local api = rover.server {}
function api.after.same(ctx, res) res:on_chunk(function(chunk) return chunk end) end
return api
`,
}

// caddy is the server under load.
type caddy struct {
	cmd    *exec.Cmd
	ports  map[string]string // by their names in the Caddyfile
	exited chan struct{}     // closed when the process has been waited for
}

// buildCaddy builds cmd/caddy into dir, beside the Caddyfile and the scripts.
func buildCaddy(ctx context.Context, dir string) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "caddy"), "github.com/caddy-rover/rover/cmd/caddy")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building cmd/caddy: %w\n%s", err, out)
	}
	files := map[string]string{"Caddyfile": caddyfile}
	for name, text := range scripts {
		files[name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startCaddy starts what buildCaddy left in dir with every site, the command behind
// prefix, and waits until it serves.
func startCaddy(ctx context.Context, dir string, prefix []string, upstream string) (_ *caddy, err error) {
	c := &caddy{ports: map[string]string{}, exited: make(chan struct{})}
	env := append(os.Environ(), "UPSTREAM="+upstream, "HOME="+dir)
	for _, site := range []string{"OURS", "RESPOND", "PROXY", "LEAN", "PASS", "AFTER", "HEADER", "CHUNK"} {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		c.ports[site] = port
		env = append(env, site+"="+port)
	}
	args := slices.Concat(prefix, []string{filepath.Join(dir, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"})
	c.cmd = exec.Command(args[0], args[1:]...)
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr = dir, env, os.Stderr
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting caddy: %w", err)
	}
	go func() { defer close(c.exited); _ = c.cmd.Wait() }()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, port := range c.ports {
		if err := c.listens(ctx, port); err != nil {
			c.stop()
			return nil, err
		}
	}
	return c, nil
}

// listens waits until the server listens on port.
func (c *caddy) listens(ctx context.Context, port string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-c.exited:
			return fmt.Errorf("caddy has ended: %v", c.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("caddy does not listen: %w", err)
		}
	}
}

// stop ends the server and waits until it is gone.
func (c *caddy) stop() {
	_ = c.cmd.Process.Kill()
	<-c.exited
}

// memory returns a field of the server's memory status, in MiB: VmRSS, VmHWM (peak).
func (c *caddy) memory(field string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(field + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0, errors.New("no " + field + " in the process status")
	}
	kib, err := strconv.ParseFloat(string(m[1]), 64)
	return kib / 1024, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// upstream is what the proxied pairs proxy to, and what handlers wait for: it answers
// /slow?s=1.5 after that many seconds, and /page with a large body.
type upstream struct {
	server  *http.Server
	address string
	done    chan struct{}
}

var (
	upstreamBody = strings.Repeat("upstream ", 20)
	page         = strings.Repeat("<p>upstream</p>\n", 4096)
)

func startUpstream() (*upstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	body := []byte(upstreamBody)
	u := &upstream{address: l.Addr().String(), done: make(chan struct{}), server: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				seconds, _ := strconv.ParseFloat(r.FormValue("s"), 64)
				select {
				case <-time.After(time.Duration(seconds * float64(time.Second))):
				case <-r.Context().Done():
				}
			}
			if r.URL.Path == "/page" {
				_, _ = io.WriteString(w, page)
				return
			}
			_, _ = w.Write(body)
		}),
	}}
	go func() { defer close(u.done); _ = u.server.Serve(l) }()
	return u, nil
}

func (u *upstream) stop() {
	_ = u.server.Close()
	<-u.done
}
