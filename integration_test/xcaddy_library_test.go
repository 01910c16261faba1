package integration_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The library of examples/library, in a Go module of its own, is built into a Caddy by xcaddy as
// its README says, without a change in this module: scripts use it, check, test and types know it.
func TestLibraryExample(t *testing.T) {
	const dir = "../examples/library"
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "caddy")
	build := exec.CommandContext(t.Context(), "go", "run", "github.com/caddyserver/xcaddy/cmd/xcaddy@"+xcaddyVersion, "build",
		goList(t, "-m", "-f", "{{.Version}}", "github.com/caddyserver/caddy/v2"),
		"--with", module+"@v0.0.0="+root, "--with", module+"/examples/library@v0.0.0="+filepath.Join(root, "examples", "library"),
		"--output", binary)
	build.Dir = t.TempDir()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary, args...)
		cmd.Dir = ".."
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("caddy %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if out := run("list-modules"); !strings.Contains(out, "rover.libraries.netlist") {
		t.Errorf("the built binary has no rover.libraries.netlist: %s", out)
	}
	if out := run("rover", "types"); !strings.Contains(out, "function rover.netlist.find(list, address) end") {
		t.Error("caddy rover types does not print the definitions of rover.netlist")
	}
	if out := run("rover", "check", "--strict", "examples/library"); !strings.HasSuffix(out, ": 0 errors, 0 warnings\n") {
		t.Errorf("caddy rover check: %s", out)
	}
	testExamples(t, binary, "./caddy-netlist", []string{dir})
	runExample(t, binary, "./caddy-netlist", dir)
}

// The tests of the library itself, and its go.mod, are in order.
func TestLibraryExampleModule(t *testing.T) {
	for _, args := range [][]string{{"mod", "tidy", "-diff"}, {"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "../examples/library"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s in examples/library: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
