package watch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFoldersOf(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "real/deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "real/deep/app.lua"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"link": "real", "real/file.lua": "deep/app.lua", "abs": filepath.Join(dir, "link/deep"), "loop": "loop", "hole": "nowhere/x",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{
		"real/deep/app.lua":       "real/deep",
		"real/deep/missing.lua":   "real/deep",
		"real/gone/deep/app.lua":  "real",
		"link/deep/app.lua":       ". real/deep",
		"link/file.lua":           ". real real/deep",
		"abs/app.lua":             ". real/deep",
		"loop/app.lua":            ".",
		"hole/app.lua":            ".",
		"real/deep/app.lua/x.lua": "real/deep/app.lua", // not a folder: it cannot be watched
	} {
		folders := map[string]bool{}
		foldersOf(filepath.Join(dir, file), folders)
		var got []string
		for _, folder := range slices.Sorted(maps.Keys(folders)) {
			rel, err := filepath.Rel(dir, folder)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rel)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
