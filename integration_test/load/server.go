package main

import (
	"context"
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
	"sync/atomic"
	"time"
)

const caddyfile = `{
	admin 127.0.0.1:{$ADMIN}
	auto_https off
	log {
		level ERROR
	}
}
(app) {
	rover app.lua {
		queue 65536
		queue_timeout 60s
		max_waiting 100000
		body_min_rate 0
		timeout 60s
		allow net {$UPSTREAM}
		set upstream {$UPSTREAM}
		proxy {
			transport {args[0]} {
				dial_timeout 30s # many connections are made at once
			}
		}
	}
}
http://127.0.0.1:{$OURS} {
	import app rover_lean
}
http://127.0.0.1:{$HTTP} {
	import app http
}
http://127.0.0.1:{$RESPOND} {
	respond ` + "`" + hello + "`" + `
}
(proxy) {
	reverse_proxy {$UPSTREAM} {
		transport http {
			dial_timeout 30s
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
function api.body.post(ctx)
  s.waiting = s.waiting + 1
  local n = ctx:body():len()
  s.waiting = s.waiting - 1
  return { message = n > 0 and "hello from Lua" }
end
api.queue.concurrency { max = 1, wait = 60, queue = 10000 }
function api.queue.get(ctx) -- the first one keeps the place
  if not s.kept then
    s.kept = true
    rover.sleep(tonumber(ctx:query().s))
  end
  return { message = "hello from Lua" }
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
	*process
	ports map[string]string // by their names in the Caddyfile
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
	c := &caddy{ports: map[string]string{}}
	env := append(os.Environ(), "UPSTREAM="+upstream, "HOME="+dir)
	names := []string{"ADMIN", "OURS", "HTTP", "RESPOND", "PROXY", "LEAN", "PASS", "AFTER", "HEADER", "CHUNK"}
	ports, err := freePorts(len(names))
	if err != nil {
		return nil, err
	}
	for i, name := range names {
		c.ports[name] = ports[i]
		env = append(env, name+"="+ports[i])
	}
	args := slices.Concat(prefix, []string{filepath.Join(dir, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"})
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, os.Stderr
	if c.process, err = startProcess("caddy", cmd); err != nil {
		return nil, err
	}
	return c, c.listensAll(ctx, ports)
}

// memory is what the server takes, in MiB.
type memory struct {
	peak         float64 // of the process, up to now
	heap, stacks float64 // without garbage
}

// memory returns what the server takes now. It has the server collect its garbage.
func (c *caddy) memory(ctx context.Context) (m memory, err error) {
	if m.peak, err = c.resident("VmHWM"); err != nil {
		return m, err
	}
	var page []byte
	for range 3 { // pools keep what they hold through two
		if page, err = c.admin(ctx, "/debug/pprof/heap?gc=1&debug=1"); err != nil {
			return m, err
		}
	}
	for _, f := range []struct {
		name string
		to   *float64
	}{{"HeapAlloc", &m.heap}, {"Stack", &m.stacks}} {
		bytes, err := number(page, "# "+f.name+` = (\d+)`)
		if err != nil {
			return m, err
		}
		*f.to = bytes / (1 << 20)
	}
	return m, nil
}

// metric returns the value of a metric, 0 if there is none.
func (c *caddy) metric(ctx context.Context, pattern string) (float64, error) {
	page, err := c.admin(ctx, "/metrics")
	if err != nil || !regexp.MustCompile(pattern).Match(page) {
		return 0, err
	}
	return number(page, pattern)
}

// admin returns what the admin API answers.
func (c *caddy) admin(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+c.ports["ADMIN"]+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the admin API answered GET %s with %s", path, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

// number returns what the first group of a pattern matches.
func number(text []byte, pattern string) (float64, error) {
	m := regexp.MustCompile(pattern).FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("there is no %s", pattern)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// freePorts returns n different ports on which nobody listens.
func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // when all are known
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// upstream is what the proxied pairs proxy to, and what handlers wait for: it answers
// …/slow?s=1.5 after that many seconds, and /page with a large body.
type upstream struct {
	server  *http.Server
	slow    atomic.Int64 // requests for slow that it has not answered yet
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
	u := &upstream{address: l.Addr().String(), done: make(chan struct{})}
	u.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/slow") {
				u.slow.Add(1)
				defer u.slow.Add(-1)
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
	}
	go func() { defer close(u.done); _ = u.server.Serve(l) }()
	return u, nil
}

func (u *upstream) stop() {
	_ = u.server.Close()
	<-u.done
}
