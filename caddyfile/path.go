package caddyfile

import (
	"os"
	"path/filepath"
	"strings"
)

// makeAbsolute makes a path one that means the same in the process which runs the script.
func makeAbsolute(path *string) error {
	switch {
	case startsAnywhere(*path):
		return nil
	case filepath.IsAbs(*path):
		*path = filepath.Clean(*path)
		return nil
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	*path = filepath.Join(LiteralPath(here), *path)
	return nil
}

// besideFile returns where a script named in file lies, relative to the same
// folder as file itself is.
func besideFile(file, script string) string {
	dir := filepath.Dir(file)
	if dir == "." || filepath.IsAbs(script) || startsAnywhere(script) {
		return script
	}
	return filepath.Join(LiteralPath(dir), script)
}

// LiteralPath returns what stands for a path in the JSON field script that has no placeholders: its
// braces are braces.
func LiteralPath(path string) string {
	return strings.NewReplacer("{", `\{`, "}", `\}`).Replace(path)
}

// startsAnywhere reports whether a path begins with a placeholder, which may hold an absolute one.
func startsAnywhere(script string) bool { return strings.HasPrefix(script, "{") }
