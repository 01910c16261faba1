package scripts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is no regular file is refused at once, when a script is loaded and when it is reloaded,
// and the old script goes on.
func TestScriptIsNoRegularFile(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			path := script(t, filepath.Join(t.TempDir(), "app.lua"), says("one"))
			h, group := newScript(path, ""), newGroup(t)
			if err := begin(t, group, h); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Remove(path), replace(path)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := h.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "app.lua is not a regular file") {
					t.Errorf("error %v", err)
				}
			}
			if got := get(t, h, "/"); got != "1 one" {
				t.Errorf("got %q", got)
			}
			other := newGroup(t)
			if err := begin(t, other, newScript(path, name)); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
				t.Errorf("error %v of a new config", err)
			}
		})
	}
}
