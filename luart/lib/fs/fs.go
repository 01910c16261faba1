// Package fs is rover.fs: files in the folders that the operator grants. The VM is free while a
// file system answers.
package fs

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

//go:embed fs.lua
var stubs string

// Library is rover.fs.
var Library = &lib.Library{Name: "fs", Stubs: stubs, Needs: map[string]lib.Grant{"": lib.AllowFS}, Explains: true, Open: open}

// How much of a file is read where nobody says, and at most; and how much is written at once.
const (
	DefaultRead = 1 << 20
	MaxRead     = luaval.MaxStringBytes
)

// opened is the library in one generation.
type opened struct {
	vm     lib.VM
	dir    string // where relative paths start: the script's folder
	grants files.Grants
}

func open(s *lib.Scope) lua.LValue {
	o := &opened{vm: s.VM, dir: s.Dir, grants: s.Grants.Files}
	return s.L().SetFuncs(s.L().NewTable(), map[string]lua.LGFunction{
		"read":   o.read,
		"lines":  o.lines,
		"write":  o.write,
		"append": o.append,
		"stat":   o.stat,
		"exists": o.exists,
		"list":   o.list,
		"remove": o.remove,
		"mkdir":  o.mkdir,
	})
}

// ask has do done with the place that argument 1 names, without the VM.
func ask[T any](o *opened, L *lua.LState, what string, do func(files.Place) (T, error)) (T, error) {
	var none T
	path := luaval.CheckString(L, 1)
	if len(o.grants) == 0 {
		L.RaiseError(`rover.fs.%s: files are not allowed: add "allow fs <folder> [ro]" to the rover block of the Caddyfile`, what)
	}
	place, err := o.grants.Find(o.dir, path)
	if err != nil {
		return none, err
	}
	var v T
	o.vm.Caller().Await(L, lib.WaitsOn{What: "rover.fs." + what, Which: path}, func(ctx context.Context) {
		v, err = files.Call(ctx, files.Everywhere, func() (T, error) { return do(place) })
	})
	return v, err
}

// change is ask for what changes something.
func (o *opened) change(L *lua.LState, what string, do func(files.Place) error) int {
	_, err := ask(o, L, what, func(p files.Place) (struct{}, error) { return struct{}{}, do(p) })
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LTrue)
	return 1
}

// kinds are the third results of what fails, by the error.
var kinds = []struct {
	err  error
	kind string
}{
	{fs.ErrNotExist, "not_found"},
	{syscall.ENOTDIR, "not_found"},
	{fs.ErrExist, "exists"},
	{syscall.ENOTEMPTY, "exists"},
	{fs.ErrPermission, "forbidden"},
	{files.ErrForbidden, "forbidden"},
	{files.ErrReadOnly, "forbidden"},
	{files.ErrTooLarge, "too_large"},
	{files.ErrNotFile, "not_file"},
	{giveup.ErrNoAnswer, "timeout"},
}

// failed pushes nil, what has gone wrong, and in a word what that is.
func failed(L *lua.LState, err error) int {
	kind := "failed"
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			kind = k.kind
			break
		}
	}
	if escapes(err) {
		kind = "forbidden"
	}
	L.Push(lua.LNil)
	L.Push(lua.LString(message(L, err)))
	L.Push(lua.LString(kind))
	return 3
}

// escapes reports whether a link leads out of the folder: os.Root has no error for it that others
// could name.
func escapes(err error) bool {
	return err != nil && strings.HasSuffix(err.Error(), "path escapes from parent")
}

// message says what has gone wrong with the file as the script names it: the system's errors have
// other paths, or temporary ones.
func message(L *lua.LState, err error) string {
	if errors.Is(err, giveup.ErrNoAnswer) {
		err = giveup.ErrNoAnswer // without why it was given up
	}
	for path := (*fs.PathError)(nil); errors.As(err, &path); {
		err = path.Err
	}
	if escapes(err) {
		err = files.ErrForbidden
	}
	return fmt.Sprintf("fs: %s: %s", luaval.CheckString(L, 1), err)
}

// size returns argument 2, how many bytes of a file may be read.
func size(L *lua.LState) int64 {
	if L.Get(2) == lua.LNil {
		return DefaultRead
	}
	n := luaval.CheckNumber(L, 2)
	if !(n >= 1 && n <= MaxRead) || n != float64(int64(n)) {
		luaval.ArgError(L, 2, fmt.Sprintf("a whole number of bytes, 1 to %d, expected", MaxRead))
	}
	return int64(n)
}

// read is rover.fs.read(path[, max]).
func (o *opened) read(L *lua.LState) int {
	largest := size(L)
	text, err := ask(o, L, "read", func(p files.Place) ([]byte, error) { return p.Read(largest) })
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LString(text))
	return 1
}

// lines is rover.fs.lines(path[, max]): like io.lines it raises where there is no file.
func (o *opened) lines(L *lua.LState) int {
	largest := size(L)
	text, err := ask(o, L, "lines", func(p files.Place) ([]byte, error) { return p.Read(largest) })
	if err != nil {
		L.RaiseError("%s", message(L, err))
	}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if len(text) == 0 {
			L.Push(lua.LNil)
			return 1
		}
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		L.Push(lua.LString(bytes.TrimSuffix(line, []byte("\r"))))
		return 1
	}))
	return 1
}

// write is rover.fs.write(path, text).
func (o *opened) write(L *lua.LState) int {
	text := []byte(luaval.CheckText(L, 2))
	return o.change(L, "write", func(p files.Place) error { return p.Write(text) })
}

// append is rover.fs.append(path, text).
func (o *opened) append(L *lua.LState) int {
	text := []byte(luaval.CheckText(L, 2))
	return o.change(L, "append", func(p files.Place) error { return p.Append(text) })
}

// remove is rover.fs.remove(path).
func (o *opened) remove(L *lua.LState) int { return o.change(L, "remove", files.Place.Remove) }

// mkdir is rover.fs.mkdir(path).
func (o *opened) mkdir(L *lua.LState) int { return o.change(L, "mkdir", files.Place.Mkdir) }

// stat is rover.fs.stat(path).
func (o *opened) stat(L *lua.LState) int {
	i, err := ask(o, L, "stat", files.Place.Stat)
	if err != nil {
		return failed(L, err)
	}
	L.Push(table(L, i))
	return 1
}

// exists is rover.fs.exists(path).
func (o *opened) exists(L *lua.LState) int {
	_, err := ask(o, L, "exists", files.Place.Stat)
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	if err != nil && !missing {
		return failed(L, err)
	}
	L.Push(lua.LBool(!missing))
	return 1
}

// list is rover.fs.list(path).
func (o *opened) list(L *lua.LState) int {
	infos, err := ask(o, L, "list", files.Place.List)
	if err != nil {
		return failed(L, err)
	}
	list := luaval.NewJSONArray(L) // [] also where nothing is in the folder
	for _, i := range infos {
		t := table(L, i)
		t.RawSetString("name", lua.LString(i.Name))
		list.Append(t)
	}
	L.Push(list)
	return 1
}

func table(L *lua.LState, i files.Info) *lua.LTable {
	t := L.CreateTable(0, 4)
	t.RawSetString("type", lua.LString(i.Type))
	if i.Type == "file" {
		t.RawSetString("size", lua.LNumber(i.Size))
	}
	if !i.Modified.IsZero() {
		t.RawSetString("modified", lua.LNumber(float64(i.Modified.UnixMilli())/1000))
	}
	return t
}
