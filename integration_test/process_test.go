package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a caddy process of one test, and what its admin API tells of its insides.
type process struct {
	t      *testing.T
	dir    string // with the Caddyfile, which has the admin API at admin.sock
	admin  *client
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// startProcess runs caddy in dir, with $WORK for dir and env besides.
func startProcess(t *testing.T, dir string, env ...string) *process {
	p := &process{t: t, dir: dir, admin: newClient(dir, "")}
	t.Cleanup(p.admin.close)
	p.cmd = exec.Command("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	p.cmd.Dir = dir
	p.cmd.Env = append(append(os.Environ(), "WORK="+dir, "HOME="+dir), env...)
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Signal(syscall.SIGQUIT)
			_ = p.cmd.Wait()
			errors, _ := os.ReadFile(filepath.Join(dir, "caddy.log"))
			t.Logf("caddy's stderr: %s\nthe end of its log: %s", &p.stderr, errors[max(0, len(errors)-5000):])
		}
	})
	return p
}

// ask returns what the admin API says.
func (p *process) ask(path string) string {
	p.t.Helper()
	out, err := p.admin.admin("GET", path, "", "")
	if err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	return out
}

func (p *process) number(path, pattern string) int {
	p.t.Helper()
	out := p.ask(path)
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	if m == nil {
		p.t.Fatalf("%s has no %s: %.1000s", path, pattern, out)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// passing are goroutines that are there or not for reasons of their own: the one that Caddy
// starts with the first dynamic upstream, and those that serve the question itself.
var passing = regexp.MustCompile(`\)\.fillDynamicHost\.|\.\(\*connReader\)\.backgroundRead|/pprof\.Index`)

// goroutines counts all that are not passing.
func (p *process) goroutines() (n int) {
	p.t.Helper()
	_, dump, _ := strings.Cut(p.ask("/debug/pprof/goroutine?debug=1"), "\n")
	for stack := range strings.SplitSeq(dump, "\n\n") {
		count, _, ok := strings.Cut(strings.TrimSpace(stack), " @ ")
		if !ok || passing.MatchString(stack) {
			continue
		}
		times, err := strconv.Atoi(count)
		if err != nil {
			p.t.Fatalf("goroutine profile: %q", stack)
		}
		n += times
	}
	return n
}

// heap returns how many bytes are alive after collections: what lies in a sync.Pool, such as
// the 0.8 MiB that each gzip.Writer of /metrics has, outlives the first one.
func (p *process) heap() (bytes int) {
	p.t.Helper()
	for range 3 {
		bytes = p.number("/debug/pprof/heap?gc=1&debug=1", `(?m)^# HeapAlloc = (\d+)`)
	}
	return bytes
}

// metric returns the sum of the metrics whose names and first labels are prefix.
func (p *process) metric(prefix string) (sum float64) {
	p.t.Helper()
	for line := range strings.Lines(p.ask("/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		if strings.HasPrefix(name, prefix) {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

// stop ends caddy; a data race would show in its exit status.
func (p *process) stop() {
	p.t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("caddy: %v\n%s", err, &p.stderr)
	}
}

// untilQuiet waits until nothing of the storm is left: no Lua work, and no more goroutines
// and hardly more heap than given, unless that is 0.
func (p *process) untilQuiet(goroutines, heap int) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var left []string
		for _, m := range []string{"rover_in_flight", "rover_waiting", "rover_queued", "http_requests_in_flight"} {
			if n := p.metric("caddy_" + m + "{"); n != 0 {
				left = append(left, fmt.Sprintf("%s is %v", m, n))
			}
		}
		if n := p.goroutines(); goroutines != 0 && n > goroutines {
			left = append(left, fmt.Sprintf("%d goroutines, %d before:\n%s", n, goroutines, p.ask("/debug/pprof/goroutine?debug=1")))
		}
		if n := p.heap(); heap != 0 && n > heap+heap/10 {
			left = append(left, fmt.Sprintf("%d bytes of heap, %d before", n, heap))
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.t.Errorf("after the storm: %s", strings.Join(left, "; "))
			return
		}
		runtime.Gosched()
	}
}

// saveProfiles keeps what was on the heap before and is now, to be compared.
func (p *process) saveProfiles(name, before string) {
	for when, profile := range map[string]string{"before": before, "after": p.ask("/debug/pprof/heap?gc=1")} {
		if err := os.WriteFile(filepath.Join(os.TempDir(), name+"-"+when+".pprof"), []byte(profile), 0o600); err != nil {
			p.t.Error(err)
		}
	}
	p.t.Logf("see go tool pprof -base %[1]s/%[2]s-before.pprof %[1]s/%[2]s-after.pprof", os.TempDir(), name)
}

// expectNoPanic looks for panics, which net/http would have survived.
func (p *process) expectNoPanic() {
	p.t.Helper()
	logs := p.stderr.String()
	for _, name := range []string{"caddy.log", "net_http.log"} {
		data, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			p.t.Fatal(err)
		}
		logs += string(data)
	}
	for line := range strings.Lines(logs) {
		if lower := strings.ToLower(line); strings.Contains(lower, "panic") || strings.Contains(lower, "fatal error") {
			p.t.Errorf("in the log: %.2000s", line)
		}
	}
}
