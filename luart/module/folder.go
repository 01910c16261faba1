package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"

	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// MaxBytes is the longest module file: a mistake (a log, a video) must not fill the memory.
const MaxBytes = 16 << 20

// Found is what was found of a module in a folder: nothing where there is an error.
type Found struct {
	stdlib.Module
	Looked []File // all that were looked at, in order
}

// File is a file, and what it held; nil: there was none.
type File struct {
	Path   string
	Source []byte
}

// filesOf returns the files in which a module may be, without the folder: that of a.b is
// a/b.lua or a/b/init.lua.
func filesOf(name string) ([]string, error) {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "/\\:") || strings.ContainsFunc(part, unicode.IsControl) {
			return nil, fmt.Errorf("invalid module name %q: names joined by dots expected", name)
		}
	}
	base := path.Join(parts...)
	return []string{base + ".lua", base + "/init.lua"}, nil
}

// Find finds a module in a folder, which it does not leave, also not by symbolic links. Also with
// an error it returns which files it looked at.
func Find(dir, name string) (found Found, err error) {
	files, err := filesOf(name)
	if err != nil {
		return found, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return found, fmt.Errorf("loading module %q: %w", name, err)
	}
	defer root.Close()
	for _, file := range files {
		source, err := readFile(root, filepath.FromSlash(file))
		found.Looked = append(found.Looked, File{filepath.Join(dir, filepath.FromSlash(file)), source})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return found, fmt.Errorf("loading module %q: %w", name, err)
		}
		found.Path, found.Source = file, source
		return found, nil
	}
	return found, fmt.Errorf("module %q not found: no %s in %s", name, strings.Join(files, ", no "), dir)
}

// Reader finds modules for those who cannot wait as long as a file system may take.
type Reader struct {
	// Find is Find, but for tests.
	Find func(dir, name string) (Found, error)

	calls giveup.Calls[Found]
}

// Read is Find that ends with ctx, or when the file system has not answered for a while.
func (r *Reader) Read(ctx context.Context, dir, name string) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	found, err := r.calls.Do(ctx, filepath.Join(dir, name), func() (Found, error) { return r.Find(dir, name) })
	if errors.Is(err, giveup.ErrNoAnswer) {
		files, _ := filesOf(name)
		for _, file := range files { // once they are there, they are news
			found.Looked = append(found.Looked, File{Path: filepath.Join(dir, filepath.FromSlash(file))})
		}
		err = fmt.Errorf("loading module %q: %w", name, err)
	}
	return found, err
}

// readFile reads one file.
func readFile(root *os.Root, file string) ([]byte, error) {
	source, err := readRegular(root, file, MaxBytes)
	if errors.Is(err, syscall.ENOTDIR) { // a.b while a is a file
		return nil, fs.ErrNotExist
	}
	return source, err
}
