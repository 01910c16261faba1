package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The script and the tests in docs/testing.md are what caddy rover test finds, and pass.
func TestDocsTesting(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for _, block := range blocks(t, "lua") {
		for _, name := range []string{"app.lua", "app_test.lua"} {
			if strings.HasPrefix(block, "-- "+name+"\n") {
				n++
				if err := os.WriteFile(filepath.Join(dir, name), []byte(block), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n != 2 {
		t.Errorf("%d blocks that begin with app.lua or app_test.lua", n)
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
	if err != nil || !strings.Contains(string(out), "3 passed, 0 failed in 1 file") {
		t.Errorf("%v\n%s", err, out)
	}
}
