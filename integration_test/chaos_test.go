package integration_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
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
		c.saveProfiles(profile)
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
	t      *testing.T
	dir    string
	admin  *client
	cmd    *exec.Cmd
	stderr bytes.Buffer
	config string

	dropped atomic.Int64 // connections that Caddy closed without an answer
}

func newChaos(t *testing.T) *chaos {
	c := &chaos{t: t, dir: t.TempDir()}
	c.admin = newClient(c.dir, "")
	t.Cleanup(c.admin.close)
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
			if err := os.WriteFile(filepath.Join(c.dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	initial := fmt.Sprintf("{\n\tadmin unix/%s/admin.sock\n}\n", c.dir)
	if err := os.WriteFile(filepath.Join(c.dir, "Caddyfile"), []byte(initial), 0o600); err != nil {
		t.Fatal(err)
	}
	c.cmd = exec.Command("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	c.cmd.Dir = c.dir
	c.cmd.Env = append(os.Environ(), "WORK="+c.dir, "HOME="+c.dir, "UP="+up)
	c.cmd.Stderr = &c.stderr
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Signal(syscall.SIGQUIT)
			_ = c.cmd.Wait()
			t.Logf("caddy's stderr: %s", &c.stderr)
		}
	})
	return c
}

// reload loads the configuration with one version of the scripts.
func (c *chaos) reload(version string) {
	c.t.Helper()
	if _, err := c.admin.admin("POST", "/load", "text/caddyfile", strings.ReplaceAll(c.config, "VERSION", version)); err != nil {
		c.t.Errorf("reload: %v", err)
	}
}

// ask returns what the admin API says.
func (c *chaos) ask(path string) string {
	c.t.Helper()
	out, err := c.admin.admin("GET", path, "", "")
	if err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	return out
}

func (c *chaos) number(path, pattern string) int {
	c.t.Helper()
	out := c.ask(path)
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	if m == nil {
		c.t.Fatalf("%s has no %s: %.1000s", path, pattern, out)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// passing are goroutines that are there or not for reasons of their own: the one that Caddy
// starts with the first dynamic upstream, and those that serve the question itself.
var passing = regexp.MustCompile(`\)\.fillDynamicHost\.|\.\(\*connReader\)\.backgroundRead|/pprof\.Index`)

// goroutines counts all that are not passing.
func (c *chaos) goroutines() (n int) {
	c.t.Helper()
	_, dump, _ := strings.Cut(c.ask("/debug/pprof/goroutine?debug=1"), "\n")
	for stack := range strings.SplitSeq(dump, "\n\n") {
		count, _, ok := strings.Cut(strings.TrimSpace(stack), " @ ")
		if !ok || passing.MatchString(stack) {
			continue
		}
		times, err := strconv.Atoi(count)
		if err != nil {
			c.t.Fatalf("goroutine profile: %q", stack)
		}
		n += times
	}
	return n
}

// heap returns how many bytes are alive after collections: what lies in a sync.Pool, such as
// the 0.8 MiB that each gzip.Writer of /metrics has, outlives the first one.
func (c *chaos) heap() (bytes int) {
	c.t.Helper()
	for range 3 {
		bytes = c.number("/debug/pprof/heap?gc=1&debug=1", `(?m)^# HeapAlloc = (\d+)`)
	}
	return bytes
}

// metric returns the sum of the metrics whose names and first labels are prefix.
func (c *chaos) metric(prefix string) (sum float64) {
	c.t.Helper()
	for line := range strings.Lines(c.ask("/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if strings.HasPrefix(name, prefix) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

// untilQuiet waits until nothing of the storm is left: no Lua work, and no more goroutines
// and hardly more heap than given, unless that is 0.
func (c *chaos) untilQuiet(goroutines, heap int) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var left []string
		for _, m := range []string{"in_flight", "waiting", "queued"} {
			if n := c.metric("caddy_rover_" + m + "{"); n != 0 {
				left = append(left, fmt.Sprintf("%s is %v", m, n))
			}
		}
		if n := c.goroutines(); goroutines != 0 && n > goroutines {
			left = append(left, fmt.Sprintf("%d goroutines, %d before:\n%s", n, goroutines, c.ask("/debug/pprof/goroutine?debug=1")))
		}
		if n := c.heap(); heap != 0 && n > heap+heap/10 {
			left = append(left, fmt.Sprintf("%d bytes of heap, %d before", n, heap))
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("after the storm: %s", strings.Join(left, "; "))
			return
		}
		runtime.Gosched()
	}
}

// saveProfiles keeps what was on the heap before and after, to be compared.
func (c *chaos) saveProfiles(before string) {
	for name, profile := range map[string]string{"before": before, "after": c.ask("/debug/pprof/heap?gc=1")} {
		if err := os.WriteFile(filepath.Join(os.TempDir(), "chaos-"+name+".pprof"), []byte(profile), 0o600); err != nil {
			c.t.Error(err)
		}
	}
	c.t.Logf("see go tool pprof -base %[1]s/chaos-before.pprof %[1]s/chaos-after.pprof", os.TempDir())
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

// stop ends caddy; a data race would show in its exit status.
func (c *chaos) stop() {
	c.t.Helper()
	_ = c.cmd.Process.Signal(os.Interrupt)
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("caddy: %v\n%s", err, &c.stderr)
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
		isPlanted := strings.Contains(line, `"msg":"script error"`) && strings.Contains(line, plantedPanic)
		if isPlanted {
			planted++
			continue
		}
		if lower := strings.ToLower(line); strings.Contains(lower, "panic") || strings.Contains(lower, "data race") || strings.Contains(lower, "fatal error") {
			c.t.Errorf("in the log: %.2000s", line)
		}
	}
	if planted == 0 {
		c.t.Error("no planted panic is in the log")
	}
}
