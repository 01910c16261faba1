package integration_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// xcaddyVersion is the release of xcaddy that the build is tried with.
const xcaddyVersion = "v0.4.5"

// What xcaddy.json says is what go.mod says; a release binary built from it with
// xcaddy runs the hello example's config. xcaddy itself reads no such file.
func TestXcaddy(t *testing.T) {
	data, err := os.ReadFile("../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Dependencies []struct{ Module, Version string }
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "github.com/caddyserver/xcaddy/cmd/xcaddy@" + xcaddyVersion, "build"}
	var caddy, rover bool
	for _, d := range spec.Dependencies {
		switch d.Module {
		case "github.com/caddyserver/caddy/v2":
			caddy = true
			args = append(args, d.Version)
			want := goList(t, "-m", "-f", "{{.Version}}", d.Module)
			if d.Version != want {
				t.Errorf("xcaddy.json builds %s %s, go.mod has %s", d.Module, d.Version, want)
			}
		case "github.com/caddy-rover/rover":
			rover = true
			root, err := filepath.Abs("..")
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "--with", d.Module+"@"+d.Version+"="+root)
		default:
			args = append(args, "--with", d.Module+"@"+d.Version)
		}
	}
	if !caddy || !rover {
		t.Fatalf("xcaddy.json names caddy: %v, this module: %v", caddy, rover)
	}
	binary := filepath.Join(t.TempDir(), "caddy")
	cmd := exec.CommandContext(t.Context(), "go", append(args, "--output", binary)...)
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}

	modules, err := exec.CommandContext(t.Context(), binary, "list-modules").Output()
	if err != nil || !strings.Contains(string(modules), "http.handlers.rover") {
		t.Fatalf("the built binary has no http.handlers.rover: %v", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "globals"), globals)
	write(t, filepath.Join(dir, "app.lua"), "local api = rover.server {}\nfunction api.get() return 'built' end\nreturn api\n")
	write(t, filepath.Join(dir, "Caddyfile"), "import globals\nhttp:// {\n\tbind unix/{$WORK}/http.sock\n\trover app.lua\n}\n")
	srv := exec.CommandContext(t.Context(), binary, "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	srv.Dir = dir
	srv.Env = append(os.Environ(), "WORK="+dir, "HOME="+dir)
	srv.Cancel = func() error { return srv.Process.Signal(os.Interrupt) }
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Process.Signal(os.Interrupt); _ = srv.Wait() }()
	c := newClient(dir, "")
	defer c.close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := dial(ctx, filepath.Join(dir, "http.sock"))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if out, err := c.get(&request{method: "GET", path: "/", host: "localhost", proto: 1}, false); err != nil || out != "200\nbuilt\n" {
		t.Errorf("the built binary answered %q, %v", out, err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func goList(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}
