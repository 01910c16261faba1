package integration_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/reference"
	"github.com/caddy-rover/rover/luart/types"
)

// testExamplesOfReference returns the examples of docs/reference/rover.test.md.
func testExamplesOfReference(t *testing.T) []string {
	t.Helper()
	text, err := fs.ReadFile(types.Stubs(), "rover_test.lua")
	if err != nil {
		t.Fatal(err)
	}
	m, err := reference.Parse("rover_test.lua", string(text))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Values(m.Examples()))
}

// The script and the tests in docs/testing.md are what caddy rover test finds, and pass. So do the
// examples of its functions.
func TestDocsTesting(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, m := range regexp.MustCompile("(?s)```lua\n-- (\\w+\\.lua)\n(.*?)```").FindAllStringSubmatch(pages(t)["../docs/testing.md"], -1) {
		n++
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n != 4 {
		t.Errorf("%d blocks that begin with the name of a file", n)
	}
	for i, example := range testExamplesOfReference(t) {
		n++
		if !strings.Contains(example, "rover.test.script(") {
			example = "rover.test.script 'app.lua'\n" + example
		}
		write(t, filepath.Join(dir, fmt.Sprintf("reference%d_test.lua", i)), example)
	}
	binary := filepath.Join(dir, "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	profile := filepath.Join(dir, "cover.lcov")
	run := exec.CommandContext(t.Context(), binary, "rover", "test", "--coverprofile", profile)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf(", 0 failed, 1 skipped in %d files", n-1)) {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range uncalled(t, profile) {
		t.Errorf("%s is called by no test of the page", name)
	}
}
