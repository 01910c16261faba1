package module

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestModuleFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, source string) {
		t.Helper()
		file := filepath.Join(dir, "app", filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(source), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("a.lua", "a")
	write("lib/b.lua", "b")
	write("lib/pkg/init.lua", "pkg")
	write("both.lua", "file")
	write("both/init.lua", "folder")
	write("größe.lua", "utf-8")
	write("../outside.lua", "secret")
	write("../elsewhere/init.lua", "secret")
	if err := os.Mkdir(filepath.Join(dir, "app", "dir.lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"inside.lua": "a.lua", "escape.lua": "../outside.lua", "absolute.lua": filepath.Join(dir, "outside.lua"),
		"up": "../elsewhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, "app", link)); err != nil {
			t.Fatal(err)
		}
	}
	app := filepath.Join(dir, "app")
	resolve := func(name string) (string, []byte, error) {
		m, err := Find(app, name)
		return m.Path, m.Source, err
	}
	for _, tt := range []struct{ name, path, source string }{
		{"a", "a.lua", "a"},
		{"lib.b", "lib/b.lua", "b"},
		{"lib.pkg", "lib/pkg/init.lua", "pkg"},
		{"both", "both.lua", "file"},
		{"größe", "größe.lua", "utf-8"},
		{"inside", "inside.lua", "a"},
	} {
		path, source, err := resolve(tt.name)
		if err != nil || path != tt.path || string(source) != tt.source {
			t.Errorf("%q: got %q, %q, %v", tt.name, path, source, err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"missing.x", `module "missing.x" not found: no missing/x.lua, no missing/x/init.lua in ` + app},
		{"a.b", `module "a.b" not found: no a/b.lua, no a/b/init.lua in `},
		{"lib", `module "lib" not found`},
		{"dir", "dir.lua is not a regular file"},
		{"escape", "path escapes"},
		{"absolute", "path escapes"},
		{"up", "path escapes"},
		{"", `invalid module name ""`},
		{"..", `invalid module name`},
		{"../outside", `invalid module name "../outside"`},
		{"...outside", `invalid module name`},
		{"/etc/passwd", `invalid module name`},
		{`..\outside`, `invalid module name`},
		{"C:x", `invalid module name`},
		{"a\x00", `invalid module name "a\x00"`},
		{"a\n", `invalid module name`},
		{"a..b", `invalid module name`},
		{"a.", `invalid module name`},
	} {
		path, source, err := resolve(tt.name)
		if err == nil || !strings.Contains(err.Error(), tt.want) || path != "" || source != nil {
			t.Errorf("%q: got %q, %q, %v, want %q", tt.name, path, source, err, tt.want)
		}
	}
	if err := os.Truncate(filepath.Join(app, "a.lua"), MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := resolve("a"); err == nil || !strings.Contains(err.Error(), "a.lua is longer than") {
		t.Errorf("a huge file: got %v", err)
	}
	if _, err := Find(filepath.Join(dir, "gone"), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: got %v", err)
	}
}
