package handler

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// running is a config that runs, with a handler and a matcher.
type running struct {
	app     *App
	handler *Handler
	matcher *Matcher
	cancel  func()
}

func run(t *testing.T, config rovercaddyfile.Config) *running {
	t.Helper()
	ctx, cancel := caddy.NewContext(emptyContext(t))
	r := &running{new(App), &Handler{Config: config}, new(Matcher), cancel}
	r.app.init(ctx.Logger(r.app), nil)
	r.matcher.Function, r.matcher.kind, r.matcher.app = "m", luart.MatcherFunction, r.app
	r.app.functions = append(r.app.functions, &r.matcher.functionRef)
	if err := errors.Join(r.handler.provision(ctx, r.app), r.app.Start()); err != nil {
		t.Fatal(err)
	}
	r.app.scripts.Ready()
	return r
}

func (r *running) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(r.app.Stop(), r.handler.Cleanup(), r.app.Cleanup()); err != nil {
		t.Error(err)
	}
	r.cancel()
}

// A script that goes on keeps nothing of the configs that it has run in: not their handlers, nor
// what they have provisioned. Each config's matchers and handlers are its own meanwhile.
func TestKeepNoOldHandler(t *testing.T) {
	path := script(t, filepath.Join(t.TempDir(), "app.lua"), `
		local api, n = rover.server {}, 0
		rover.matcher("m", function() return n > 0 end)
		rover.every(0.001, function() rover.log.info("tick") end)
		api.on_ready(function() rover.sleep(0.001) end)
		function api.before.hook(ctx) rover.log.info("hook") end
		function api.get() n = n + 1 return tostring(n) end
		function api.next.get(ctx) local res = ctx:next() rover.spawn(function() rover.sleep(0.001) end) return res end
		function api.proxied.get(ctx) return api.proxy("127.0.0.1:1") end
		function api.fails.get() error "oops" end
		return api`)
	config := func() rovercaddyfile.Config {
		return rovercaddyfile.Config{Script: path, Set: map[string]string{"k": "v"}, Proxy: new(rovercaddyfile.Proxy)}
	}
	use := func(r *running, first string) {
		t.Helper()
		if got := get(t, r.handler, "/"); got != first {
			t.Errorf("got %q, want %q", got, first)
		}
		if got := get(t, r.handler, "/next"); got != "next" {
			t.Errorf("got %q", got)
		}
		for _, path := range []string{"/proxied", "/fails"} {
			w := httptest.NewRecorder()
			err := r.handler.ServeHTTP(w, caddyenv.Prepare(httptest.NewRequest("GET", path, nil), w), nil)
			if err == nil && w.Code < 500 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if matched, err := r.matcher.MatchWithError(caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)); !matched || err != nil {
			t.Errorf("matched %v, %v", matched, err)
		}
	}
	now := run(t, config())
	use(now, "1")
	var apps []weak.Pointer[App]
	var handlers []weak.Pointer[Handler]
	for _, first := range []string{"3", "6", "9"} {
		next := run(t, config())
		if got, want := get(t, now.handler, "/"), map[string]string{"3": "2", "6": "5", "9": "8"}[first]; got != want { // both at once
			t.Errorf("got %q, want %q", got, want)
		}
		use(next, first)
		get(t, now.handler, "/")
		apps, handlers = append(apps, weak.Make(now.app)), append(handlers, weak.Make(now.handler))
		now.end(t)
		now = next
	}
	for i := range apps {
		for apps[i].Value() != nil || handlers[i].Value() != nil {
			runtime.GC()
		}
	}
	now.end(t)
}

// A script is like that of another config if the directive means the same.
func TestOptionsOf(t *testing.T) {
	dir := t.TempDir()
	path := script(t, filepath.Join(dir, "app.lua"), `return rover.server {}`)
	t.Setenv("ROVER_TEST_REGION", "north")
	options := func(change func(*rovercaddyfile.Config)) string {
		t.Helper()
		c := rovercaddyfile.Config{
			Script: path, Name: "vm", Set: map[string]string{"region": "{env.ROVER_TEST_REGION}"},
			Proxy: &rovercaddyfile.Proxy{Handler: reverseproxy.Handler{TransportRaw: json.RawMessage(`{"protocol":"http"}`)}},
		}
		change(&c)
		h, app := &Handler{Config: c}, newApp(t)
		defer h.Cleanup()
		if err := h.provision(emptyContext(t), app); err != nil {
			t.Fatal(err)
		}
		return h.script.Options
	}
	was := options(func(*rovercaddyfile.Config) {})
	if was == "" {
		t.Fatal("no options")
	}
	for name, change := range map[string]func(*rovercaddyfile.Config){
		"defaults":             (*rovercaddyfile.Config).SetDefaults,
		"a default by its own": func(c *rovercaddyfile.Config) { c.Timeout = caddy.Duration(rovercaddyfile.DefaultTimeout) },
		"a placeholder's text": func(c *rovercaddyfile.Config) { c.Set["region"] = "north" },
		"the script's path":    func(c *rovercaddyfile.Config) { c.Script = filepath.Join(dir, "x", "..", "app.lua") },
	} {
		if options(change) != was {
			t.Errorf("%s: options differ", name)
		}
	}
	for name, change := range map[string]func(*rovercaddyfile.Config){
		"timeout": func(c *rovercaddyfile.Config) { c.Timeout = caddy.Duration(time.Minute) },
		"set":     func(c *rovercaddyfile.Config) { c.Set["other"] = "x" },
		"queue":   func(c *rovercaddyfile.Config) { c.Queue = 7 },
		"proxy": func(c *rovercaddyfile.Config) {
			c.Proxy.TransportRaw = json.RawMessage(`{"protocol":"http","compression":false}`)
		},
		"lean":    func(c *rovercaddyfile.Config) { c.Proxy.Lean = new(bool) },
		"allow":   func(c *rovercaddyfile.Config) { c.Allow = []string{"net"} },
		"explain": func(c *rovercaddyfile.Config) { c.Explain = "0123456789abcdef" },
	} {
		if options(change) == was {
			t.Errorf("%s: options are the same", name)
		}
	}
	t.Setenv("ROVER_TEST_REGION", "south")
	if options(func(*rovercaddyfile.Config) {}) == was {
		t.Error("the value of a placeholder: options are the same")
	}
}
