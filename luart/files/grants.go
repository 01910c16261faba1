package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is a folder that a script may use.
type Folder struct {
	Dir      string // absolute
	ReadOnly bool

	// Unchanged says that who uses it only looks at what a script would do.
	Unchanged bool

	// At is where its files are in truth, for tests of scripts; "": in Dir.
	At string
}

// Grants are the folders of a script.
type Grants []Folder

// The errors of this package. Others are those of the system.
var (
	ErrForbidden = errors.New("it is in no folder of allow fs")
	ErrReadOnly  = errors.New("allow fs has its folder with ro")
	ErrUnchanged = errors.New("check changes no files")
	ErrTooLarge  = errors.New("it is too large")
	ErrNotFile   = errors.New("it is not a regular file")
)

// Unchanged returns the folders so that nothing in them can be changed.
func (g Grants) Unchanged() Grants {
	g = slices.Clone(g)
	for i := range g {
		g[i].Unchanged = true
	}
	return g
}

// MaxPath bounds a path.
const MaxPath = 4096

// Place is something in a folder, which need not be there.
type Place struct {
	folder Folder
	sub    string // a folder of folder that nothing must lead out of, "." for itself
	name   string // in sub: "." for itself
}

// Find returns where path is: relative ones start at base, which is absolute. What leads up in it
// (..) is refused: it may come from a client, who would reach another file than was meant.
func (g Grants) Find(base, path string) (Place, error) {
	if err := checkPath(path); err != nil {
		return Place{}, err
	}
	full := filepath.FromSlash(path)
	if !filepath.IsAbs(full) {
		full = filepath.Join(base, full)
	}
	full = filepath.Clean(full)
	best, name := -1, ""
	for i, folder := range g {
		rel, err := filepath.Rel(folder.Dir, full)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		if best < 0 || len(folder.Dir) > len(g[best].Dir) {
			best, name = i, rel
		}
	}
	if best < 0 {
		return Place{}, ErrForbidden
	}
	return Place{folder: g[best], sub: ".", name: name}, nil
}

// checkPath judges a path of a script.
func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path is empty")
	case len(path) > MaxPath:
		return fmt.Errorf("the path is longer than %d bytes", MaxPath)
	case strings.ContainsAny(path, "\x00\\"):
		return errors.New(`a path without NUL and \ expected`)
	}
	for _, segment := range strings.Split(path, "/") {
		if segment == ".." {
			return errors.New("a path without '..' expected")
		}
	}
	return nil
}

// Path is the place's, for messages and comparisons.
func (p Place) Path() string { return filepath.Join(p.folder.Dir, p.sub, p.name) }

// in calls do with the folder opened, and the name in it.
func (p Place) in(do func(root *os.Root, name string) error) error {
	at := p.folder.Dir
	if p.folder.At != "" {
		at = p.folder.At
	}
	root, err := os.OpenRoot(at + "/") // with the slash it is a folder, or an error: a pipe would wait
	if err != nil {
		return err
	}
	defer root.Close()
	if p.sub == "." {
		return do(root, p.name)
	}
	sub, err := root.OpenRoot(p.sub + "/")
	if err != nil {
		return err
	}
	defer sub.Close()
	return do(sub, p.name)
}
