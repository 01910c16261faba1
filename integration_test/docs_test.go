package integration_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// The Lua blocks of the README are run in package luart.
func readmeBlocks(t *testing.T, language string) []string {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		switch m[1] {
		case language:
			blocks = append(blocks, m[2])
		case "lua", "caddyfile", "json", "sh":
		default:
			t.Errorf("no test runs blocks of language %q", m[1])
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("no %s blocks", language)
	}
	return blocks
}

// validate provisions a config as caddy validate does, with a script in place.
func validate(t *testing.T, caddyfile string) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "app.lua")
	write(t, script, "return rover.server {}")
	caddyfile = strings.NewReplacer("rover app.lua", "rover * "+script, "rover * app.lua", "rover * "+script, "example.com", "http://").Replace(caddyfile)
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("%v\n%s", err, caddyfile)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(out, &cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Admin = &caddy.AdminConfig{Disabled: true}
	if err := caddy.Validate(&cfg); err != nil {
		t.Errorf("%v\n%s", err, caddyfile)
	}
}

func TestReadmeCaddyfiles(t *testing.T) {
	for _, block := range readmeBlocks(t, "caddyfile") {
		if strings.HasPrefix(block, "rover ") {
			block = "http:// {\n" + block + "}\n"
		}
		validate(t, block)
	}
}

func TestReadmeJSON(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "app.lua")
	write(t, script, "return rover.server {}")
	for _, block := range readmeBlocks(t, "json") {
		block = strings.Replace(block, `"app.lua"`, `"`+script+`"`, 1)
		var cfg caddy.Config
		whole := `{"admin":{"disabled":true},"apps":{"http":{"servers":{"s":{"routes":[{"handle":[` + block + `]}]}}}}}`
		if err := json.Unmarshal([]byte(whole), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&cfg); err != nil {
			t.Errorf("%v\n%s", err, block)
		}
	}
}

// Every command of the README is one that another test runs, or one that is run here.
func TestReadmeCommands(t *testing.T) {
	runElsewhere := map[string]string{
		"go run ./cmd/caddy run --config examples/hello/Caddyfile": "TestExamples starts every example",
		"curl http://localhost:8080/":                              "TestExamples replays examples/hello/requests.txt",
		"curl http://localhost:8080/hello/you":                     "TestExamples replays examples/hello/requests.txt",
		"go test ./...":                                            "this run is part of it",
		"go test -race ./...":                                      ".ci/run",
		"bash .ci/run":                                             "this run is part of it",
		"go vet ./...":                                             ".ci/run",
		"xcaddy build --with github.com/caddy-rover/rover":         "TestXcaddy, with a local copy",
		"xcaddy build v2.11.9 --with github.com/caddy-rover/rover@v0.0.0=.": "TestXcaddy",
	}
	for _, block := range readmeBlocks(t, "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if runElsewhere[line] != "" {
				continue
			}
			if !strings.HasPrefix(line, "go test ") {
				t.Errorf("no test runs the README's command %q", line)
				continue
			}
			// A benchmark: once is enough to see that it runs.
			line = strings.Replace(line, "-count 10", "-benchtime 1x", 1)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
			cmd.Dir = ".."
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "ns/op") {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
}
