package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-rover/rover/internal/needs"
)

// examples/cluster/run.sh starts two Caddys and a redis-server: what one is told the other knows. It
// leaves no process and no file.
func TestClusterExample(t *testing.T) {
	needs.Program(t, "sh", "redis-server")
	caddy, err := exec.LookPath("caddy")
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	ports := [2]string{freePort(), freePort()}
	var output bytes.Buffer
	run := exec.CommandContext(t.Context(), "sh", "examples/cluster/run.sh")
	run.Dir = ".."
	run.Env = append(os.Environ(), "CADDY="+caddy, "TMPDIR="+tmp, "HOME="+t.TempDir(), "PORT1="+ports[0], "PORT2="+ports[1],
		"ADMIN1=127.0.0.1:"+freePort(), "ADMIN2=127.0.0.1:"+freePort())
	run.Stdout, run.Stderr = &output, &output
	run.Cancel = func() error { return run.Process.Signal(syscall.SIGTERM) }
	run.WaitDelay = patience
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: patience}
	ask := func(method string, port int, path, want string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; {
			r, err := http.NewRequest(method, "http://127.0.0.1:"+ports[port]+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(r)
			if err != nil { // it does not listen yet
				if time.Now().After(deadline) {
					t.Fatal(err)
				}
				continue
			}
			defer resp.Body.Close()
			if body, _ := io.ReadAll(resp.Body); string(body) != want {
				t.Errorf("%s %s: %s %s, want %s", method, path, resp.Status, body, want)
			}
			return
		}
	}
	ask("GET", 0, "/reports/sales", `{"name":"sales","worked_out":1}`)
	ask("GET", 1, "/reports/sales", `{"name":"sales","worked_out":1}`)
	ask("POST", 0, "/login/ann", "welcome, ann")
	ask("GET", 1, "/me", `{"user":"ann","visits":1}`)
	ask("GET", 0, "/me", `{"user":"ann","visits":2}`)
	client.CloseIdleConnections()

	_ = run.Process.Signal(os.Interrupt)
	if err := run.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if t.Failed() || strings.Contains(output.String(), "panic") {
		t.Logf("%s", &output)
	}
}
