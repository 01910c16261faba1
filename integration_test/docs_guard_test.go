package integration_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Who follows the README has a guarded service: its commands are run, with the files that it shows.
// Only the ports are others. The README is read from its top to its end, and nothing else.
func TestDocsGuard(t *testing.T) {
	text := pages(t)["../README.md"]
	_, guard, ok := strings.Cut(text, "\n## Guard a service\n")
	guard, _, _ = strings.Cut(guard, "\n## ")
	blocks := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(guard, -1)
	if !ok || len(blocks) == 0 {
		t.Fatal("README.md has no section on how to guard a service")
	}
	dir := t.TempDir()
	site, service := freePort(), freePort()
	ports := strings.NewReplacer(":8080", ":"+site, ":9000", ":"+service)
	var asked []string
	for _, b := range blocks {
		switch block := ports.Replace(b[2]); b[1] {
		case "caddyfile": // its admin API must not meet another Caddy's
			write(t, filepath.Join(dir, "Caddyfile"), "{\n\tadmin off\n}\n"+block)
		case "lua":
			write(t, filepath.Join(dir, "app.lua"), block)
		case "sh":
			for command := range strings.Lines(block) {
				switch command = strings.TrimSpace(command); {
				case strings.HasPrefix(command, "go build "):
					command = strings.Replace(command, "-o ../site/ ", "-o "+dir+"/ ", 1)
					build := exec.CommandContext(t.Context(), "sh", "-c", command)
					build.Dir = ".."
					if out, err := build.CombinedOutput(); err != nil {
						t.Fatalf("%s: %v\n%s", command, err, out)
					}
				case command == "cd ../site": // each command below runs there
				case strings.HasPrefix(command, "./caddy "):
					startCommand(t, dir, command)
				case strings.HasPrefix(command, "curl -i "):
					asked = append(asked, ask(t, command))
				default:
					t.Fatalf("the test does not know the command %q", command)
				}
			}
		}
	}
	want := []string{`401 {"error":"who are you?"}`, "200 from the service", `200 {"page":"front","hits":1}`}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", asked, want)
	}
}

// startCommand starts a command that ends with the test, and waits until it serves.
func startCommand(t *testing.T, dir, command string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		_ = in.Close()
		close(ended)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	serves, logged := make(chan struct{}), &strings.Builder{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		for told := false; lines.Scan(); {
			if told {
				continue
			}
			logged.WriteString(lines.Text() + "\n")
			if regexp.MustCompile(`serving initial configuration|Server address:`).MatchString(lines.Text()) {
				told = true
				close(serves)
			}
		}
	}()
	select {
	case <-serves:
	case <-read:
		t.Fatalf("%s ended:\n%s", command, logged)
	}
}

// ask sends the request of a curl command, and returns the status and the body.
func ask(t *testing.T, command string) string {
	t.Helper()
	m := regexp.MustCompile(`^curl -i (?:-H '([\w-]+): (\w+)' )?(http:\S+)$`).FindStringSubmatch(command)
	if m == nil {
		t.Fatalf("the test does not know the command %q", command)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m[3], nil)
	if err != nil {
		t.Fatal(err)
	}
	if m[1] != "" {
		req.Header.Set(m[1], m[2])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.Status[:3] + " " + string(body)
}
