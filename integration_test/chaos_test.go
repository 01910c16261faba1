package integration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

var chaosTime = flag.Duration("chaos", 5*time.Second, "how long TestChaos goes on")

func init() {
	caddy.RegisterModule(new(chaosCallback))
	httpcaddyfile.RegisterHandlerDirective("chaos_callback", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return new(chaosCallback), nil
	})
}

// chaosCallback makes a placeholder whose value panics. A script asks for it by ctx:var: a
// Go function that Lua has called panics.
type chaosCallback struct{}

// plantedPanic is what it panics with. No other panic may be in a log.
const plantedPanic = "planted by TestChaos"

func (*chaosCallback) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.chaos_callback", New: func() caddy.Module { return new(chaosCallback) }}
}

func (*chaosCallback) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Map(func(key string) (any, bool) {
		if key == "chaos.callback" {
			panic(plantedPanic)
		}
		return nil, false
	})
	return next.ServeHTTP(w, r)
}

// Whatever scripts, services, clients and operators do at once: each request gets one
// answer, no update is lost or made twice, nothing is left behind, and the server lives.
func TestChaos(t *testing.T) {
	c := newChaos(t)
	c.reload("a")
	warm := c.storm(max(*chaosTime/4, 2*time.Second))
	c.audit(warm)
	c.reload("a")
	c.untilQuiet(0, 0)
	goroutines, heap := c.goroutines(), c.heap()
	profile := c.ask("/debug/pprof/heap?gc=1")

	run := c.storm(*chaosTime)
	c.audit(run)
	run.expectVariety(t)
	if got := c.post("/free"); got != "true" {
		t.Errorf("GET /free: %s: something is held though nobody runs", got)
	}
	c.reload("a")
	c.untilQuiet(goroutines, heap)
	if t.Failed() {
		c.saveProfiles("chaos", profile)
	}
	for _, metric := range []string{`refused_total{reason="queue"`, `refused_total{reason="max_waiting"`, "kills_total{", "quarantines_total{"} {
		if c.metric("caddy_rover_"+metric) == 0 {
			t.Errorf("%s is 0: the storm was a breeze", metric)
		}
	}
	c.stop()
	c.checkLogs()
	t.Logf("%s\n%d connections dropped at reloads; goroutines before and after %d, heap %.1f MiB",
		run, c.dropped.Load(), goroutines, float64(heap)/(1<<20))
}

// chaos is a caddy process in a storm.
type chaos struct {
	*process
	config string

	dropped atomic.Int64 // connections that Caddy closed without an answer
}

func newChaos(t *testing.T) *chaos {
	dir := t.TempDir()
	c := &chaos{}
	up := newChaosUpstream(t)
	for _, name := range []string{"app.lua", "quarantine.lua", "bad.lua", "Caddyfile"} {
		data, err := os.ReadFile(filepath.Join("testdata/chaos", name))
		if err != nil {
			t.Fatal(err)
		}
		c.config = string(data) // the last one stays
		names := []string{name}
		if base, isLua := strings.CutSuffix(name, ".lua"); isLua && base != "bad" {
			names = []string{base + "_a.lua", base + "_b.lua"}
		}
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	initial := fmt.Sprintf("{\n\tadmin unix/%s/admin.sock\n}\n", dir)
	if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(initial), 0o600); err != nil {
		t.Fatal(err)
	}
	c.process = startProcess(t, dir, "UP="+up)
	return c
}

// reload loads the configuration with one version of the scripts.
func (c *chaos) reload(version string) {
	c.t.Helper()
	if _, err := c.admin.admin("POST", "/load", "text/caddyfile", strings.ReplaceAll(c.config, "VERSION", version)); err != nil {
		c.t.Errorf("reload: %v", err)
	}
}

// post sends one request that must be answered with 200, and returns the body.
func (c *chaos) post(path string) string {
	c.t.Helper()
	status, body, err := c.send(path, "", stays)
	if err != nil || status != http.StatusOK {
		c.t.Fatalf("%s: %d %s %v", path, status, body, err)
	}
	return body
}

// audit compares what clients have seen with what the handlers did.
func (c *chaos) audit(s *storm) {
	c.t.Helper()
	c.untilQuiet(0, 0)
	var books struct {
		Ledger map[string]int
		Locked int
	}
	if err := json.Unmarshal([]byte(c.post("/ledger")), &books); err != nil {
		c.t.Fatal(err)
	}
	locked := 0
	for _, r := range s.good {
		n := books.Ledger[r.id]
		spawned := books.Ledger[r.id+" spawned"]
		delete(books.Ledger, r.id)
		delete(books.Ledger, r.id+" spawned")
		switch {
		case r.status == http.StatusOK && (n != 1 || r.body != r.id):
			c.t.Errorf("%s %s: answered %q, done %d times", r.kind, r.id, r.body, n)
		case r.status == http.StatusOK && r.kind == "spawn" && spawned != 1:
			c.t.Errorf("%s: the task ran %d times", r.id, spawned)
		case r.left && (n > 1 || spawned > 1):
			c.t.Errorf("%s %s: the client left, done %d times, task %d", r.kind, r.id, n, spawned)
		case !r.left && r.status != http.StatusOK && n != 0:
			c.t.Errorf("%s %s: answered %d, but done %d times", r.kind, r.id, r.status, n)
		}
		if r.kind == "lock" {
			locked += n
		}
	}
	if len(books.Ledger) > 0 {
		c.t.Errorf("done, but nobody asked for it: %v", books.Ledger)
	}
	if locked != books.Locked {
		c.t.Errorf("%d updates under the lock, but the counter says %d", locked, books.Locked)
	}
}

// checkLogs looks for what must not be in the logs: panics other than the planted ones,
// and those only as errors of scripts.
func (c *chaos) checkLogs() {
	c.t.Helper()
	planted := 0
	logs := c.stderr.String()
	for _, name := range []string{"caddy.log", "net_http.log"} {
		data, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil {
			c.t.Fatal(err)
		}
		logs += string(data)
	}
	for line := range strings.Lines(logs) {
		if strings.Contains(line, plantedPanic) {
			switch {
			case strings.Contains(line, `"msg":"script error"`):
				planted++
				continue
			case strings.Contains(line, `"msg":"a function of Go has panicked that the script called"`):
				continue // the stack of the same
			}
		}
		if lower := strings.ToLower(line); strings.Contains(lower, "panic") || strings.Contains(lower, "data race") || strings.Contains(lower, "fatal error") {
			c.t.Errorf("in the log: %.2000s", line)
		}
	}
	if planted == 0 {
		c.t.Error("no planted panic is in the log")
	}
}
