package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Each example is started as its README says, and answers as its requests.txt says.
func TestExamples(t *testing.T) {
	dirs, _ := filepath.Glob("../examples/*")
	if len(dirs) == 0 {
		t.Fatal("no examples")
	}
	binary := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			for _, file := range []string{"Caddyfile", "app.lua", "README.md", "requests.txt"} {
				if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			readme, _ := os.ReadFile(filepath.Join(dir, "README.md"))
			if command := "go run ./cmd/caddy run --config examples/" + name + "/Caddyfile"; !strings.Contains(string(readme), command) {
				t.Errorf("README.md does not say %q", command)
			}
			port := freePort()
			srv := exec.CommandContext(t.Context(), binary, "run", "--config", "examples/"+name+"/Caddyfile")
			srv.Dir = ".."
			srv.Env = append(os.Environ(), "HOME="+t.TempDir(), "PORT="+port, "ADMIN=127.0.0.1:"+freePort(),
				"BASIC_PORT="+freePort(), "PRO_PORT="+freePort())
			var logs bytes.Buffer
			srv.Stderr = &logs
			if err := srv.Start(); err != nil {
				t.Fatal(err)
			}
			replay(t, filepath.Join(dir, "requests.txt"), port)
			_ = srv.Process.Signal(os.Interrupt)
			if err := srv.Wait(); err != nil {
				t.Errorf("caddy: %v", err)
			}
			for line := range strings.Lines(logs.String()) {
				if strings.Contains(line, `"level":"error"`) && !strings.Contains(line, "connection refused") {
					t.Errorf("logged: %s", line)
				}
			}
		})
	}
}

// exchange is one request of a requests.txt and its answer: "> METHOD /path", "> Name:
// value", ">", "> body", "< status", "< Name: value", then the body, or "~ regexp".
type exchange struct {
	line   int
	in     []string
	status string
	header []string
	body   []string
}

func parseExchanges(t *testing.T, file string) []*exchange {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []*exchange
	var x *exchange
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, ">"):
			if x == nil || x.status != "" {
				x = &exchange{line: n}
				list = append(list, x)
			}
			x.in = append(x.in, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
		case x == nil:
			t.Fatalf("%s:%d: a request (> METHOD /path) expected", file, n)
		case strings.HasPrefix(line, "< ") && x.status == "":
			x.status = line[2:]
		case strings.HasPrefix(line, "< "):
			x.header = append(x.header, line[2:])
		case line != "":
			x.body = append(x.body, line)
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("%s has no requests", file)
	}
	return list
}

func replay(t *testing.T, file, port string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for _, x := range parseExchanges(t, file) {
		if err := x.check(ctx, client, "http://127.0.0.1:"+port); err != nil {
			t.Errorf("%s:%d: %s: %v", file, x.line, x.in[0], err)
		}
	}
}

func (x *exchange) check(ctx context.Context, client *http.Client, url string) error {
	method, path, ok := strings.Cut(x.in[0], " ")
	if !ok {
		return fmt.Errorf("METHOD /path expected")
	}
	head, body := x.in[1:], ""
	for i, line := range head {
		if line == "" {
			head, body = head[:i], strings.Join(head[i+1:], "\n")
			break
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	for _, line := range head {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Add(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if got := strconv.Itoa(resp.StatusCode); got != x.status {
		return fmt.Errorf("status %s, want %s; body %s", got, x.status, data)
	}
	for _, line := range x.header {
		name, value, _ := strings.Cut(line, ": ")
		if got := resp.Header.Get(name); got != value {
			return fmt.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	got, want := strings.TrimSpace(string(data)), strings.Join(x.body, "\n")
	if pattern, ok := strings.CutPrefix(want, "~ "); ok {
		if !regexp.MustCompile(pattern).MatchString(got) {
			return fmt.Errorf("body %q does not match %q", got, pattern)
		}
	} else if got != want {
		return fmt.Errorf("body %q, want %q", got, want)
	}
	return nil
}
