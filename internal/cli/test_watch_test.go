package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// printed collects what a run prints, and tells of it.
type printed struct{ pieces chan string }

func (p printed) Write(b []byte) (int, error) {
	p.pieces <- string(b)
	return len(b), nil
}

// until waits until text has been printed, and returns what was printed before it.
func (p printed) until(t *testing.T, text string) string {
	t.Helper()
	patience := time.After(60 * time.Second)
	var all strings.Builder
	for !strings.Contains(all.String(), text) {
		select {
		case piece := <-p.pieces:
			all.WriteString(piece)
		case <-patience:
			t.Fatalf("%q was not printed, but %q", text, all.String())
		}
	}
	return all.String()
}

// With --watch the tests run again whose files change: the file itself, the script, a
// module, the Caddyfile; and new ones.
func TestWatchTests(t *testing.T) {
	dir, written := t.TempDir(), filepath.Join(t.TempDir(), "written")
	file := func(name, source string) { // at once: half of it, or none, would be run too
		t.Helper()
		path := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(written, []byte(source), 0o600))
		if err = errors.Join(err, os.Rename(written, path)); err != nil {
			t.Fatal(err)
		}
	}
	file("app.lua", `local api, m = rover.server {}, require "lib.m"
		function api.get() return m .. tostring(rover.config.x) end
		return api`)
	file("lib/m.lua", `return "one"`)
	file("app_test.lua", `test("app", function() expect(rover.test.get("/").body):is "onenil" end)`)
	file("other.lua", `return rover.server {}`)
	file("other_test.lua", `test("other", function() assert(true) end)`)

	ctx, cancel := context.WithCancel(context.Background())
	out := printed{make(chan string, 1000)}
	run := &testRun{
		runner: &scripttest.Runner{Timeout: time.Minute, Open: (&scriptConfigs{}).open, Libraries: all.Libraries()},
		paths:  []string{dir}, report: scripttest.Report{W: out},
	}
	ended := make(chan error)
	go func() {
		_, err := run.watch(ctx)
		ended <- err
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	expect := func(why string, parts ...string) {
		t.Helper()
		got := out.until(t, "watching…")
		for _, part := range parts {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is not in %q", why, part, got)
			}
		}
	}
	expect("at first", "2 passed, 0 failed in 2 files")
	file("lib/m.lua", `return "two"`)
	expect("a module", "expected \"onenil\"", "got \"twonil\"", "0 passed, 1 failed in 1 file")
	file("app_test.lua", `test("app", function() expect(rover.test.get("/").body):is "two7" end)`)
	expect("the tests", "got \"twonil\"", "in 1 file")
	file("Caddyfile", "http:// {\n\trover app.lua {\n\t\tset x 7\n\t}\n}\n")
	expect("a Caddyfile", "passed, 0 failed")
	file("other.lua", `return rover.server {`)
	expect("a script that does not load", "other_test.lua", "syntax error", "in 1 file")
	file("other.lua", `return rover.server {}`)
	expect("and does again", "1 passed, 0 failed in 1 file")
	file("third_test.lua", `test("third", function() assert(true) end)`)
	expect("a new file", "third_test.lua", "no such file")
}
