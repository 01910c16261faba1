package module

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadScript(t *testing.T) {
	dir := t.TempDir()
	app := filepath.Join(dir, "app.lua")
	if err := os.WriteFile(app, []byte("return 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if source, err := ReadScript(app); err != nil || string(source) != "return 1" {
		t.Errorf("got %q, %v", source, err)
	}
	long := filepath.Join(dir, "long.lua")
	f, err := os.Create(long)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(MaxScriptBytes + 1); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                            dir + " is not a regular file",
		os.DevNull:                     os.DevNull + " is not a regular file",
		filepath.Join(dir, "none.lua"): "no such file",
		long:                           long + " is longer than 33554432 bytes",
	} {
		if _, err := ReadScript(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}
