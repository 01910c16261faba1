package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/internal/needs"
)

// leavingPaths are what clients try behind the prefix of a service, to get at another one.
var leavingPaths = []string{
	"../internal/x", "%2e%2e/internal/x", "..%2finternal/x", "%2e%2e%2finternal%2fx", "%2E./internal", ".%2E%2Finternal",
	"..", "../", "%2e%2e", "%2e%2e%2f", "a/../../internal", "a/..%2f../internal", "a%2f..%2f..%2finternal", "./../internal",
	"//../internal", "a//../../internal", "a//..//../internal", "/..%2f..%2finternal", ".//../internal", "..//internal",
	`..\internal`, "..%5cinternal", `a\..\..\internal`, "..%00/internal", "..%3f/../internal", "..%23/../internal", "..;/internal",
	"..;v=1/../internal", "%252e%252e/internal", "..%252finternal", "%c0%ae%c0%ae/internal", "..%c0%afinternal", "%2e%2e%2f%2e%2e%2f",
	"a/b/../../../internal", "..%2f%2finternal", "../%69nternal", "..%2f%2e%2e%2finternal", "x?/../../internal", ".%2e%2f%2e.%2finternal",
}

// insidePaths are those that a service may have.
var insidePaths = []string{
	"x", "@scope%2fname", "a%20b/c", "a.b/..c/d..", ".well-known/x", "...", "what%3f", "c%23", "a//b", "50%25", "%C3%A4", "x?to=/../internal",
}

// leavingSites hand requests on, each below a prefix: handlers of a script, and Caddy's own. A
// parameter is one segment.
var leavingSites = map[string]string{
	"sent":   `function api.sent.w_rest.any() return api.proxy(rover.config.up) end`,
	"passed": `function api.passed.w_rest.any() return api.pass() end`,
	"next":   `function api.next.w_rest.any(ctx) return ctx:next() end`,
	"handed": `function api.handed.w_rest.any(ctx) return ctx:proxy(rover.config.up) end`,
	"chosen": `function api.chosen.w_rest.any(ctx) ctx:upstream(rover.config.up) return api.pass() end`,
	"copied": `function api.copied.w_rest.any(ctx) ctx:mirror(rover.config.up) return api.pass() end`,
	"users":  `function api.users.p_id.any() return api.proxy(rover.config.up) end`,
	"files":  `function api.files.p_id.x.any() return api.proxy(rover.config.up) end`,
	"plain":  "",

	"hook-sent":    `api:at("/hook-sent").before.on = function() return api.proxy(rover.config.up) end`,
	"hook-passed":  `api:at("/hook-passed").before.on = function() return api.pass() end`,
	"hook-next":    `api:at("/hook-next").before.on = function(ctx) return ctx:next() end`,
	"hook-handed":  `api:at("/hook-handed").before.on = function(ctx) return ctx:proxy(rover.config.up) end`,
	"hook-picked":  `api:at("/hook-picked").before.on = function() return api.proxy(nil, { pick = function(_, n) if n == 1 then return rover.config.up end end }) end`,
	"hook-chosen":  `api:at("/hook-chosen").before.on = function(ctx) ctx:upstream(rover.config.up) return ctx:next() end`,
	"hook-copied":  `api:at("/hook-copied").before.on = function(ctx) ctx:mirror(rover.config.up) return ctx:next() end`,
	"hook-at-once": `api:at("/hook-at-once").before.on = function(ctx) return (rover.parallel { function() return ctx:proxy(rover.config.up) end }) end`,
	"hook-streamed": `api:at("/hook-streamed").before.on = function()
		return api.stream(200, "text/plain", function() error { status = 400, message = "no" } end)
	end`,
	"hook-named":    `api:at("/hook-named").before.on = function(ctx) return api.proxy(rover.config.up, { path = ctx.raw_path }) end`,
	"hook-moved":    `api:at("/hook-moved").before.on = function(ctx) ctx:rewrite(ctx.raw_path) return api.proxy(rover.config.up) end`,
	"hook-stripped": `api:at("/hook-stripped").before.on = function(ctx) ctx:strip_prefix("/hook-stripped") ctx:rewrite("/hook-stripped" .. ctx.raw_path) return api.proxy(rover.config.up) end`,
	"hook-failed":   `api:at("/hook-failed").before.on = function() error { status = 400, message = "no" } end`,
	"hook-users":    `api:at("/hook-users").p_id.before.on = function() return api.proxy(rover.config.up) end`,
	"hook-rest":     `api:at("/hook-rest").w_rest.before.on = function() return api.proxy(rover.config.up) end`,
}

// givesPath are sites that say which path the upstream gets: its spelling is theirs.
var givesPath = map[string]bool{"hook-named": true, "hook-moved": true, "hook-stripped": true}

// hookPaths are what a hook covers, since it may be below its place: a guard must see them. nginx
// reads them as others.
var hookPaths = []string{
	"//internal/SITE/x", "///internal/SITE/x", "/internal%5c..%5cSITE/x", `/internal\..\SITE/x`, "/internal/%252e%252e/SITE/x",
	"/internal%2f%252e%252e/SITE/x", "/x;/..;/SITE/x", "/internal%00/../%252e%252e/SITE/x",
}

// spelledPaths are hookPaths that no server reads as another place, but nginx by its spelling.
var spelledPaths = []string{"/SITE;v=1/x", "/SITE./x", "/SITE%20/x", "/SITE%2f./x", "/SITE%2fx"}

// A path that is below the prefix of a route reaches an upstream only if it is there for the
// upstream, too, as with handle and reverse_proxy: nginx is asked for what it takes each path.
func TestNoPathLeavesItsRoute(t *testing.T) {
	needs.Program(t, "nginx")
	dir := t.TempDir()
	script := "local api = rover.server {}\nfunction api.on_error(_, ctx) return ctx:proxy(rover.config.up) end\n"
	sites := slices.Sorted(maps.Keys(leavingSites))
	for _, site := range sites {
		script += leavingSites[site] + "\n"
	}
	write(t, filepath.Join(dir, "app.lua"), script+"return api\n")
	write(t, filepath.Join(dir, "nginx.conf"), `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 256; }
http {
	log_format read $uri;
	map $http_x_all $scripts { "" 1; default 0; }
	access_log read.log read if=$scripts;
	client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
	server { listen unix:nginx.sock; location / { return 200 $uri; } }
}
`)
	write(t, filepath.Join(dir, "Caddyfile"), `{
	admin unix/{$WORK}/admin.sock
	auto_https off
	log default {
		output file {$WORK}/caddy.log
		level ERROR
	}
}
http:// {
	bind unix/{$WORK}/http.sock
	handle /plain/* {
		reverse_proxy unix/{$WORK}/nginx.sock
	}
	handle {
		rover app.lua {
			unmatched respond
			set up unix/{$WORK}/nginx.sock
		}
		reverse_proxy unix/{$WORK}/nginx.sock {
			dynamic rover
		}
	}
}
http:// {
	bind unix/{$WORK}/all.sock
	reverse_proxy unix/{$WORK}/nginx.sock {
		header_up X-All yes
	}
}
`)
	nginx := exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", "nginx.conf")
	nginx.Dir, nginx.Stderr = dir, os.Stderr
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nginx.Process.Kill(); _ = nginx.Wait() })
	p := startProcess(t, dir)
	for _, socket := range []string{"nginx.sock", "http.sock"} {
		conn, err := dial(t.Context(), filepath.Join(dir, socket))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}

	ask := func(socket, head string) (status int, body string) {
		conn, err := dial(t.Context(), filepath.Join(dir, socket))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		method, _, _ := strings.Cut(head, " ")
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%q: %v", head, err)
		}
		return resp.StatusCode, string(text)
	}
	get := func(socket, path string) (int, string) {
		return ask(socket, "GET "+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	}

	for _, site := range sites {
		prefix, tail := "/"+site+"/", ""
		if site == "files" {
			tail = "/x"
		}
		left := 0 // of the paths, where nobody looks at them
		for _, path := range leavingPaths {
			path, query, _ := strings.Cut(path, "?")
			if query != "" {
				query = "?" + query
			}
			target := prefix + path + tail + query
			status, read := get("all.sock", target)
			if leaves := status == http.StatusOK && !strings.HasPrefix(read, prefix); leaves {
				left++
			}
			status, read = get("http.sock", target)
			switch {
			case status == http.StatusOK && !strings.HasPrefix(read, prefix):
				t.Errorf("%s: nginx reads %s", target, read)
			case status == http.StatusInternalServerError:
				t.Errorf("%s: %d", target, status)
			}
		}
		if left < len(leavingPaths)/2 {
			t.Errorf("%s: only %d paths leave, where nobody looks at them", site, left)
		}
		for _, path := range insidePaths {
			path, query, _ := strings.Cut(path, "?")
			if (site == "users" || site == "files") && strings.Contains(path, "/") {
				continue // more than a parameter
			}
			if status, read := get("http.sock", prefix+path+tail+"?"+query); status != http.StatusOK || !strings.HasPrefix(read, prefix) {
				t.Errorf("%s: %d %s, want what is below %s", prefix+path+tail, status, read, prefix)
			}
		}
		if site == "plain" {
			continue
		}
		var covered []string
		if strings.HasPrefix(site, "hook-") {
			covered = hookPaths
		}
		if covered != nil && !givesPath[site] {
			covered = slices.Concat(covered, spelledPaths)
		}
		for _, path := range covered {
			target := strings.ReplaceAll(path, "SITE", site)
			if status, read := get("http.sock", target); status != http.StatusBadRequest {
				t.Errorf("%s: %d %s, want 400", target, status, read)
			}
		}
		for _, head := range []string{
			"HEAD %s..%%2finternal%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			"TRACE %s..%%2finternal%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			"POST %s..%%2finternal%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
			"GET http://a%s..%%2finternal%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
			"GET %s..%%2finternal%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		} {
			if site == "hook-streamed" && strings.HasPrefix(head, "HEAD") {
				continue // nobody asks the producer
			}
			if status, body := ask("http.sock", fmt.Sprintf(head, prefix, tail)); status != http.StatusBadRequest {
				t.Errorf("%.40q: %d %s", fmt.Sprintf(head, prefix, tail), status, body)
			}
		}
	}
	p.stop()
	seen, err := os.ReadFile(filepath.Join(dir, "read.log")) // copies, too
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(seen)) {
		if line == "\n" {
			continue // a path that nginx itself has refused
		}
		if site := strings.SplitN(line, "/", 3); len(site) < 3 || !slices.Contains(sites, site[1]) {
			t.Errorf("nginx got a request for %q", line)
		}
	}
}
