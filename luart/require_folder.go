package luart

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
)

// maxModuleBytes is the longest module file: a mistake (a log, a video) must not fill the memory.
const maxModuleBytes = 16 << 20

// moduleResolver returns a function that finds modules in one folder: a.b is a/b.lua or a/b/init.lua. It does not
// leave the folder, also not by symbolic links. It returns a module's path inside the folder, which is its name in
// messages, and its source. opened is told of each file that it looked at, source nil when there was none; nil: nobody
// wants to know. Any goroutine may call it.
func moduleResolver(dir string, opened func(path string, source []byte)) resolver {
	if opened == nil {
		opened = func(string, []byte) {}
	}
	return func(name string) (string, []byte, error) { return resolveModule(dir, name, opened) }
}

func resolveModule(dir, name string, opened func(path string, source []byte)) (string, []byte, error) {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "/\\:") || strings.ContainsFunc(part, unicode.IsControl) {
			return "", nil, fmt.Errorf("invalid module name %q: names joined by dots expected", name)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", nil, fmt.Errorf("loading module %q: %w", name, err)
	}
	defer root.Close()
	base := path.Join(parts...)
	tried := []string{base + ".lua", base + "/init.lua"}
	for _, file := range tried {
		source, err := readModule(root, filepath.FromSlash(file))
		opened(filepath.Join(dir, filepath.FromSlash(file)), source)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("loading module %q: %w", name, err)
		}
		return file, source, nil
	}
	return "", nil, fmt.Errorf("module %q not found: no %s in %s", name, strings.Join(tried, ", no "), dir)
}

// readModule reads one file. It does not open what is no regular file: a pipe would wait for its writer. Any
// goroutine may call it.
func readModule(root *os.Root, file string) ([]byte, error) {
	info, err := root.Stat(file)
	if err != nil {
		if errors.Is(err, syscall.ENOTDIR) { // a.b while a is a file
			return nil, fs.ErrNotExist
		}
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", file)
	}
	f, err := root.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, maxModuleBytes+1))
	if err != nil {
		return nil, err
	}
	if len(source) > maxModuleBytes {
		return nil, fmt.Errorf("%s is longer than %d bytes", file, maxModuleBytes)
	}
	return source, nil
}
