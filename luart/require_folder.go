package luart

import (
	"context"
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

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// maxModuleBytes is the longest module file: a mistake (a log, a video) must not fill the memory.
const maxModuleBytes = 16 << 20

// foundModule is a module in a folder: its path inside, which is its name in messages, and its
// source.
type foundModule struct {
	path   string
	source []byte
	looked []lookedAt // all files that were looked at, in order
}

// lookedAt is a file, and what it held; nil: there was none.
type lookedAt struct {
	path   string
	source []byte
}

// moduleFiles returns the files in which a module may be, without the folder: that of a.b is
// a/b.lua or a/b/init.lua.
func moduleFiles(name string) ([]string, error) {
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "/\\:") || strings.ContainsFunc(part, unicode.IsControl) {
			return nil, fmt.Errorf("invalid module name %q: names joined by dots expected", name)
		}
	}
	base := path.Join(parts...)
	return []string{base + ".lua", base + "/init.lua"}, nil
}

// findModule finds a module in a folder, which it does not leave, also not by symbolic links. Also
// with an error it returns which files it looked at. Any goroutine may call it.
func findModule(dir, name string) (found foundModule, err error) {
	files, err := moduleFiles(name)
	if err != nil {
		return found, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return found, fmt.Errorf("loading module %q: %w", name, err)
	}
	defer root.Close()
	for _, file := range files {
		source, err := readModule(root, filepath.FromSlash(file))
		found.looked = append(found.looked, lookedAt{filepath.Join(dir, filepath.FromSlash(file)), source})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return found, fmt.Errorf("loading module %q: %w", name, err)
		}
		found.path, found.source = file, source
		return found, nil
	}
	return found, fmt.Errorf("module %q not found: no %s in %s", name, strings.Join(files, ", no "), dir)
}

// FindModule finds a module in a folder as require does. Any goroutine may call it.
func FindModule(dir, name string) (stdlib.Module, error) {
	found, err := findModule(dir, name)
	return stdlib.Module{Path: found.path, Source: found.source}, err
}

// moduleReader returns a resolver for the modules in a folder. Others hold the VM while it reads: a
// file system may take long to answer, and is given up after a while. opened is told of each file
// that was looked at, source nil when there was none; nil: nobody wants to know.
func (vm *VM) moduleReader(dir string, opened func(path string, source []byte)) stdlib.Resolver {
	return func(L *lua.LState, name string) (m stdlib.Module, err error) {
		var found foundModule
		vm.await(L, waitsOn{what: "reading module", which: name}, func(ctx context.Context) {
			found, err = vm.readModule(ctx, dir, name)
		})
		if opened != nil {
			for _, l := range found.looked {
				opened(l.path, l.source)
			}
		}
		return stdlib.Module{Path: found.path, Source: found.source}, err
	}
}

// readModule is findModule that ends with ctx. Any goroutine may call it.
func (vm *VM) readModule(ctx context.Context, dir, name string) (foundModule, error) {
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	found, err := vm.modules.Do(ctx, filepath.Join(dir, name), func() (foundModule, error) { return vm.findModule(dir, name) })
	if errors.Is(err, giveup.ErrNoAnswer) {
		files, _ := moduleFiles(name)
		for _, file := range files { // once they are there, they are news
			found.looked = append(found.looked, lookedAt{path: filepath.Join(dir, filepath.FromSlash(file))})
		}
		err = fmt.Errorf("loading module %q: %w", name, err)
	}
	return found, err
}

// readModule reads one file. It does not open what is no regular file: a pipe would wait for its
// writer. Any goroutine may call it.
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

// compileAside is compile while others hold the VM. It ends with the call that runs in L.
func (vm *VM) compileAside(L *lua.LState, source []byte, path string) (proto *lua.FunctionProto, err error) {
	vm.await(L, waitsOn{what: "compiling", which: path}, func(ctx context.Context) {
		proto, err = chunk.CompileFor(ctx, source, path)
	})
	return proto, err
}
