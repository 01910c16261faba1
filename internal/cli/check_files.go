package cli

import (
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-rover/rover/luart/lint"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/types"
)

// checkFiles are what caddy rover check looks at.
type checkFiles struct {
	scripts, modules []luaFile
	caddyfiles       []string       // beside these scripts, and in the folders that were named
	unreadable       []lint.Finding // of files and folders in the folders that were named
}

type luaFile struct {
	path   string
	source []byte
}

// findScripts returns the scripts that arguments name or that are in the folders they name,
// and what other Lua files there are. What was named and cannot be read is an error.
func findScripts(args []string) (*checkFiles, error) {
	files := &checkFiles{}
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			source, err := module.ReadScript(arg)
			if err != nil {
				return nil, err
			}
			files.scripts = append(files.scripts, luaFile{filepath.Clean(arg), source})
			continue
		}
		before, caddyfiles := len(files.scripts)+len(files.unreadable), len(files.caddyfiles)
		if err := files.addFolder(arg); err != nil {
			return nil, err
		}
		wrong := func(file string) bool { return len(checkCaddyfile(file, true, io.Discard)) > 0 }
		if len(files.scripts)+len(files.unreadable) == before && !slices.ContainsFunc(files.caddyfiles[caddyfiles:], wrong) {
			return nil, fmt.Errorf("%s has no script: no .lua file in it calls rover.server", arg)
		}
	}
	slices.SortStableFunc(files.scripts, func(a, b luaFile) int { return cmp.Compare(a.path, b.path) })
	files.scripts = slices.CompactFunc(files.scripts, func(a, b luaFile) bool { return a.path == b.path })
	for _, script := range files.scripts {
		files.caddyfiles = append(files.caddyfiles, filepath.Join(filepath.Dir(script.path), "Caddyfile"))
	}
	slices.Sort(files.caddyfiles)
	files.caddyfiles = slices.Compact(files.caddyfiles)
	return files, nil
}

// addFolder adds what is in a folder. What cannot be read there keeps nothing else from being
// checked.
func (c *checkFiles) addFolder(folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && path != folder
		switch {
		case err != nil && path == folder:
			return err
		case err != nil:
			c.unreadable = append(c.unreadable, lint.Unreadable(path, err))
			return fs.SkipDir
		case hidden && d.IsDir():
			return fs.SkipDir
		case d.Name() == "Caddyfile" && !d.IsDir():
			c.caddyfiles = append(c.caddyfiles, path)
			return nil
		case hidden || d.IsDir() || filepath.Ext(path) != ".lua":
			return nil
		}
		source, err := module.ReadScript(path)
		switch {
		case err != nil:
			c.unreadable = append(c.unreadable, lint.Unreadable(path, err))
		case types.IsDefinitions(source):
		case lint.IsServerScript(source) && !strings.HasSuffix(path, "_test.lua"):
			c.scripts = append(c.scripts, luaFile{path, source})
		default:
			c.modules = append(c.modules, luaFile{path, source})
		}
		return nil
	})
}
