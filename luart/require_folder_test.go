package luart

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/stdlib"
)

func TestModuleFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, source string) {
		t.Helper()
		file := filepath.Join(dir, "app", filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(source), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("a.lua", "a")
	write("lib/b.lua", "b")
	write("lib/pkg/init.lua", "pkg")
	write("both.lua", "file")
	write("both/init.lua", "folder")
	write("größe.lua", "utf-8")
	write("../outside.lua", "secret")
	write("../elsewhere/init.lua", "secret")
	if err := os.Mkdir(filepath.Join(dir, "app", "dir.lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"inside.lua": "a.lua", "escape.lua": "../outside.lua", "absolute.lua": filepath.Join(dir, "outside.lua"),
		"up": "../elsewhere",
	} {
		if err := os.Symlink(target, filepath.Join(dir, "app", link)); err != nil {
			t.Fatal(err)
		}
	}
	app := filepath.Join(dir, "app")
	resolve := func(name string) (string, []byte, error) {
		m, err := findModule(app, name)
		return m.path, m.source, err
	}
	for _, tt := range []struct{ name, path, source string }{
		{"a", "a.lua", "a"},
		{"lib.b", "lib/b.lua", "b"},
		{"lib.pkg", "lib/pkg/init.lua", "pkg"},
		{"both", "both.lua", "file"},
		{"größe", "größe.lua", "utf-8"},
		{"inside", "inside.lua", "a"},
	} {
		path, source, err := resolve(tt.name)
		if err != nil || path != tt.path || string(source) != tt.source {
			t.Errorf("%q: got %q, %q, %v", tt.name, path, source, err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"missing.x", `module "missing.x" not found: no missing/x.lua, no missing/x/init.lua in ` + app},
		{"a.b", `module "a.b" not found: no a/b.lua, no a/b/init.lua in `},
		{"lib", `module "lib" not found`},
		{"dir", "dir.lua is not a regular file"},
		{"escape", "path escapes"},
		{"absolute", "path escapes"},
		{"up", "path escapes"},
		{"", `invalid module name ""`},
		{"..", `invalid module name`},
		{"../outside", `invalid module name "../outside"`},
		{"...outside", `invalid module name`},
		{"/etc/passwd", `invalid module name`},
		{`..\outside`, `invalid module name`},
		{"C:x", `invalid module name`},
		{"a\x00", `invalid module name "a\x00"`},
		{"a\n", `invalid module name`},
		{"a..b", `invalid module name`},
		{"a.", `invalid module name`},
	} {
		path, source, err := resolve(tt.name)
		if err == nil || !strings.Contains(err.Error(), tt.want) || path != "" || source != nil {
			t.Errorf("%q: got %q, %q, %v, want %q", tt.name, path, source, err, tt.want)
		}
	}
	if err := os.Truncate(filepath.Join(app, "a.lua"), maxModuleBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := resolve("a"); err == nil || !strings.Contains(err.Error(), "a.lua is longer than") {
		t.Errorf("a huge file: got %v", err)
	}
	if _, err := findModule(filepath.Join(dir, "gone"), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: got %v", err)
	}
}

// A large module is compiled while others have the VM, and no longer than somebody waits for it.
func TestRequireLarge(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.large.get() return require("large").item39999.name end
		function api.huge.get() return type(require("huge")) end
		function api.wrong.get() return require("wrong") end
		function api.ping.get() return "pong" end
		return api`, func(s *Script) {
		s.Burst, s.Timeout = 10*time.Minute, 0
		s.Modules = map[string]stdlib.Module{
			"large": {Path: "large.lua", Source: []byte(largeModule(40_000))},
			"huge":  {Path: "huge.lua", Source: []byte(largeModule(150_000))},
			"wrong": {Path: "wrong.lua", Source: []byte(strings.Repeat("\n", 70_000) + "return return")},
		}
	})
	s.expect("GET /large", "200 name 39999")
	s.expect("GET /wrong", `500 {"error":"internal error"}`)
	if l := s.logged("script error"); len(l) == 0 || !strings.Contains(fmt.Sprint(l[0].ContextMap()["error"]), "wrong.lua:70001: syntax error") {
		t.Errorf("logged %v", l)
	}

	ended := make(chan string)
	go func() { ended <- answer(s.do("GET /huge", "")) }()
	calls := s.inFlight(func(c []Call) bool { return len(c) == 1 && c[0].WaitsOn == `compiling "huge.lua"` })
	s.expect("GET /ping", "200 pong")
	s.kill(calls[0].ID)
	if got := <-ended; !strings.HasPrefix(got, "50") {
		t.Errorf("the killed request got %s", got)
	}
}

// A file system that does not answer holds up who requires a module of it, and nobody else.
func TestRequireHangs(t *testing.T) {
	var opened []string
	s := newServer(t, `
		local api = rover.server {}
		function api.wait.get() return require("lib.m") end
		function api.ping.get() return "pong" end
		return api`, func(s *Script) {
		s.Opened = func(path string, source []byte) { opened = append(opened, fmt.Sprintf("%s %q", path, source)) }
	})
	hang := make(chan struct{})
	s.vm.findModule = func(string, string) (foundModule, error) {
		<-hang
		found := foundModule{"lib/m.lua", []byte("return 'read'"), []lookedAt{{"lib/m.lua", []byte("…")}}}
		return found, nil
	}
	ended := make(chan string, 2)
	begin := func() uint64 {
		go func() { ended <- answer(s.do("GET /wait", "")) }()
		return s.inFlight(func(c []Call) bool { return len(c) == 1 && c[0].WaitsOn == `reading module "lib.m"` })[0].ID
	}
	id := begin()
	s.expect("GET /ping", "200 pong")
	s.kill(id)
	if got := <-ended; !strings.HasPrefix(got, "50") {
		t.Errorf("the killed request got %s", got)
	}
	if len(opened) != 0 {
		t.Errorf("a killed request has looked at %q", opened)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	found, err := s.vm.readModule(gone, "/app", "lib.m")
	if !errors.Is(err, giveup.ErrNoAnswer) || err.Error() != `loading module "lib.m": the file system does not answer` {
		t.Errorf("error %v", err)
	}
	if want := []lookedAt{{path: "/app/lib/m.lua"}, {path: "/app/lib/m/init.lua"}}; !reflect.DeepEqual(found.looked, want) {
		t.Errorf("looked at %+v, want %+v", found.looked, want)
	}
	begin()
	s.expect("GET /ping", "200 pong")
	close(hang)
	if got := <-ended; got != "200 read" {
		t.Errorf("got %s", got)
	}
	if len(opened) != 1 {
		t.Errorf("looked at %q", opened)
	}
}

// largeModule is a table of n entries.
func largeModule(n int) string {
	var b strings.Builder
	b.WriteString("return {\n")
	for i := range n {
		fmt.Fprintf(&b, "  item%d = { name = \"name %d\", value = %d },\n", i, i%60_000, i)
	}
	b.WriteString("}\n")
	return b.String()
}
