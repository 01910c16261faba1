package fs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/lib/fs"
	"github.com/caddy-rover/rover/luart/libtest"
)

func newVM(t *testing.T) (*libtest.VM, string) {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/data", 0o755), os.Mkdir(dir+"/public", 0o755), os.WriteFile(dir+"/public/a.txt", []byte("a\nb\r\n\nc"), 0o600),
		os.WriteFile(dir+"/secret", []byte("secret"), 0o600), os.Symlink("../secret", dir+"/data/out")); err != nil {
		t.Fatal(err)
	}
	vm := libtest.New(t, fs.Library)
	vm.Change = func(s *luart.Script) {
		s.Path = filepath.Join(dir, "test.lua")
		s.Files = files.Grants{{Dir: dir + "/data"}, {Dir: dir + "/public", ReadOnly: true}}
	}
	return vm, dir
}

func TestFS(t *testing.T) {
	vm, dir := newVM(t)
	for chunk, want := range map[string]string{
		`return rover.fs.read("public/a.txt")`:                                                     "a\nb\r\n\nc",
		`return rover.fs.read("` + dir + `/public/a.txt", 7)`:                                      "a\nb\r\n\nc",
		`return rover.fs.read("public/a.txt", 6)`:                                                  "nil | fs: public/a.txt: it is too large: more than 6 bytes | too_large",
		`return rover.fs.read("public/none")`:                                                      "nil | fs: public/none: no such file or directory | not_found",
		`return rover.fs.read("public/a.txt/x")`:                                                   "nil | fs: public/a.txt/x: not a directory | not_found",
		`return rover.fs.read("secret")`:                                                           "nil | fs: secret: it is in no folder of allow fs | forbidden",
		`return rover.fs.read("data/../secret")`:                                                   "nil | fs: data/../secret: a path without '..' expected | failed",
		`return rover.fs.read("data/out")`:                                                         "nil | fs: data/out: it is in no folder of allow fs | forbidden",
		`return rover.fs.list("data/out")`:                                                         "nil | fs: data/out: it is in no folder of allow fs | forbidden",
		`rover.fs.mkdir("data/nothing") return getmetatable(rover.fs.list("data/nothing")) ~= nil`: "true",
		`return rover.fs.read("data")`:                                                             "nil | fs: data: it is not a regular file | not_file",
		`return rover.fs.read("data/\0")`:                                                          "nil | fs: data/\x00: a path without NUL and \\ expected | failed",

		`local t = {} for l in rover.fs.lines("public/a.txt") do t[#t+1] = l end return table.concat(t, "+")`: "a+b++c",
		`rover.fs.lines("public/none")`: "error: chunk:1: fs: public/none: no such file or directory",
		`return rover.fs.write("data/w", "1"), rover.fs.append("data/w", "2"), rover.fs.read("data/w")`:                 "true | true | 12",
		`return rover.fs.write("public/w", "1")`:                                                                        "nil | fs: public/w: allow fs has its folder with ro | forbidden",
		`return rover.fs.write("data/out", "1")`:                                                                        "nil | fs: data/out: it is not a regular file | not_file",
		`return rover.fs.write("data/none/w", "1")`:                                                                     "nil | fs: data/none/w: no such file or directory | not_found",
		`return rover.fs.exists("data/none"), rover.fs.exists("data"), rover.fs.exists("secret")`:                       "false | true | nil | fs: secret: it is in no folder of allow fs | forbidden",
		`local i = rover.fs.stat("public/a.txt") return i.type, i.size, i.modified > 1e9, rover.fs.stat("public").size`: "file | 7 | true | nil",
		`return rover.fs.mkdir("data/x/y"), rover.fs.remove("data/x")`:                                                  "true | nil | fs: data/x: directory not empty | exists",
		`local l = rover.fs.list("public") return #l, l[1].name, l[1].type`:                                             "1 | a.txt | file",
		`return rover.fs.read("public/a.txt", 0)`:                                                                       "error: chunk:1: bad argument #2 to read (a whole number of bytes, 1 to 16777216, expected)",
		`rover.fs.read()`:          "error: chunk:1: bad argument #1 to read (string expected, got no value)",
		`rover.fs.write("data/w")`: "error: chunk:1: bad argument #2 to write (string expected, got no value)",
	} {
		vm.Expect(t, chunk, want)
	}
	secret, err := os.ReadFile(dir + "/secret")
	if string(secret) != "secret" || err != nil {
		t.Errorf("the file outside has %q, %v", secret, err)
	}
}

func TestFSNotGranted(t *testing.T) {
	vm := libtest.New(t, fs.Library)
	for _, name := range strings.Fields("read lines write append stat exists list remove mkdir") {
		vm.Expect(t, `rover.fs.`+name+`("/etc/passwd", `+map[bool]string{true: "1", false: `"1"`}[name == "read" || name == "lines"]+`)`,
			`error: chunk:1: rover.fs.`+name+`: files are not allowed: add "allow fs <folder> [ro]" to the rover block of the Caddyfile`)
	}
}
