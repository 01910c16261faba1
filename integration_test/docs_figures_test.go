package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A page that says how to see a figure names tests and benchmarks that there are: go test says
// nothing, and passes, where it finds none.
func TestDocsFigures(t *testing.T) {
	commands := 0
	for file, text := range pages(t) {
		for _, m := range regexp.MustCompile("`(go\\s+test\\s[^`]+)`").FindAllStringSubmatch(text, -1) {
			command := strings.Join(strings.Fields(m[1]), " ")
			if strings.HasSuffix(command, "./...") || command == "go test -v" {
				continue
			}
			commands++
			if why := findsNothing(t, command); why != "" {
				t.Errorf("%s: %s: %s", file, command, why)
			}
		}
	}
	if commands < 5 {
		t.Errorf("%d commands", commands)
	}
	for command, want := range map[string]string{
		"go test -bench BenchmarkNone .":                                        "no Benchmark function",
		"go test ./luart/limit -run TestNone":                                   "no Test function",
		"go test ./integration_test -run TestScripts/none":                      "no script",
		"go test ./integration_test -run TestScripts/filter_large":              "",
		"go test ./luart/limit -run '^$' -bench .":                              "",
		"go test ./integration_test -run TestClusterLimit -v":                   "",
		"go test ./luart/limit -run TestSharedIsExact -bench BenchmarkNothing1": "no Benchmark function",
	} {
		if why := findsNothing(t, command); why != want {
			t.Errorf("%s: %q, want %q", command, why, want)
		}
	}
}

// findsNothing says what a go test command asks for that its package does not have.
func findsNothing(t *testing.T, command string) string {
	folder := regexp.MustCompile(` (\.(?:/[\w/]+)?)(?: |$)`).FindStringSubmatch(command)
	if folder == nil {
		return "names no package"
	}
	files, _ := filepath.Glob(filepath.Join("..", folder[1], "*_test.go"))
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for flag, kind := range map[string]string{"run": "Test", "bench": "Benchmark"} {
		m := regexp.MustCompile(` -` + flag + ` '?([^ ']+)'?`).FindStringSubmatch(command)
		if m == nil || m[1] == "^$" {
			continue
		}
		name, script, _ := strings.Cut(m[1], "/")
		pattern := `(?m)^func ` + kind + `\w*(?:` + strings.TrimPrefix(name, kind) + `)`
		if !regexp.MustCompile(pattern).MatchString(source.String()) {
			return "no " + kind + " function"
		}
		if script != "" {
			if _, err := os.Stat("testdata/scripts/" + script + ".txtar"); err != nil {
				return "no script"
			}
		}
	}
	return ""
}
