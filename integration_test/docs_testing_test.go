package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The script and the tests in docs/testing.md are what caddy rover test finds, and pass.
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
	binary := filepath.Join(dir, "caddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/caddy")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "rover", "test")
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "9 passed, 0 failed in 3 files") {
		t.Errorf("%v\n%s", err, out)
	}
}
