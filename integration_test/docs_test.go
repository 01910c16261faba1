package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/luart/geo/geotest"
)

// pages returns the texts of the README, of CONTRIBUTING.md and of docs with its folders.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, _ := filepath.Glob("../docs/*.md")
	if len(files) == 0 {
		t.Fatal("no pages in docs")
	}
	more, _ := filepath.Glob("../docs/*/*.md")
	files = append(files, more...)
	texts := map[string]string{}
	for _, file := range append(files, "../README.md", "../CONTRIBUTING.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	return texts
}

// blocks returns the blocks of a language in the README and in docs. Those of Lua are
// run in package luart.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var found []string
	for file, text := range pages(t) {
		for _, m := range regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(text, -1) {
			switch m[1] {
			case language:
				found = append(found, m[2])
			case "lua", "caddyfile", "json", "sh", "go", "yaml", "dotenv", "html", "js": // yaml: TestAlerts; dotenv: luart/environ; html, js: TestDocsCookbook
			default:
				t.Errorf("%s: no test runs blocks of language %q", file, m[1])
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s blocks", language)
	}
	return found
}

// Links of the README, of docs and of the examples lead somewhere in the repository.
func TestDocsLinks(t *testing.T) {
	texts := pages(t)
	readmes, _ := filepath.Glob("../examples/*/README.md")
	for _, file := range readmes {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	links := 0
	for file, text := range texts {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]*)\)`).FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			links++
			to, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if to != "" {
				target = filepath.Join(filepath.Dir(file), to)
			}
			info, err := os.Stat(target)
			if err != nil {
				t.Errorf("%s: link %s: %v", file, m[1], err)
				continue
			}
			if anchor == "" || info.IsDir() {
				continue
			}
			page, err := os.ReadFile(target)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(anchors(string(page)), anchor) {
				t.Errorf("%s: link %s: no such heading among %q", file, m[1], anchors(string(page)))
			}
		}
	}
	if links == 0 {
		t.Error("no links")
	}
}

// The README names the Go that go.mod asks for.
func TestDocsGoVersion(t *testing.T) {
	want := "Go " + strings.TrimSuffix(goList(t, "-m", "-f", "{{.GoVersion}}"), ".0")
	said := regexp.MustCompile(`\bGo \d+(\.\d+)+`).FindAllString(pages(t)["../README.md"], -1)
	if len(said) < 2 { // to run it, and to run the tests
		t.Errorf("README.md names the version of Go %d times", len(said))
	}
	for _, version := range said {
		if version != want {
			t.Errorf("README.md says %q, go.mod %q", version, want)
		}
	}
}

// anchors returns what GitHub makes of the headings of a page.
func anchors(page string) (list []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		a := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		list = append(list, strings.ReplaceAll(a, " ", "-"))
	}
	return list
}

// validate provisions a config as caddy validate does, with a script in place.
func validate(t *testing.T, caddyfile string) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "app.lua")
	write(t, script, "return rover.server {}")
	places := filepath.Join(dir, "places.mmdb")
	geotest.Write(t, places, geotest.Places)
	caddyfile = strings.NewReplacer("/var/lib/GeoIP/GeoLite2-City.mmdb", places, "rover app.lua", "rover * "+script, "rover * app.lua", "rover * "+script, "example.com", "http://").Replace(caddyfile)
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

func TestDocsCaddyfiles(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, strings.Repeat("k", 32))
	for _, block := range blocks(t, "caddyfile") {
		// A placeholder that nobody has set is an error, as it is for who follows the page.
		for _, m := range regexp.MustCompile(`\{env\.(\w+)\}`).FindAllStringSubmatch(block, -1) {
			t.Setenv(m[1], strings.Repeat("k", 32))
		}
		block = regexp.MustCompile(`\{file\.[^}]+\}`).ReplaceAllLiteralString(block, "{file."+secret+"}")
		if strings.HasPrefix(block, "# with rover.slug\n") {
			continue // see TestDocsLibrary
		}
		if strings.HasPrefix(block, "rover ") {
			block = "http:// {\n" + block + "}\n"
		}
		validate(t, block)
	}
}

func TestDocsJSON(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "app.lua")
	write(t, script, "return rover.server {}")
	for _, block := range blocks(t, "json") {
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

// The defaults in the table of options, and in that of limits, are those of the code.
func TestDocsDefaults(t *testing.T) {
	var c rovercaddyfile.Config
	c.SetDefaults()
	duration := func(d caddy.Duration) string { return time.Duration(d).String() }
	for option, want := range map[string]string{
		"unmatched":     c.Unmatched,
		"batch":         strconv.Itoa(c.Batch),
		"queue":         strconv.Itoa(c.Queue),
		"queue_timeout": duration(c.QueueTimeout),
		"max_waiting":   strconv.Itoa(c.MaxWaiting),
		"timeout":       duration(c.Timeout),
		"burst":         duration(c.Burst),
		"max_body":      fmt.Sprintf("%dMiB", c.MaxBody>>20),
		"body_min_rate": fmt.Sprintf("%dKiB", *c.BodyMinRate>>10),
		"on_failure":    c.OnFailure,
	} {
		rows := regexp.MustCompile("(?m)^\\| `" + option + "` \\|.*\\| (.*) \\|$").FindStringSubmatch(pages(t)["../docs/directive.md"])
		if rows == nil || strings.Trim(rows[1], "`") != want {
			t.Errorf("docs/directive.md: the row of %s has the default %q, want %q", option, rows, want)
		}
		limits := regexp.MustCompile("(?m)^\\|[^|]*\\| `" + option + "` \\| ([^|]*) \\|").FindStringSubmatch(pages(t)["../docs/limits.md"])
		if limits != nil && strings.ReplaceAll(limits[1], " ", "") != want {
			t.Errorf("docs/limits.md: %s has the default %q, want %q", option, limits[1], want)
		}
	}
}

// Every command of the README and of docs is one that another test runs, or one that is run here.
func TestDocsCommands(t *testing.T) {
	runElsewhere := map[string]string{
		"go run ./cmd/caddy run --config examples/hello/Caddyfile": "TestExamples starts every example",
		"curl http://localhost:8080/":                              "TestExamples replays examples/hello/requests.txt",
		"curl http://localhost:8080/hello/you":                     "TestExamples replays examples/hello/requests.txt",
		"go build -o ../site/ ./cmd/caddy":                         "TestDocsGuard",
		"cd ../site":                                               "TestDocsGuard",
		`./caddy respond --listen :9000 "from the service"`:        "TestDocsGuard",

		"./caddy run": "TestDocsGuard",

		"curl -i http://localhost:8080/admin/users":                                  "TestDocsGuard",
		"curl -i -H 'X-Token: s3cret' http://localhost:8080/admin/users":             "TestDocsGuard",
		"curl -i http://localhost:8080/hits/front":                                   "TestDocsGuard",
		"caddy rover run app.lua --watch --upstream localhost:9000":                  "TestScripts/command_run",
		"caddy rover new shop --upstream localhost:3000":                             "TestScripts/command_new",
		"caddy rover check app.lua":                                                  "TestScripts/command_check",
		"caddy rover check . --strict":                                               "TestScripts/command_check",
		"caddy rover routes app.lua":                                                 "TestScripts/command_routes",
		"caddy rover openapi app.lua --title Shop --server https://shop.example":     "TestScripts/command_openapi",
		"caddy rover openapi app.lua | diff - openapi.json":                          "TestScripts/command_openapi, with cmp",
		"caddy rover types --output types":                                           "TestScripts/command_types",
		"caddy rover profile --seconds 10 --output rover.pb.gz":                      "TestScripts/admin_state, with fewer seconds",
		"go tool pprof -top rover.pb.gz":                                             "TestScripts/admin_profile",
		"go tool pprof -http=: rover.pb.gz":                                          "the same profile, for a browser",
		`caddy rover eval 'rover.state("hits")'`:                                     "TestScripts/admin_state",
		"caddy rover repl app.lua":                                                   "TestScripts/cmd_repl",
		"caddy rover test":                                                           "TestDocsTesting",
		"go test -timeout 30m ./...":                                                 "this run is part of it",
		"go test -race ./...":                                                        ".ci/run",
		"bash .ci/run":                                                               "this run is part of it",
		"go run ./integration_test/load":                                             ".ci/run, with a short one",
		"go run ./integration_test/load -table":                                      ".ci/run, with a short one",
		"go run ./integration_test/load -pairs waiting":                              ".ci/run, with a short one of all pairs",
		"go run ./integration_test/load -pairs hello,proxy -n 10":                    ".ci/run, with a short one of all pairs",
		"go run ./integration_test/load -pairs waiting -waiting 1000 -in sleep,http": ".ci/run, with a short one of all pairs",
		"GOGC=100 go run ./integration_test/load":                                    ".ci/run, with GOGC as it is",
		"go run ./.ci/ratios":                                                        ".ci/run",
		"go vet ./...":                                                               ".ci/run",
		"go test ./integration_test -run 'TestScripts/proxy_pick'":                   "TestScripts",
		"xcaddy build v2.11.9 --with github.com/caddy-rover/rover@v0.0.0=.":          "TestXcaddy",

		"go test ./integration_test -run TestHostile -v -hostile 1000000 -timeout 2h": ".ci/run, with fewer",
	}
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			if runElsewhere[line] != "" {
				continue
			}
			if !strings.HasPrefix(line, "go test ") {
				t.Errorf("no test runs the command %q", line)
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
