package luart

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode"
)

// maxModuleBytes is the longest module file: a mistake (a log, a video) must not fill the memory.
const maxModuleBytes = 16 << 20

// moduleFolder finds modules in one folder: a.b is a/b.lua or a/b/init.lua. It does not leave the folder, also not
// by symbolic links.
type moduleFolder struct {
	dir string

	mu     sync.Mutex
	opened map[string]struct{} // paths of the files that were read
}

func newModuleFolder(dir string) *moduleFolder {
	return &moduleFolder{dir: dir, opened: map[string]struct{}{}}
}

// moduleResolver returns the resolve of a new moduleFolder, for callers that do not watch files. Any goroutine may
// call it.
func moduleResolver(dir string) func(name string) (path string, source []byte, err error) {
	return newModuleFolder(dir).resolve
}

// files returns the paths of all files read so far, sorted. Any goroutine may call it.
func (m *moduleFolder) files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	paths := make([]string, 0, len(m.opened))
	for p := range m.opened {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return paths
}

// resolve returns the source of a module and its path inside the folder, which is its name in messages. Any
// goroutine may call it.
func (m *moduleFolder) resolve(name string) (string, []byte, error) {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "/\\:") || strings.ContainsFunc(part, unicode.IsControl) {
			return "", nil, fmt.Errorf("invalid module name %q: names joined by dots expected", name)
		}
	}
	root, err := os.OpenRoot(m.dir)
	if err != nil {
		return "", nil, fmt.Errorf("loading module %q: %w", name, err)
	}
	defer root.Close()
	base := path.Join(parts...)
	tried := []string{base + ".lua", base + "/init.lua"}
	for _, file := range tried {
		source, err := readModule(root, filepath.FromSlash(file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("loading module %q: %w", name, err)
		}
		m.mu.Lock()
		m.opened[filepath.Join(m.dir, filepath.FromSlash(file))] = struct{}{}
		m.mu.Unlock()
		return file, source, nil
	}
	return "", nil, fmt.Errorf("module %q not found: no %s in %s", name, strings.Join(tried, ", no "), m.dir)
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
