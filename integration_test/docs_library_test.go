package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/libraries.md says of how a library is written and tested is so: its blocks are a Go
// module that is built into a Caddy, and a script that uses it.
func TestDocsLibrary(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"app_test.lua": "test('it has the settings', function()\n expect(rover.test.get('/A%20Title').body):is 'a_title'\nend)\n",
	}
	for _, block := range blocks(t, "go") {
		name, _, _ := strings.Cut(strings.TrimPrefix(block, "// "), "\n")
		files[name] = block
	}
	for file, language := range map[string]string{"Caddyfile": "caddyfile", "app.lua": "lua"} {
		for _, block := range blocks(t, language) {
			if first, _, _ := strings.Cut(block, "\n"); strings.HasSuffix(first, " with rover.slug") {
				files[file] = block
			}
		}
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"go.mod", "go.sum"} { // of a module that needs the same
		text, err := os.ReadFile(filepath.Join(root, "examples", "library", file))
		if err != nil {
			t.Fatal(err)
		}
		files[file] = strings.NewReplacer(module+"/examples/library", "example.com/slug", "=> ../..", "=> "+root).Replace(string(text))
	}
	for _, name := range []string{"slug.go", "slug_test.go", "Caddyfile", "app.lua"} {
		if files[name] == "" {
			t.Fatalf("docs/libraries.md has no block of %s", name)
		}
	}
	files["cmd/main.go"] = `package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"

	_ "` + module + `"
	_ "example.com/slug"
)

func main() { caddycmd.Main() }
`
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
	}
	for _, command := range []string{
		"go vet -mod=mod .", "go test -mod=mod .", "go build -mod=mod -o caddy ./cmd",
		"./caddy validate --config Caddyfile", "./caddy rover check --strict .", "./caddy rover test .",
	} {
		args := strings.Fields(command)
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "GOPATH="+goEnv(t, "GOPATH"), "GOCACHE="+goEnv(t, "GOCACHE"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

// goEnv returns a setting of the go command.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
