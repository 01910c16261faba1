package integration_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each example is started as its README says, and answers as its requests.txt says.
func TestExamples(t *testing.T) {
	dirs, _ := filepath.Glob("../examples/*")
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { // see TestLibraryExample
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		return err == nil
	})
	if len(dirs) == 0 {
		t.Fatal("no examples")
	}
	binary := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	check := exec.CommandContext(t.Context(), binary, append([]string{"rover", "check", "--strict"}, fromRoot(dirs)...)...)
	check.Dir = ".."
	if out, err := check.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), ": 0 errors, 0 warnings\n") {
		t.Errorf("caddy rover check examples: %v\n%s", err, out)
	}
	testExamples(t, binary, "go run ./cmd/caddy", dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) { runExample(t, binary, "go run ./cmd/caddy", dir) })
	}
}

// fromRoot returns the folders of examples as they are called in the root of the repository.
func fromRoot(dirs []string) (list []string) {
	for _, dir := range dirs {
		list = append(list, "examples/"+filepath.Base(dir))
	}
	return list
}

// testExamples runs caddy rover test: each example has tests, and they pass. command is how the
// README calls binary.
func testExamples(t *testing.T, binary, command string, dirs []string) {
	report := filepath.Join(t.TempDir(), "junit.xml")
	run := exec.CommandContext(t.Context(), binary, append([]string{"rover", "test", "--junit", report}, fromRoot(dirs)...)...)
	run.Dir = ".."
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("caddy rover test examples: %v\n%s", err, out)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		name := "examples/" + filepath.Base(dir) + "/app_test.lua"
		m := regexp.MustCompile(`<testsuite name="` + regexp.QuoteMeta(name) + `" tests="(\d+)" failures="0" errors="0" skipped="0"`).FindStringSubmatch(string(text))
		if m == nil || m[1] < "2" {
			t.Errorf("%s: no tests, or fewer than two: %q", name, m)
		}
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil || !strings.Contains(string(readme), command+" rover test "+strings.TrimSuffix(name, "/app_test.lua")) {
			t.Errorf("%s/README.md does not say how to run its tests (%v)", dir, err)
		}
	}
}

// runExample starts an example. command is how its README calls binary.
func runExample(t *testing.T, binary, command, dir string) {
	for _, file := range []string{"Caddyfile", "app.lua", "README.md", "requests.txt"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	config := "examples/" + filepath.Base(dir) + "/Caddyfile"
	readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if command := command + " run --config " + config; !strings.Contains(string(readme), command) {
		t.Errorf("README.md does not say %q", command)
	}
	file := filepath.Join(dir, "requests.txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseReplay(file, string(text))
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	port := freePort()
	srv := exec.CommandContext(ctx, binary, "run", "--config", config)
	srv.Dir = ".."
	srv.Env = append(os.Environ(), "HOME="+t.TempDir(), "PORT="+port, "ADMIN=127.0.0.1:"+freePort())
	srv.Env = append(srv.Env, want.env...)
	srv.Env = append(srv.Env, servicePorts(t, dir)...)
	stderr, err := srv.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	// Caddy says when every site listens; the log ends early when it cannot start.
	var logged []string
	started, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for r := bufio.NewReader(stderr); ; {
			line, err := r.ReadString('\n')
			logged = append(logged, line)
			if strings.Contains(line, "serving initial configuration") {
				close(started)
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case <-started:
		want.check(ctx, t, "http://127.0.0.1:"+port)
		_ = srv.Process.Signal(os.Interrupt)
		<-ended
	case <-ended:
		t.Errorf("caddy did not start:\n%s", strings.Join(logged, ""))
	}
	if err := srv.Wait(); err != nil {
		t.Errorf("caddy: %v", err)
	}
	want.checkLog(t, logged)
}

// servicePorts returns a setting for each {$NAME_PORT:…} of an example's Caddyfile: the
// ports of its services.
func servicePorts(t *testing.T, dir string) (env []string) {
	config, err := os.ReadFile(filepath.Join(dir, "Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`\{\$(\w+_PORT):`).FindAllStringSubmatch(string(config), -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			env = append(env, m[1]+"="+freePort())
		}
	}
	return env
}

// A replay is a requests.txt: lines "env: NAME=value", each a setting that the example
// is started with, lines "log: text", each announcing errors that Caddy logs, then
// exchanges. An exchange is "> METHOD /path", "> Name: value", ">",
// "> body", "< status", "< Name: value", then the lines of the body, each as it is or
// as "~ regexp". Empty lines outside a request say nothing.
type replay struct {
	env       []string
	logs      []string
	exchanges []*exchange
}

type exchange struct {
	at      string // file:line of the request
	method  string
	path    string
	header  http.Header
	inBody  bool
	sent    []string
	status  int
	answer  http.Header
	body    []string
	pattern map[int]*regexp.Regexp // of lines of body
}

func parseReplay(file, text string) (*replay, error) {
	p := &replay{}
	var x *exchange
	for i, line := range strings.Split(text, "\n") {
		at := file + ":" + strconv.Itoa(i+1)
		var err error
		switch kind, rest, _ := strings.Cut(line, " "); {
		case line == "":
		case kind == "env:" && x == nil && strings.Contains(rest, "="):
			p.env = append(p.env, rest)
		case kind == "log:" && x == nil && rest != "":
			p.logs = append(p.logs, rest)
		case kind == ">" && (x == nil || x.status != 0):
			x = &exchange{at: at, header: http.Header{}, answer: http.Header{}, pattern: map[int]*regexp.Regexp{}}
			p.exchanges = append(p.exchanges, x)
			var ok bool
			if x.method, x.path, ok = strings.Cut(rest, " "); !ok || !strings.HasPrefix(x.path, "/") {
				err = fmt.Errorf("> METHOD /path expected, got %q", line)
			}
		case x == nil:
			err = fmt.Errorf("env: NAME=value, log: text, or > METHOD /path expected, got %q", line)
		case kind == ">" && x.inBody:
			x.sent = append(x.sent, rest)
		case kind == ">" && rest == "":
			x.inBody = true
		case kind == ">":
			err = addHeader(x.header, rest)
		case x.status == 0:
			if x.status, err = strconv.Atoi(rest); kind != "<" || err != nil || x.status < 100 || x.status > 599 {
				err = fmt.Errorf("< status expected, got %q", line)
			}
		case kind == "<" && len(x.body) == 0:
			err = addHeader(x.answer, rest)
		case kind == "~":
			x.pattern[len(x.body)], err = regexp.Compile(rest)
			x.body = append(x.body, rest)
		default:
			x.body = append(x.body, line)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
	}
	switch {
	case x == nil:
		return nil, fmt.Errorf("%s: no requests", file)
	case x.status == 0:
		return nil, fmt.Errorf("%s: the request has no answer", x.at)
	}
	return p, nil
}

func addHeader(h http.Header, line string) error {
	name, value, ok := strings.Cut(line, ": ")
	if !ok || name == "" {
		return fmt.Errorf("Name: value expected, got %q", line)
	}
	h.Add(name, value)
	return nil
}

func (p *replay) check(ctx context.Context, t *testing.T, url string) {
	client := &http.Transport{DisableKeepAlives: true}
	for _, x := range p.exchanges {
		if err := x.check(ctx, client, url); err != nil {
			t.Errorf("%s: %s %s: %v", x.at, x.method, x.path, err)
		}
	}
}

// checkLog fails for errors that were not announced, and for announced ones that did
// not come.
func (p *replay) checkLog(t *testing.T, lines []string) {
	came := map[string]bool{}
	for _, line := range lines {
		if !strings.Contains(line, `"level":"error"`) {
			continue
		}
		i := slices.IndexFunc(p.logs, func(s string) bool { return strings.Contains(line, s) })
		if i < 0 {
			t.Errorf("logged: %s", line)
		} else {
			came[p.logs[i]] = true
		}
	}
	for _, s := range p.logs {
		if !came[s] {
			t.Errorf("no error was logged with %q", s)
		}
	}
}

func (x *exchange) check(ctx context.Context, client *http.Transport, url string) error {
	req, err := http.NewRequestWithContext(ctx, x.method, url+x.path, strings.NewReader(strings.Join(x.sent, "\n")))
	if err != nil {
		return err
	}
	req.Header = x.header
	resp, err := client.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != x.status {
		return fmt.Errorf("status %d, want %d; body %s", resp.StatusCode, x.status, data)
	}
	for name, want := range x.answer {
		if got := resp.Header[name]; !slices.Equal(got, want) {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	got := slices.DeleteFunc(strings.Split(string(data), "\n"), func(s string) bool { return s == "" })
	if len(got) != len(x.body) {
		return fmt.Errorf("body %q, want %q", got, x.body)
	}
	for i, line := range got {
		if re := x.pattern[i]; re != nil && !re.MatchString(line) || re == nil && line != x.body[i] {
			return fmt.Errorf("line %d of the body is %q, want %q", i+1, line, x.body[i])
		}
	}
	return nil
}
